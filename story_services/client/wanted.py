"""What a play becomes in the services: the requests that bring it in, step by step. Pure.

Guarantees: the same play and the same place give the same requests to the byte, so the keys made
from them are the same in every run; no request has more than the services take at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from story_services.client.api import dumps
from story_services.corpora.model import Element, Play, Role

#: Most in one request: elements, characters, sections that come with their script; and its size.
ELEMENTS, CHARACTERS, SECTIONS = 500, 500, 1000
BYTES = 512 * 1024

Part = Literal["sections", "cast", "elements"]


@dataclass(frozen=True)
class Had:
    """How much of a play a script has: ids of sections and characters, number of elements."""

    sections: tuple[int, ...] = ()
    cast: tuple[int, ...] = ()
    elements: int = 0

    def is_whole(self, play: Play) -> bool:
        """Whether nothing of the play is missing."""
        wanted = (len(play.sections), len(play.cast), len(play.elements))
        return wanted == (len(self.sections), len(self.cast), self.elements)


@dataclass(frozen=True)
class Step:
    """One request: where it goes, what it says, and how many of which part it brings, after how
    many of that part."""

    part: Part
    path: str
    body: bytes
    after: int
    count: int

    def key(self, try_number: int = 0) -> str:
        """Its `Idempotency-Key`; another one for each further try of what was undone."""
        return key(self.path, self.body, f"{self.after} {try_number}")


def key(path: str, body: bytes, more: str) -> str:
    """An `Idempotency-Key` of a request, a function of what it says."""
    digest = hashlib.sha256(b"\0".join((path.encode(), body, more.encode())))
    return f"story-import-{digest.hexdigest()[:40]}"


def storable(play: Play) -> Play:
    """The play as it is stored: a character needs a description, so one without any gets one
    that says no more than what is known, and that its export keeps."""
    cast = tuple(role if role.description else _described(role, play) for role in play.cast)
    return replace(play, cast=cast)


def _described(role: Role, play: Play) -> Role:
    return replace(role, description=f"A role in {play.title}.")


def script_body(play: Play, comment: str) -> bytes:
    """The request that makes the script, with the sections that fit in."""
    sections = play.sections[:SECTIONS]
    titles = [{"title": section.title} for section in sections]
    head = {
        "title": play.title,
        "author": play.author or None,
        "description": play.description or None,
    }
    return dumps({**head, "sections": titles, "comment": comment})


def next_step(play: Play, script_id: int, had: Had) -> Step | None:
    """What to ask for next, None when all is there. References are by position until here."""
    base = f"/scripts/{script_id}"
    if len(had.sections) < len(play.sections):
        title = play.sections[len(had.sections)].title
        return Step("sections", f"{base}/sections", dumps({"title": title}), len(had.sections), 1)
    if len(had.cast) < len(play.cast):
        people = [
            {"name": role.name, "description": role.description}
            for role in play.cast[len(had.cast) :]
        ]
        chunk = _first(people, CHARACTERS)
        return Step("cast", f"{base}/cast", dumps({"characters": chunk}), len(had.cast), len(chunk))
    if had.elements < len(play.elements):
        chunk = _first(
            [_row(e, had) for e in play.elements[had.elements : had.elements + ELEMENTS]], ELEMENTS
        )
        return Step(
            "elements", f"{base}/elements", dumps({"elements": chunk}), had.elements, len(chunk)
        )
    return None


def _row(element: Element, had: Had) -> dict[str, Any]:
    row = {
        "elementType": element.kind,
        "text": element.text,
        "characterId": None if element.role is None else had.cast[element.role],
        "sectionId": None if element.section is None else had.sections[element.section],
        "speechId": element.speech,
    }
    return {name: value for name, value in row.items() if value is not None}


def _first(rows: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return list(_fitting(rows[:most]))


def _fitting(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """As many as fit into one request, at least one."""
    size = 0
    for n, row in enumerate(rows):
        size += len(dumps(row)) + 1
        if n and size > BYTES:
            return
        yield row

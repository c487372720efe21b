"""A play as our own JSON: one element a line, the same play the same bytes.

The schema has a version, `format: "play 1"`. Reading is strict: unknown keys, wrong types and
values out of range are refused with the path of what is wrong, broken JSON with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from story_services.corpora.errors import CorpusError
from story_services.corpora.model import Element, Kind, Play, Role, Section

FORMAT = "play 1"

_Position = Annotated[int, Field(strict=True, ge=0)] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Role(_Strict):
    name: str
    description: str = ""


class _Section(_Strict):
    title: str


class _Element(_Strict):
    kind: Kind
    text: str
    section: _Position = None
    role: _Position = None
    speech: _Position = None


class _Play(_Strict):
    format: Literal["play 1"]
    title: str
    author: str = ""
    description: str = ""
    cast: list[_Role] = []
    sections: list[_Section] = []
    elements: list[_Element] = []


def read_json(text: str) -> Play:
    """The play; CorpusError with the line of broken JSON or the path of what is wrong."""
    try:
        said = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg}", f"line {error.lineno}") from None
    except CorpusError:
        raise
    except RecursionError:
        raise CorpusError("not a play: nested too deep") from None
    except ValueError:  # of Python: a number of more digits than it reads
        raise CorpusError("not a play: a number is too long") from None
    try:
        read = _Play.model_validate(said)
    except ValidationError as error:
        raise _problem(error) from None
    return Play(
        read.title,
        read.author,
        read.description,
        tuple(Role(role.name, role.description) for role in read.cast),
        tuple(Section(section.title) for section in read.sections),
        tuple(Element(e.kind, e.text, e.section, e.role, e.speech) for e in read.elements),
    )


def write_json(play: Play) -> Iterator[str]:
    """The file in parts, in order. What a reader did not understand is no part of it."""
    yield f'{{\n"format": {_dump(FORMAT)},\n"title": {_dump(play.title)},\n'
    yield f'"author": {_dump(play.author)},\n"description": {_dump(play.description)}'
    yield from _rows("cast", ({"name": r.name, "description": r.description} for r in play.cast))
    yield from _rows("sections", ({"title": section.title} for section in play.sections))
    yield from _rows("elements", map(_row, play.elements))
    yield "\n}\n"


def _row(element: Element) -> dict[str, Any]:
    row = {
        "kind": element.kind,
        "section": element.section,
        "role": element.role,
        "speech": element.speech,
        "text": element.text,
    }
    return {key: value for key, value in row.items() if value is not None}


def _rows(key: str, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield f',\n"{key}": ['
    separator = "\n"
    for row in rows:
        yield separator + _dump(row)
        separator = ",\n"
    yield "]" if separator == "\n" else "\n]"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise CorpusError(f"the key {twice[:40]!r} is there twice")
    return found


def _problem(error: ValidationError) -> CorpusError:
    first = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in first["loc"])
    more = f" (and {error.error_count() - 1:,} more)" if error.error_count() > 1 else ""
    message = re.sub(r"\s+", " ", first["msg"])
    return CorpusError(f"{message[:1].lower()}{message[1:]}{more}", place.lstrip("."))

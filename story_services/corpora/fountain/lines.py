"""The `screenplay-tools` parser behind a guard: what each line of a Fountain file is.

The parser decides; the guard feeds it one line at a time, knows therefore the line of every
element, and keeps from it what it is known to get wrong in 0.0.10: it forgets CONT'D, takes a
dialogue line that begins like "Est" for a scene heading, text after an empty line for dialogue,
a first "FADE IN:" for a title page, and needs minutes for some long lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from screenplay_tools.fountain.parser import Parser  # type: ignore[import-untyped]

from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain.escapes import LONGEST_LINE, NOTHING, Line, only_asides

_LONG = 1000  # from here on a line is prose, never a name or a heading
_HEADING = re.compile(r"(?i)((INT|EXT|EST|INT\./EXT|INT/EXT|I/E)(\.|\s))|(FADE IN:)")
_KEY = re.compile(r"[A-Za-z0-9 ]*")
_LONGEST_KEY = 60
_LONGEST_ENTRY = LONGEST_LINE  # a description of 10,000 characters, and its marks
_NO_TITLE_PAGE = re.compile(r"(?i)\s*(fade in|[^:]{0,40}\bto)\s*:\s*")
_CONTINUED = re.compile(r"(?i)\(\s*CONT(['’])D\s*\)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One thing the parser found: `kind` is its name for it; `after_blank` of the line before."""

    number: int
    kind: str
    text: str
    name: str = ""
    extension: str = ""
    dual: bool = False
    after_blank: bool = False
    forced: bool = False


def parse(lines: list[Line]) -> Iterator[Parsed]:
    """Everything in the file in order, title page first; all texts still hidden."""
    parser = Parser()
    parser.mergeActions = parser.mergeDialogue = False
    if lines and _NO_TITLE_PAGE.fullmatch(lines[0].text):
        parser.add_line("")
    blank = True
    before: tuple[Line, bool] | None = None
    for line in lines:
        if only_asides(line.text):  # the lines around it are neighbours
            yield Parsed(line.number, "ASIDES", line.text)
            continue
        elements, titles = len(parser.script.elements), len(parser.script.titleEntries)
        in_titles = parser._inTitlePage
        parser.add_line(_guarded(line, blank, in_titles))
        yield from _titles(parser, titles, line, in_titles)
        fresh = [e for e in parser.script.elements[elements:] if not _is_blank(e)]
        here = (line, blank)
        blank = not line.text.strip()
        # A name or a transition without a mark is known as such one line later.
        late = before is not None and (len(fresh) > 1 or blank)
        for n, element in enumerate(fresh):
            yield _parsed(element, *(before if late and n == 0 and before else here))
        before = here
    rest = len(parser.script.elements)
    parser.finalize()
    for element in parser.script.elements[rest:]:
        if before and not _is_blank(element):
            yield _parsed(element, *before)


def _titles(parser: Any, known: int, line: Line, in_titles: bool) -> Iterator[Parsed]:
    for entry in parser.script.titleEntries[known:]:
        yield Parsed(line.number, "TITLEENTRY", entry.text_raw, name=entry.key)
    if in_titles and parser._inTitlePage and len(parser.script.titleEntries) == known:
        yield Parsed(line.number, "TITLELINE", line.text.strip())


def _guarded(line: Line, after_blank: bool, in_titles: bool) -> str:
    core = line.text.strip(" \t")
    if not core:
        return "  " if len(line.text) > 1 else ""
    lead = line.text[: len(line.text) - len(line.text.lstrip(" \t"))][:8]
    core = _CONTINUED.sub(_keep_apostrophe, core).replace("\t", "\udc09")
    if len(core) > _LONG and core[0] in "@.#":
        raise CorpusError("too long for a name or a heading", f"line {line.number}")
    if in_titles:
        key = len(_KEY.match(core)[0])  # type: ignore[index]
        if key > _LONGEST_KEY:
            return lead + NOTHING + core
        if core[key:].startswith(":"):
            if len(core) > _LONGEST_ENTRY:
                raise CorpusError("too long for a title page", f"line {line.number}")
            return lead + core
    prose = len(core) > _LONG and core[0] not in "!>~=("
    if prose or (_HEADING.match(core) and not after_blank):
        core = NOTHING + core
    return lead + core


def _keep_apostrophe(found: re.Match[str]) -> str:
    return found.group().replace("'", "\udc27").replace("’", "\udcfe")


def _is_blank(element: Any) -> bool:
    return element.type.name in ("ACTION", "DIALOGUE") and not element.text_raw.strip()


def _parsed(element: Any, line: Line, after_blank: bool) -> Parsed:
    kind = element.type.name
    if kind == "CHARACTER":
        return Parsed(
            line.number,
            kind,
            "",
            name=element.name,
            extension=element.extension or "",
            dual=element.is_dual_dialogue,
            after_blank=after_blank,
        )
    text = element.text_raw
    if kind == "HEADING" and element.scene_number:
        text = f"{text} #{element.scene_number}#"
    forced = kind == "ACTION" and (element.forced or element.centered)
    return Parsed(line.number, kind, text, after_blank=after_blank, forced=forced)

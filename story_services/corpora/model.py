"""A play by itself: cast, sections and elements in the order in which they are told.

Knows no service, no file and no id; elements refer to the cast and to sections by position. A
Play that exists is well formed: every reference resolves, every text can be stored by the
services (`rules`), and speeches are numbered 1, 2, 3 ... as they begin. Comparing two plays
compares what they tell, not what a reader failed to understand (`gaps`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from story_services.corpora import rules
from story_services.corpora.errors import CorpusError

Kind = Literal["spokenWord", "action", "transition", "note"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_HEADING = re.compile(r"(?i)\s*(act|scene|prologue|epilogue|induction|intermission)\b")


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody in the cast. Two may have the same name: they are told apart by position."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """An act, a scene, a chapter: all sections are in one row, whatever they are."""

    title: str

    @property
    def kind(self) -> str:
        """`act`, `scene`, `prologue`, `epilogue`, `induction`, `intermission` or `section`."""
        found = _HEADING.match(self.title)
        return found[1].lower() if found else "section"


@dataclass(frozen=True, slots=True)
class Element:
    """One step of the story: a spoken line, a direction, a transition or a note.

    `section` and `role` are positions in the play's sections and cast. `speech` is what lines of
    one speech share; an action has it when it belongs into that speech, like "[Aside]".
    """

    kind: Kind
    text: str
    section: int | None = None
    role: int | None = None
    speech: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something in a file that was not understood, by line (from 1), with the reason."""

    line_number: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Play:
    """A whole play. CorpusError, with the place, if it is not well formed."""

    title: str
    author: str = ""
    description: str = ""
    cast: tuple[Role, ...] = ()
    sections: tuple[Section, ...] = ()
    elements: tuple[Element, ...] = ()
    gaps: tuple[Gap, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        rules.name(self.title, rules.TITLE, "title")
        rules.text(self.author, rules.TITLE, "author")
        rules.text(self.description, rules.SUMMARY, "description")
        for n, role in enumerate(self.cast):
            rules.name(role.name, rules.NAME, f"cast[{n}].name")
            rules.text(role.description, rules.DESCRIPTION, f"cast[{n}].description")
        for n, section in enumerate(self.sections):
            rules.name(section.title, rules.TITLE, f"sections[{n}].title")
        self._check_elements()

    def _check_elements(self) -> None:
        speech, speaker = 0, None
        for n, element in enumerate(self.elements):
            place = f"elements[{n}]"
            rules.text(element.text, rules.TEXT, f"{place}.text", least=1)
            _within(element.section, len(self.sections), "section", place)
            _within(element.role, len(self.cast), "role", place)
            if problem := _misplaced(element, speech, speaker):
                raise CorpusError(problem, place)
            if element.speech is not None:
                speech, speaker = element.speech, element.role

    @property
    def speeches(self) -> int:
        """How many speeches there are."""
        return max((e.speech for e in self.elements if e.speech), default=0)


def _within(position: int | None, count: int, what: str, place: str) -> None:
    if position is not None and not 0 <= position < count:
        raise CorpusError(f"there is no {what} {position}; there are {count}", place)


def _misplaced(element: Element, speech: int, speaker: int | None) -> str | None:
    """Why an element may not stand after the speech that was last, if it may not."""
    if element.kind not in KINDS:
        return f"kind must be one of {', '.join(KINDS)}, not {element.kind!r}"
    if element.kind in ("transition", "note"):
        if element.role is not None or element.speech is not None:
            return f"a {element.kind} has neither role nor speech"
    elif element.speech is None:
        if element.kind == "spokenWord":
            return "a spokenWord needs a speech"
    elif element.speech not in (speech, speech + 1) or element.speech < 1:
        return f"speech {element.speech} cannot follow speech {speech}"
    elif element.speech == speech and element.role != speaker:
        return f"speech {speech} has another role already"
    return None


def number_speeches(elements: Iterable[Element]) -> Iterator[Element]:
    """The elements with speeches numbered from 1 in order, whatever numbers they had, if any.

    For elements of other origin: neighbouring lines of one role that share a number are one
    speech; a line without a number is a speech of its own. A direction of another role than the
    speech it was in stands by itself; transitions and notes lose what they may not have.
    """
    number, current, speaker = 0, None, None
    for element in elements:
        if element.kind in ("transition", "note"):
            yield replace(element, role=None, speech=None)
            continue
        key = element.speech
        if element.kind == "action" and (
            key is None or (key == current and element.role != speaker)
        ):
            yield replace(element, speech=None)
            continue
        if key is None or key != current or element.role != speaker:
            number += 1
            current, speaker = key, element.role
        yield replace(element, speech=number)

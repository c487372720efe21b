"""How far what is stored is the beginning of a play, and where it is something else. Pure.

Nothing is ever judged alike that an export would show to be different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from story_services.corpora.model import Element, Play

_SHOWN = 60  # characters of a text in a message


@dataclass(frozen=True)
class Difference:
    """The first place in which a script is not the beginning of the play that was asked for."""

    place: str
    stored: str
    wanted: str

    def __str__(self) -> str:
        return (
            f"They first differ at {self.place}: stored is {self.stored}, "
            f"asked for is {self.wanted}"
        )


def difference(stored: Play, wanted: Play) -> Difference | None:
    """Where `stored` is not a beginning of `wanted`; None when it is, or when they are equal.

    Beginning: the same head, and of sections, cast and elements the first so many.
    """
    for name in ("title", "author", "description"):
        has, wants = getattr(stored, name), getattr(wanted, name)
        if has != wants:
            return Difference(f"its {name}", *_both(has, wants))
    return (
        _first("section", _titles(stored), _titles(wanted))
        or _first("character", _people(stored), _people(wanted))
        or _elements(stored, wanted)
    )


def _titles(play: Play) -> list[str]:
    return [section.title for section in play.sections]


def _people(play: Play) -> list[str]:
    return [f"{role.name}: {role.description}" for role in play.cast]


def _first(what: str, stored: Sequence[str], wanted: Sequence[str]) -> Difference | None:
    for n, has in enumerate(stored):
        if n >= len(wanted):
            return Difference(f"{what} {n + 1}", _short(has), "no more")
        if has != wanted[n]:
            return Difference(f"{what} {n + 1}", *_both(has, wanted[n]))
    return None


def _elements(stored: Play, wanted: Play) -> Difference | None:
    for n, has in enumerate(stored.elements):
        place = f"element {n + 1}"
        if n >= len(wanted.elements):
            return Difference(place, _told(stored, has, _short(has.text)), "no more")
        wants = wanted.elements[n]
        if has != wants:
            texts = _both(has.text, wants.text)
            return Difference(place, _told(stored, has, texts[0]), _told(wanted, wants, texts[1]))
    return None


def _told(play: Play, element: Element, text: str) -> str:
    """An element in words: what, whose, where."""
    whose = "" if element.role is None else f" of {play.cast[element.role].name}"
    where = "" if element.section is None else f" in {play.sections[element.section].title}"
    speech = "" if element.speech is None else f", speech {element.speech}"
    return f"the {element.kind}{whose}{where}{speech}: {text}"


def _both(one: str, other: str) -> tuple[str, str]:
    """Two texts as a message shows them: from shortly before they part."""
    same = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        same += 1
    start = max(0, same - _SHOWN // 2) if max(len(one), len(other)) > _SHOWN else 0
    return _short(one, start), _short(other, start)


def _short(text: str, start: int = 0) -> str:
    if not text:
        return "nothing"
    end = start + _SHOWN
    return f"{'...' if start else ''}{text[start:end]!r}{'...' if len(text) > end else ''}"

"""What an import came to, in numbers and in words: what is there, what was not understood. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from story_services.corpora.model import Gap, Play

_MANY = 50  # gaps named for people; programs get all of them
_SHOWN = 70


def counts(play: Play) -> dict[str, int]:
    """How much there is of everything."""
    kinds = Counter(element.kind for element in play.elements)
    return {
        "sections": len(play.sections),
        "scenes": sum(section.kind == "scene" for section in play.sections),
        "characters": len(play.cast),
        "elements": len(play.elements),
        "speeches": play.speeches,
        "spokenLines": kinds["spokenWord"],
        "directions": kinds["action"],
        "transitions": kinds["transition"],
        "notes": kinds["note"],
    }


def in_words(play: Play) -> str:
    """The same as a sentence; what there is none of is left out."""
    of = counts(play)
    scenes = _many(of["scenes"], "scene", "scenes")
    within = f" ({scenes})" if of["scenes"] else ""
    parts = [
        _many(of["sections"], "section", "sections") + within,
        _many(of["characters"], "character", "characters"),
        _many(of["speeches"], "speech", "speeches"),
        _many(of["spokenLines"], "spoken line", "spoken lines"),
        _many(of["directions"], "direction", "directions"),
    ]
    for name in ("transition", "note"):
        if number := of[f"{name}s"]:
            parts.append(_many(number, name, f"{name}s"))
    return ", ".join(parts)


def gaps(found: tuple[Gap, ...]) -> Iterator[str]:
    """What was not understood, a line each."""
    if not found:
        yield "Everything in it was understood."
        return
    yield f"Not understood ({len(found)}):"
    for gap in found[:_MANY]:
        text = " ".join(gap.text.split())
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        yield f"  line {gap.line_number}: {shown} ({gap.reason})"
    if len(found) > _MANY:
        yield f"  and {len(found) - _MANY} more; --json lists them all"


def as_json(found: tuple[Gap, ...]) -> list[dict[str, Any]]:
    """What was not understood, for programs."""
    return [{"line": gap.line_number, "text": gap.text, "reason": gap.reason} for gap in found]


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"

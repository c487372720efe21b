"""How any text stands in a Fountain file, and how a file becomes lines with nothing ambiguous.

Fountain says that a backslash takes the meaning from `*` and `_`. We use the same for every
ASCII mark, and three more: a backslash at the end of a line goes on with the text on the next
line, `\\|` stands for nothing (so that blanks beside it are seen), and inside parentheses and
names the marks that would end them are escaped. Reading turns every escaped character into a
lone surrogate, which no valid text can hold, so that no parser takes it for a mark; `reveal`
turns it back. Notes and boneyards are cut out and leave a marker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from story_services.corpora import rules
from story_services.corpora.errors import CorpusError

LONGEST_LINE = 25_000  # characters: twice the longest text, and its marks
VERSION = 1  #: of what we add to Fountain; the title page names it
NO_TEXT = "\\|"
NOTHING = "\udc7c"  # the same, hidden

_ESCAPE = re.compile(r"\\([\n !-/:-@\[-`{-~])")
_HIDDEN = re.compile("[\udc00-\udc7f\udcfe]")
_TOKEN = re.compile(r"\n|\udc0a|\[\[|/\*")
_MARKER = re.compile("([\ud800\ud801])([0-9]+)\ud802")

_MARKED = re.compile(rf" (?:{_MARKER.pattern})+(?= )|{_MARKER.pattern}")  # and one blank of two

_ALWAYS = re.compile(r"[\\*_]|\[(?=\[)|(?<=\[)\[")
_MORE = {"note": r"[\[\]]", "role": r"[()^#:]", "inline": r"[()]", "transition": r"<\Z"}
_CARRIED = {kind: re.compile(f"{_ALWAYS.pattern}|{more}") for kind, more in _MORE.items()}
_FORCED = re.compile(r"[#@>~=!.(]")
_HEADING = re.compile(r"(?i)int|ext|est|i/e|fade in")


@dataclass(frozen=True, slots=True)
class Aside:
    """A note or a boneyard that was cut out, by the line on which it begins."""

    kind: Literal["note", "boneyard"]
    number: int
    text: str  # hidden, as all text of lines


@dataclass(frozen=True, slots=True)
class Line:
    """One line as a parser may see it, with its number in the file."""

    number: int
    text: str


def escape(text: str, where: str = "") -> str:
    """A text as part of a line (or lines); `where` is "note", "role", "inline", "transition"."""
    first, *more = _CARRIED.get(where, _ALWAYS).sub(r"\\\g<0>", text).split("\n")
    text = "\\\n".join([first, *map(_unforced, more)])
    if text[:1].isspace() or text.startswith("\\\n"):
        text = f"{NO_TEXT}{text}"
    return f"{text}{NO_TEXT}" if not text or text[-1].isspace() else text


def escape_line(text: str) -> str:
    """A text as a line by itself: nothing at its beginning is taken for a mark either."""
    return f"\\{escape(text)}" if _FORCED.match(text) else _unlike_heading(escape(text))


def _unforced(line: str) -> str:
    """A line that goes on, so that programs which know no such lines do not misread it."""
    return f"\\{line}" if _FORCED.match(line) else _unlike_heading(line)


def _unlike_heading(line: str) -> str:
    return f"{NO_TEXT}{line}" if _HEADING.match(line) else line


def reveal(text: str) -> str:
    """The text that was meant: hidden characters shown again."""
    return _HIDDEN.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    hidden = found.group()
    if hidden == NOTHING:
        return ""
    return "’" if hidden == "\udcfe" else chr(ord(hidden) - 0xDC00)


def hide(text: str) -> str:
    """Every escaped character as a lone surrogate."""
    return _ESCAPE.sub(lambda found: chr(0xDC00 + ord(found[1])), text)


def take_apart(text: str) -> tuple[list[Line], list[Aside]]:
    """A file's lines with escapes hidden, and its notes and boneyards, which left markers.

    CorpusError, with the line, on control characters, on lines that are too long, and on a note
    or boneyard without an end.
    """
    text = rules.source(text)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise CorpusError(f"more than {LONGEST_LINE:,} characters in a line", f"line {number}")
    return _Scanner(hide(text)).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.number = 1
        self.lines: list[Line] = []
        self.asides: list[Aside] = []

    def scan(self) -> tuple[list[Line], list[Aside]]:
        at, parts, first = 0, [], 1
        while found := _TOKEN.search(self.text, at):
            parts.append(self.text[at : found.start()])
            at = found.end()
            if found.group() == "\n":
                self.lines.append(Line(first, "".join(parts)))
                self.number, parts = self.number + 1, []
                first = self.number
            elif found.group() == "\udc0a":
                self.number += 1
                parts.append("\udc0a")
            else:
                at = self._aside(found.group(), at, parts)
        self.lines.append(Line(first, "".join([*parts, self.text[at:]])))
        return self.lines, self.asides

    def _aside(self, opening: str, at: int, parts: list[str]) -> int:
        note = opening == "[["
        end = self.text.find("]]" if note else "*/", at)
        content = self.text[at:end]
        if end < 0 or (note and "\n\n" in content):
            what = "note ([[)" if note else "boneyard (/*)"
            raise CorpusError(f"the {what} that begins here does not end", f"line {self.number}")
        parts.append(f"{chr(0xD800 if note else 0xD801)}{len(self.asides)}\ud802")
        self.asides.append(Aside("note" if note else "boneyard", self.number, content))
        self.number += content.count("\n") + content.count("\udc0a")
        return end + 2


def without_asides(text: str, asides: list[Aside]) -> tuple[str, list[Aside]]:
    """A line's text without markers, and what they stood for."""
    found = [asides[int(marker[2])] for marker in _MARKER.finditer(text)]
    return _MARKED.sub("", text).strip(), found


def only_asides(line: str) -> bool:
    """Whether a line holds markers and nothing else."""
    return "\ud802" in line and not _MARKER.sub("", line).strip()

"""A play from a Fountain file, ours or another program's.

Our own files say so on their title page (`Story format`) and come back exactly. In others every
heading is a section, a parenthetical a direction inside its speech, and directions belong to
the role they name; what a play has no place for (boneyards, page breaks, other title page
entries) is listed among the gaps. Errors name the line.
"""

from __future__ import annotations

import re
from dataclasses import replace

from story_services.corpora import rules
from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain.escapes import (
    NOTHING,
    Aside,
    reveal,
    take_apart,
    without_asides,
)
from story_services.corpora.fountain.lines import Parsed, parse
from story_services.corpora.fountain.roles import Roles
from story_services.corpora.fountain.titlepage import TitlePage
from story_services.corpora.model import Element, Gap, Kind, Play, Section
from story_services.corpora.names import NameBook
from story_services.corpora.stage import role_of

_CONTINUES = re.compile(r"(?i)cont['’]d|continued|continuing")
_SECTION = re.compile(r"section ([0-9]{1,9})")
_SAID = ("DIALOGUE", "LYRIC", "PARENTHETICAL")


def read_fountain(text: str, title: str) -> Play:
    """The play; `title` is used when the file has none. CorpusError names the line."""
    lines, asides = take_apart(text)
    reader = _Reader(asides)
    for parsed in parse(lines):
        reader.read(parsed)
    return reader.play(title)


class _Reader:
    def __init__(self, asides: list[Aside]) -> None:
        self.asides = asides
        self.roles = Roles()
        self.page = TitlePage(self.roles, asides)
        self.sections: list[Section] = []
        self.section: int | None = None
        self.elements: list[Element] = []
        self.gaps: list[Gap] = []
        self.speech = 0
        self.speaker: int | None = None
        self.fresh = self.in_speech = False
        self.acted: int | None = None  # the direction of the line that is being read
        self.last_action = -1  # the line of the last action without a mark, to go on with

    def read(self, parsed: Parsed) -> None:
        """One more thing from the file."""
        if parsed.kind in ("TITLEENTRY", "TITLELINE"):
            return self.page.read(parsed)
        self._leave_title_page()
        text, asides = without_asides(parsed.text, self.asides)
        if parsed.kind == "CHARACTER":
            self._cue(parsed)
        elif parsed.kind in ("SECTION", "HEADING"):
            self._heading(parsed, text)
        elif parsed.kind == "PAGEBREAK":
            self._gap(parsed.number, "===", "a page break")
        elif text:
            self._text(parsed, text)
        for aside in asides:
            self._aside(aside)
        self.acted = None
        return None

    def _leave_title_page(self) -> None:
        asides, self.page.asides = self.page.asides, []
        for aside in asides:
            self._aside(aside)

    def _heading(self, parsed: Parsed, text: str) -> None:
        if not text:
            return self._gap(parsed.number, "#", "a heading without words")
        title = rules.name(reveal(text), rules.TITLE, f"line {parsed.number}")
        self.sections.append(Section(title))
        self.section, self.in_speech = len(self.sections) - 1, False
        return None

    def _cue(self, parsed: Parsed) -> None:
        place = f"line {parsed.number}"
        name, asides = without_asides(parsed.name, self.asides)
        extension, more = without_asides(parsed.extension, self.asides)
        role = None if name == NOTHING else self.roles.named(name, place)
        extensions = [e.strip() for e in re.split(r"\)\s*\(", extension) if e.strip()]
        goes_on = any(_CONTINUES.fullmatch(reveal(e)) for e in extensions)
        if not (goes_on and self.speech and role == self.speaker and not self.fresh):
            self.fresh = True
        self.speaker, self.in_speech = role, True
        for said in extensions:
            if not _CONTINUES.fullmatch(reveal(said)):
                self._in_speech("action", reveal(said), parsed.number)
        if parsed.dual:
            self._gap(parsed.number, reveal(name), "dual dialogue is read one after the other")
        for aside in [*asides, *more]:
            self._aside(aside)

    def _text(self, parsed: Parsed, text: str) -> None:
        kind = parsed.kind
        if kind in _SAID and self.in_speech and not (kind == "DIALOGUE" and parsed.after_blank):
            inline = kind == "PARENTHETICAL"
            if kind == "DIALOGUE" and text.startswith("(") and text.endswith(")"):
                text, inline = text[1:-1].strip(), True  # the second in a row
            return self._in_speech("action" if inline else "spokenWord", text, parsed.number)
        if kind == "TRANSITION":
            self._stand("transition", text, parsed.number)
        elif kind == "SYNOPSIS":
            self._stand("note", text, parsed.number)
        else:
            self._action(parsed, text)
        return None

    def _action(self, parsed: Parsed, text: str) -> None:
        goes_on = self.last_action == parsed.number - 1 and not parsed.after_blank
        if goes_on and not parsed.forced and self.elements[-1].kind == "action":
            text = f"{self.elements.pop().text}\n{reveal(text)}"
        self._stand("action", text, parsed.number)
        self.last_action = -1 if parsed.forced else parsed.number
        self.acted = len(self.elements) - 1

    def _stand(self, kind: Kind, text: str, number: int) -> None:
        self.in_speech, self.last_action = False, -1
        self._add(Element(kind, reveal(text), self.section), number)

    def _in_speech(self, kind: Kind, text: str, number: int) -> None:
        if not reveal(text):
            return
        if self.fresh:
            self.speech, self.fresh = self.speech + 1, False
        self._add(Element(kind, reveal(text), self.section, self.speaker, self.speech), number)

    def _add(self, element: Element, number: int) -> None:
        rules.text(element.text, rules.TEXT, f"line {number}")
        if element.text:
            self.elements.append(element)

    def _aside(self, aside: Aside) -> None:
        if aside.kind == "note":
            text = reveal(aside.text.strip())
            self._add(Element("note", text, self.section), aside.number)
        elif self.page.ours and self.acted is not None and aside.text.startswith("@"):
            role = self.roles.named(aside.text[1:], f"line {aside.number}")
            self.elements[self.acted] = replace(self.elements[self.acted], role=role)
        elif self.page.ours and (found := _SECTION.fullmatch(aside.text)):
            number = int(found[1])
            if number > len(self.sections):
                raise CorpusError(f"there is no section {number} yet", f"line {aside.number}")
            self.section, self.in_speech = number - 1 if number else None, False
        else:
            self._gap(aside.number, reveal(aside.text.strip()), "set aside in the file (boneyard)")

    def _gap(self, number: int, text: str, reason: str) -> None:
        self.gaps.append(Gap(number, text, reason))

    def play(self, title: str) -> Play:
        """The play as far as it is read."""
        self._leave_title_page()
        self.gaps += self.page.gaps()
        roles = self.roles.cast()
        elements = self.elements
        if not self.page.ours:
            book = NameBook(roles)
            elements = [
                Element(e.kind, e.text, e.section, role_of(e.text, book))
                if e.kind == "action" and e.speech is None
                else e
                for e in elements
            ]
        return Play(
            self.page.text("title") or title,
            self.page.text("author"),
            self.page.text("description"),
            roles,
            tuple(self.sections),
            tuple(elements),
            tuple(sorted(self.gaps, key=lambda gap: gap.line_number)),
        )

"""A play as Fountain: the same play gives the same characters, always.

Acts and scenes are sections (`#`, `##`), speeches have forced characters, directions are forced
actions, those inside a speech parentheticals; a speech that goes on after something else says
CONT'D. What Fountain has no word for stands in boneyards, which other programs do not print:
whose a direction is, and a return to an earlier section.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from story_services.corpora.fountain.escapes import VERSION, escape, escape_line
from story_services.corpora.model import Element, Play


def write_fountain(play: Play) -> Iterator[str]:
    """The file in parts, in order."""
    return _Writer(play).parts()


def cues(names: list[str]) -> list[str]:
    """How each role is named in cues; the second role of a name has `#2` behind it."""
    met: Counter[str] = Counter()
    written = []
    for name in names:
        met[name] += 1
        again = f" #{met[name]}" if met[name] > 1 else ""
        written.append(escape(name, "role") + again)
    return written


class _Writer:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.cues = cues([role.name for role in play.cast])
        self.opened = 0  # sections whose heading is written
        self.section: int | None = None
        self.speech = 0
        self.in_speech = False  # the last line belongs to the speech

    def parts(self) -> Iterator[str]:
        yield from self._title_page()
        for element in self.play.elements:
            yield from self._enter(element.section)
            if element.speech is not None:
                yield self._spoken(element)
            else:
                self.in_speech = False
                yield f"\n{self._standing(element)}\n"
        yield from self._headings(len(self.play.sections))

    def _title_page(self) -> Iterator[str]:
        play = self.play
        yield f"Title: {escape(play.title)}\n"
        if play.author:
            yield f"Author: {escape(play.author)}\n"
        if play.description:
            yield f"Description: {escape(play.description)}\n"
        yield f"Story format: {VERSION}\n"
        if play.cast:
            yield "Cast:\n"
        for cue, role in zip(self.cues, play.cast, strict=True):
            said = f": {escape(role.description)}" if role.description else ""
            yield f"    - {cue}{said}\n"

    def _enter(self, section: int | None) -> Iterator[str]:
        if section == self.section:
            return
        self.section, self.in_speech = section, False
        if section is not None and section >= self.opened:
            yield from self._headings(section + 1)
        else:
            yield f"\n/*section {0 if section is None else section + 1}*/\n"

    def _headings(self, until: int) -> Iterator[str]:
        for section in self.play.sections[self.opened : until]:
            yield f"\n{'#' if section.kind == 'act' else '##'} {escape(section.title)}\n"
        self.opened = max(self.opened, until)

    def _spoken(self, element: Element) -> str:
        text = (
            escape_line(element.text)
            if element.kind == "spokenWord"
            else f"({escape(element.text, 'inline')})"
        )
        goes_on = element.speech == self.speech
        if goes_on and self.in_speech:
            return f"{text}\n"
        self.speech, self.in_speech = element.speech or 0, True
        cue = r"\|" if element.role is None else self.cues[element.role]
        again = " (CONT'D)" if goes_on else ""
        return f"\n@{cue}{again}\n{text}\n"

    def _standing(self, element: Element) -> str:
        if element.kind == "note":
            return f"[[{escape(element.text, 'note')}]]"
        if element.kind == "transition":
            return f"> {escape(element.text, 'transition')}"
        whose = "" if element.role is None else f"/*@{self.cues[element.role]}*/"
        return f"!{escape(element.text)}{whose}"

"""A play as plain text to be read by people; it is written only.

Line ends and tabs inside a text stay, indented under their speaker; nothing is wrapped or cut.
"""

from __future__ import annotations

from collections.abc import Iterator

from story_services.corpora.model import Element, Play

_INDENT = "    "


def write_text(play: Play) -> Iterator[str]:
    """The file in parts, in order."""
    yield f"{play.title.upper()}\n"
    if play.author:
        yield f"by {play.author}\n"
    if play.description:
        yield f"\n{play.description}\n"
    if play.cast:
        yield "\nThe cast\n"
    for role in play.cast:
        said = f": {role.description}" if role.description else ""
        yield f"{_INDENT}{_indented(role.name + said)}\n"
    yield from _Page(play).parts()


class _Page:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.opened = 0
        self.section: int | None = None
        self.speech = 0
        self.in_speech = False

    def parts(self) -> Iterator[str]:
        for element in self.play.elements:
            yield from self._enter(element.section)
            yield self._element(element)
        yield from self._headings(len(self.play.sections))

    def _enter(self, section: int | None) -> Iterator[str]:
        if section == self.section:
            return
        self.section, self.in_speech = section, False
        if section is None:
            yield "\n\n(outside of all sections)\n"
        elif section < self.opened:
            yield f"\n\n{self.play.sections[section].title} (continued)\n"
        else:
            yield from self._headings(section + 1)

    def _headings(self, until: int) -> Iterator[str]:
        for section in self.play.sections[self.opened : until]:
            yield f"\n\n{section.title}\n"
        self.opened = max(self.opened, until)

    def _element(self, element: Element) -> str:
        text = _indented(element.text)
        if element.speech is None:
            self.in_speech = False
            return f"\n{_STANDING[element.kind].format(text)}\n"
        line = f"{_INDENT}{text}\n" if element.kind == "spokenWord" else f"{_INDENT}({text})\n"
        if self.in_speech and element.speech == self.speech:
            return line
        name = "" if element.role is None else self.play.cast[element.role].name
        again = " (continued)" if element.speech == self.speech else ""
        self.speech, self.in_speech = element.speech, True
        return f"\n{name or 'Somebody'}{again}\n{line}"


_STANDING = {"action": "  [{}]", "transition": "  > {}", "note": "  Note: {}"}


def _indented(text: str) -> str:
    return text.replace("\n", f"\n{_INDENT}")

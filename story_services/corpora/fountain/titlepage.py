"""The title page of a Fountain file: what a play takes from it, and what it has no place for."""

from __future__ import annotations

from story_services.corpora import rules
from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain.escapes import VERSION, Aside, reveal, without_asides
from story_services.corpora.fountain.lines import Parsed
from story_services.corpora.fountain.roles import Roles
from story_services.corpora.model import Gap

_SAME = {"authors": "author"}


class TitlePage:
    """Fills as the file is read. An entry that comes again goes on with the first of its kind."""

    def __init__(self, roles: Roles, asides: list[Aside]) -> None:
        self.roles, self.all_asides = roles, asides
        self.ours = False  # written by us, in the format of this version
        self.asides: list[Aside] = []  # notes and boneyards among the entries
        self._entries: dict[str, list[str]] = {}
        self._lines: dict[str, int] = {}
        self._entry = ""

    def read(self, parsed: Parsed) -> None:
        """One more line: the beginning of an entry (`TITLEENTRY`) or more of it."""
        text, asides = without_asides(parsed.text, self.all_asides)
        self.asides += asides
        place = f"line {parsed.number}"
        if parsed.kind == "TITLEENTRY":
            key = parsed.name.casefold()
            self._entry = _SAME.get(key, key)
            self._lines.setdefault(self._entry, parsed.number)
            if self._entry == "story format":
                self._check(text, place)
        elif self._entry == "cast" and text.startswith("- "):
            return self._role(text.removeprefix("- "), place)
        self._entries.setdefault(self._entry, []).extend([text] if text else [])
        return None

    def _check(self, version: str, place: str) -> None:
        self.ours = True
        if version != str(VERSION):
            said = f"written in story format {reveal(version)}; this program reads {VERSION}"
            raise CorpusError(said, place)

    def _role(self, text: str, place: str) -> None:
        name, _, description = text.partition(":")
        said = rules.text(reveal(description.strip()), rules.DESCRIPTION, place)
        self.roles.listed(name.strip(), said, place)

    def text(self, key: str) -> str:
        """What the page says under a key, lines joined by blanks; empty if it says nothing."""
        return reveal(" ".join(self._entries.get(key, [])))

    def gaps(self) -> list[Gap]:
        """The entries that a play has no place for."""
        kept = ("title", "author", "description", "story format")
        return [
            Gap(self._lines[key], f"{key}: {self.text(key)}", "a play has no place for it")
            for key in self._entries
            if key not in kept and (key != "cast" or self._entries[key])
        ]

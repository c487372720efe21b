"""Who is meant: from the labels of speeches to a cast, and from the words of a direction to roles.

Labels that differ in case only are one role; joint speakers ("A & B") are a role of their own,
the same one in whatever order they are named. A direction may name a role by its whole name or by
what is left without a title ("POLONIUS" is LORD POLONIUS), if nobody else could be meant. Names
are looked for as they are written, in capitals or as a proper name, never in lower case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from story_services.corpora.model import Role

_TITLES = frozenset({
    "king", "queen", "prince", "princess", "lord", "lady", "sir", "duke", "duchess", "earl",
    "countess", "cardinal", "friar", "don", "doctor", "mistress", "master", "bishop", "archbishop",
    "captain", "saint", "young", "old", "of", "the",
})  # fmt: skip
_JOINT = re.compile(r"\s*&\s*")


def clean_label(label: str) -> str:
    """A speaker's label as a name: "ROSENCRANTZ: & GUILDENSTERN:" without colons."""
    return " ".join(label.replace(":", " ").split())


def members(name: str) -> tuple[str, ...]:
    """The names that a joint role is made of; of any other role just its own name."""
    return tuple(part for part in _JOINT.split(name) if part) or (name,)


class Cast:
    """A cast that grows as speakers appear."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._known: dict[frozenset[str], int] = {}

    def role(self, label: str) -> int:
        """The position of the role with this label, new or known."""
        name = clean_label(label)
        key = frozenset(part.casefold() for part in members(name))
        if key not in self._known:
            self._known[key] = len(self.names)
            self.names.append(name)
        return self._known[key]


@dataclass(frozen=True)
class Mention:
    """A role named in a text, with the place of the name."""

    role: int
    start: int
    end: int


class NameBook:
    """Finds the roles of one cast in the words of directions."""

    def __init__(self, cast: Sequence[Role]) -> None:
        self._roles: dict[str, int] = {}
        short: dict[str, int] = {}
        claims: Counter[str] = Counter()
        whole = {role.name.casefold() for role in cast}
        for position, role in enumerate(cast):
            for form in _forms(role.name):
                self._roles.setdefault(form, position)
            if len(members(role.name)) == 1 and (rest := _untitled(role.name)):
                claims[rest.casefold()] += 1
                short[rest] = position
        for name, position in short.items():
            if claims[name.casefold()] == 1 and name.casefold() not in whole:
                for form in _forms(name):
                    self._roles.setdefault(form, position)
        longest = sorted(self._roles, key=lambda form: (-len(form), form))
        names = "|".join(map(re.escape, longest)) or r"(?!)"
        # Possessives are about somebody else: "OLIVIA's house", "Servant of LUCIUS".
        self._pattern = re.compile(rf"(?<![\w'])(?<!\bof )(?:{names})(?!\s?['’])(?![\w-])")

    def find(self, text: str) -> list[Mention]:
        """Every mention of a role, in order; one role may be mentioned more than once."""
        return [
            Mention(self._roles[found.group()], found.start(), found.end())
            for found in self._pattern.finditer(text)
        ]


def _forms(name: str) -> list[str]:
    """How a direction may write a name."""
    return [name, name.upper(), name.title() if name.isupper() else name]


def _untitled(name: str) -> str:
    """A name without the titles it begins with; empty if nothing or everything is a title."""
    words = name.split()
    rest = list(words)
    while rest and rest[0].casefold() in _TITLES:
        rest.pop(0)
    return " ".join(rest) if len(rest) < len(words) else ""

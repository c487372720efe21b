"""The cast while a Fountain file is read: which role a cue means.

A name on the title page's list is meant exactly; of two with one name the second has `#2` behind
it. Other names are roles of their own, whatever their case, in the order in which they appear.
"""

from __future__ import annotations

import re

from story_services.corpora import rules
from story_services.corpora.fountain.escapes import reveal
from story_services.corpora.model import Role

_AGAIN = re.compile(r" #([0-9]{1,9})$")  # a `#` in a name is escaped, so hidden


class Roles:
    """Grows with every cue; texts come in hidden."""

    def __init__(self) -> None:
        self._roles: list[Role] = []
        self._exact: dict[str, int] = {}
        self._folded: dict[str, int] = {}

    def listed(self, cue: str, description: str, place: str) -> None:
        """One more role of the title page's list."""
        self._new(cue, description, place)

    def named(self, cue: str, place: str) -> int:
        """The position of the role that a cue names."""
        cue = cue.strip()
        if cue in self._exact:
            return self._exact[cue]
        folded = reveal(cue).casefold()
        return self._folded[folded] if folded in self._folded else self._new(cue, "", place)

    def _new(self, cue: str, description: str, place: str) -> int:
        name = rules.name(reveal(_AGAIN.sub("", cue)), rules.NAME, place)
        position = len(self._roles)
        self._roles.append(Role(name, description))
        self._exact.setdefault(cue, position)
        self._folded.setdefault(reveal(cue).casefold(), position)
        return position

    def cast(self) -> tuple[Role, ...]:
        """All roles in order."""
        return tuple(self._roles)

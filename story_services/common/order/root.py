"""All number spaces of one owner (a script, an element type, an original) as one value.

They change together in one write, which is why sections can move with their contents. A space that
has no slot is the same as one that was never there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from story_services.common.order.space import Space

_NOTHING = Space()


@dataclass(frozen=True)
class Root:
    """Spaces by name: sections, story, cast, or another. Equal when all their slots are."""

    spaces: Mapping[str, Space] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = {name: space for name, space in sorted(self.spaces.items()) if space.slots}
        object.__setattr__(self, "spaces", MappingProxyType(used))

    def space(self, name: str) -> Space:
        """The space of that name, empty if there is none yet."""
        return self.spaces.get(name, _NOTHING)

    def with_space(self, name: str, space: Space) -> Root:
        """The same root with this space in place of the one of that name."""
        return self if self.space(name) == space else Root({**self.spaces, name: space})

    def where(self, ref: str) -> tuple[str, int] | None:
        """(space name, number) of a live element; None if no space has it."""
        for name, space in self.spaces.items():
            if number := space.number_of(ref):
                return name, number
        return None

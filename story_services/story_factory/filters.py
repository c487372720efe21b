"""Which elements of a story are wanted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Filter:
    """All given conditions hold. `context` is "value" or "key:value" of the element's context;
    `name` is a character's, whatever its case; `sequences` are the first and the last number."""

    name: str | None = None
    character: int | None = None
    context: str | None = None
    section: int | None = None
    sequences: tuple[int, int] | None = None

    @property
    def by_content(self) -> bool:
        """Whether elements must be looked at to know: their numbers alone do not tell."""
        wanted = (self.name, self.character, self.context, self.section)
        return any(condition is not None for condition in wanted)

    def covers(self, sequence: int) -> bool:
        """Whether the number is within the range asked for."""
        return self.sequences is None or self.sequences[0] <= sequence <= self.sequences[1]

    def keeps(self, view: Mapping[str, Any]) -> bool:
        """Whether an element in the contract's form is wanted."""
        character = view.get("character")
        if self.character is not None and (character or {}).get("characterId") != self.character:
            return False
        if self.name is not None and not (
            character and character["name"].casefold() == self.name.casefold()
        ):
            return False
        if self.section is not None and view["sectionId"] != self.section:
            return False
        return self.context is None or _states(view.get("context"), self.context)


def _states(context: Mapping[str, Any] | None, wanted: str) -> bool:
    """Whether a context holds the value, anywhere or under the key before the first colon."""
    if context is None:
        return False
    values = list(_leaves(context["data"]))
    key, colon, value = wanted.partition(":")
    if colon and any(_is(found, value) for path, found in values if path == key):
        return True
    return any(_is(found, wanted) for _, found in values)


def _leaves(data: Any, path: str = "") -> Any:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for value in data:
            yield from _leaves(value, path)
    else:
        yield path, data


def _is(found: Any, wanted: str) -> bool:
    if isinstance(found, bool):
        return wanted == ("true" if found else "false")
    return found is not None and str(found).casefold() == wanted.casefold()

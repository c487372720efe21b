"""What a story is put together from, as plain data: no I/O, no framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from story_services.session_context.resolve import Circumstances

Content = Mapping[str, Any]


class Item(NamedTuple):
    """A stored entity as a story needs it: its kind, id, content, and the last comment."""

    kind: str
    id: int
    content: Content
    comment: str | None = None


class Placed(NamedTuple):
    """An element of the story line at its number."""

    sequence: int
    item: Item


@dataclass(frozen=True)
class Session:
    """The session that a story is read in."""

    id: int
    revision: int
    content: Content


@dataclass(frozen=True)
class Surroundings:
    """Everything about a script but its elements.

    `sections` are live headings in order with their numbers, `cast` its characters by id,
    `cast_order` their ids in the order of the cast, `paraphrases` by (originalType, originalId) in
    their order.
    """

    script: Item
    sections: Sequence[tuple[int, Item]]
    cast: Mapping[int, Item]
    cast_order: Sequence[int]
    circumstances: Circumstances[Item]
    has_circumstances: bool = False
    session: Session | None = None
    paraphrases: Mapping[tuple[str, int], Sequence[Item]] | None = None
    section_ids: frozenset[int] = field(default=frozenset())

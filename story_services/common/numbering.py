"""Numbers of records: which spaces they stand in, admitting them, taking them out.

One place knows that a reference in an order is a record's key. Every call costs at most one
read and one write per order root, however many records it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from story_services.common import kinds
from story_services.common.errors import BadInput
from story_services.common.kinds import SpaceId
from story_services.common.order.root import Root
from story_services.common.order.space import Space
from story_services.common.records import Record
from story_services.common.store.orders import Orders

Spaces = Mapping[SpaceId, Sequence[str]]


class Numbering:
    """Numbers by record, on top of the orders."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    async def of(self, records: Sequence[Record]) -> dict[str, dict[SpaceId, int]]:
        """The numbers of each record, by key and space; spaces it is not in are left out."""
        places = {r.key: kinds.spaces(r.kind, r.content) for r in records}
        found = await self.orders.spaces(s for spaces in places.values() for s in spaces)
        return {
            ref: {
                space: number
                for space in spaces
                if (number := found[space].number_of(ref)) is not None
            }
            for ref, spaces in places.items()
        }

    async def admit(
        self, records: Sequence[Record], places: Mapping[str, str | None] | None = None
    ) -> None:
        """Number the records in all their spaces; one that has its number keeps it, one that is
        deleted gets none.

        `places` names the reference behind which a record goes instead of the end; BadInput
        when that one is not live.
        """
        spaces: dict[SpaceId, list[str]] = {}
        for record in (r for r in records if not r.deleted):
            for space in kinds.spaces(record.kind, record.content):
                spaces.setdefault(space, []).append(record.key)
        await self.append(spaces, places or {})

    async def append(self, spaces: Spaces, places: Mapping[str, str | None] | None = None) -> None:
        """Add references to spaces, root by root, each root in one commit."""

        def add(space: Space, refs: Sequence[str]) -> Space:
            for ref in refs:
                after = (places or {}).get(ref)
                if after is None:
                    space, _ = space.append([ref])
                elif space.number_of(ref) is None:
                    if space.number_of(after) is None:
                        kind, number = kinds.parse_key(after)
                        raise BadInput.unknown_reference("after", kind, number)
                    space = space.insert([ref], after)
            return space

        if places and any(places.values()):
            await self._each(spaces, add)
        else:
            await self._each(spaces, lambda space, refs: space.append(refs)[0])

    async def remove(self, spaces: Spaces) -> None:
        """Take references out; their slots are kept for a restore."""
        await self._each(spaces, lambda space, refs: space.remove(refs))

    async def _each(self, spaces: Spaces, edit: Callable[[Space, Sequence[str]], Space]) -> None:
        for root_id in sorted({space.root for space in spaces}):
            mine = {s.name: refs for s, refs in spaces.items() if s.root == root_id and refs}
            if mine:
                await self.orders.change(root_id, _edit_of(mine, edit))


def _edit_of(
    mine: Mapping[str, Sequence[str]], edit: Callable[[Space, Sequence[str]], Space]
) -> Callable[[Root], tuple[Root, None]]:
    def apply(root: Root) -> tuple[Root, None]:
        for name, refs in mine.items():
            root = root.with_space(name, edit(root.space(name), refs))
        return root, None

    return apply


def grouped(pairs: Iterable[tuple[SpaceId, str]]) -> dict[SpaceId, list[str]]:
    """References by space, in the order they come."""
    found: dict[SpaceId, list[str]] = {}
    for space, ref in pairs:
        found.setdefault(space, []).append(ref)
    return found

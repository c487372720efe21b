"""The list of numbers: of a script, of a type, or of everything, ascending within each space."""

from __future__ import annotations

from story_services.central_sequence.numbers import Numbered, Numbers, places
from story_services.common import kinds
from story_services.common.kinds import SpaceId
from story_services.common.queries import term
from story_services.common.store.orders import INDEX, KIND

#: Sections, then the story, then the cast: the order in which a reader meets them.
_LINES = ("type", "sections", "story", "cast", "paraphrases")


class NumberList:
    """Pages of numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.orders = numbers.orders

    async def page(
        self, script: int | None, kind: str | None, limit: int | None, offset: int
    ) -> tuple[list[Numbered], int]:
        """Numbers, and how many there are without the page's bounds."""
        rows = await self._rows(script, kind)
        holders = await self.numbers.holders([ref for _, _, ref in rows])
        found = [
            Numbered(holders[ref], space, number)
            for space, number, ref in rows
            if ref in holders and space in places(holders[ref])
        ]
        end = None if limit is None else offset + limit
        return found[offset:end], len(found)

    async def _rows(self, script: int | None, kind: str | None) -> list[tuple[SpaceId, int, str]]:
        roots = await self.orders.read_many(await self._roots(script))
        wanted = None if kind is None else f"{kind}-"
        return [
            (SpaceId(root_id, name), number, ref)
            for root_id, root in roots.items()
            for name in _LINES
            for number, ref in root.space(name).live()
            if wanted is None or ref.startswith(wanted)
        ]

    async def _roots(self, script: int | None) -> list[str]:
        if script is not None:
            return [kinds.script_root(script)]
        await self.orders.store.refresh(INDEX)
        found = [
            document.id
            async for document in self.orders.store.search_all(
                INDEX, term("kind", KIND), sort=["root"], source=False
            )
        ]
        return sorted(found, key=_place)


def _place(root_id: str) -> tuple[str, int]:
    kind, _, number = root_id.rpartition("-")
    return (kind, int(number)) if number.isdigit() else (root_id, 0)

"""Performers and castings. No HTTP.

A casting is shown while all three that it names exist: whoever or whatever is deleted takes its
castings out of sight and brings them back with it. The same casting is not made twice by the
process that serves this service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.errors import Conflict, NotFound
from story_services.common.listing import Page
from story_services.common.queries import Clause, term, terms
from story_services.common.records import Why
from story_services.common.turns import Turns

PERFORMER = "performer"
CASTING = "casting"
#: What a casting refers to, by the field that holds it.
_NAMED = {"scriptId": "script", "characterId": "character", "performerId": "performer"}


class Performers:
    """All performers."""

    def __init__(self, context: Context, castings: Castings | None = None) -> None:
        self.entities = context.entities
        self.listing = context.listing
        self.castings = castings or Castings(context)

    async def create(self, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new performer."""
        return await self.entities.create(PERFORMER, fields, why)

    async def get(self, performer_id: int) -> Entity:
        """One performer; NotFound."""
        return await self.entities.get(PERFORMER, performer_id)

    async def update(
        self, performer_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change the name; NotFound, Conflict."""
        return await self.entities.update(PERFORMER, performer_id, changes, why, expected)

    async def delete(self, performer_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(PERFORMER, performer_id, why, expected)

    async def page(self, filters: Mapping[str, int | None], limit: int | None, offset: int) -> Page:
        """Performers by number; with filters those who play that character, in that script, or
        that character in that script."""
        clauses: list[Clause] = []
        if any(value is not None for value in filters.values()):
            cast = await self.castings.all(filters)
            clauses.append(terms("id", sorted({each.content["performerId"] for each in cast})))
        return await self.listing.page(
            [PERFORMER], clauses, in_order=True, limit=limit, offset=offset
        )


class Castings:
    """Who plays whom in which script. One per process, as it lets one be made at a time."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records
        self.listing = context.listing
        self.context = context
        self._turns = Turns()

    async def create(self, fields: Mapping[str, int], why: Why) -> Entity:
        """A new casting; BadInput for anything that does not exist, Conflict for one that is
        there already."""
        await asyncio.gather(
            *(
                self.entities.existing(kind, [fields[field]], field)
                for field, kind in _NAMED.items()
            )
        )
        async with self._turns.turn("making"):
            same = await self.all(fields)
            if same and not (why.resumed and _made_by(same[0], why)):
                raise _twice(same[0])
            return await self.entities.create(CASTING, fields, why)

    async def get(self, casting_id: int) -> Entity:
        """One casting; NotFound."""
        casting = await self.entities.get(CASTING, casting_id)
        if not await self._whole([casting]):
            raise NotFound.of(CASTING, casting_id)
        return casting

    async def delete(self, casting_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.get(casting_id)
        await self.entities.delete(CASTING, casting_id, why, expected)

    async def all(self, filters: Mapping[str, int | None]) -> list[Entity]:
        """All castings with these values, by id."""
        clauses = [
            term(f"content.{field}", value) for field, value in filters.items() if value is not None
        ]
        return await self._whole(await self.listing.all([CASTING], clauses))

    async def _whole(self, castings: list[Entity]) -> list[Entity]:
        """Those of which everything that they name exists."""
        refs = {
            (kind, casting.content[field]) for casting in castings for field, kind in _NAMED.items()
        }
        records = await self.records.get_many(sorted(refs))
        found = await self.entities.visible(records.values())
        there = {(entity.record.kind, entity.id) for entity in found}
        return [
            casting
            for casting in castings
            if all((kind, casting.content[field]) in there for field, kind in _NAMED.items())
        ]


def _made_by(casting: Entity, why: Why) -> bool:
    return casting.record.nonce.startswith(f"{why.nonce}.")


def _twice(casting: Entity) -> Conflict:
    return Conflict(
        "This casting is there already.",
        f"casting {casting.id} by {casting.record.actor} at {casting.record.created_at}",
        code="casting_exists",
    )

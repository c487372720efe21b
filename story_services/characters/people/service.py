"""Characters: each may be in many scripts, with a number in the cast of each.

A script must exist when a character comes to it; one that is deleted later stays noted, so that
it has its cast again when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from story_services.common import kinds, queries
from story_services.common.context import Context
from story_services.common.entities import Entity, New
from story_services.common.errors import NotFound
from story_services.common.kinds import SpaceId
from story_services.common.listing import Page
from story_services.common.records import Why

KIND = "character"


class Cast:
    """All characters."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.listing = context.listing

    async def create(self, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new character, last in the cast of each of its scripts."""
        script_ids = list(dict.fromkeys(fields["scriptIds"]))
        await self.entities.existing("script", script_ids, "scriptIds")
        return await self.entities.create(KIND, {**fields, "scriptIds": script_ids}, why)

    async def create_in(
        self, script_id: int, people: Sequence[Mapping[str, Any]], why: Why
    ) -> list[Entity]:
        """New characters of one script in the given order, all or none; NotFound."""
        await self.entities.get("script", script_id)
        news = [New(KIND, {**person, "scriptIds": [script_id]}) for person in people]
        return await self.entities.create_many(news, why)

    async def get(self, entity_id: int) -> Entity:
        """One character; NotFound."""
        return await self.entities.get(KIND, entity_id)

    async def update(
        self, entity_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change some fields; leaving a script gives the number there up."""
        if "scriptIds" in changes:
            before = await self.get(entity_id)
            changes = {**changes, "scriptIds": list(dict.fromkeys(changes["scriptIds"]))}
            joined = set(changes["scriptIds"]) - set(before.content["scriptIds"])
            await self.entities.existing("script", sorted(joined), "scriptIds")
        return await self.entities.update(KIND, entity_id, changes, why, expected)

    async def delete(self, entity_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(KIND, entity_id, why, expected)

    async def page(
        self, script_id: int | None, words: str | None, limit: int | None, offset: int
    ) -> Page:
        """Characters whose name or description has all these words; those of a script in the
        order of its cast, none when the script does not exist."""
        filters = []
        if words is not None:
            in_name, in_text = (
                queries.text(f"content.{field}", words) for field in ("name", "description")
            )
            filters.append(queries.either(in_name, in_text))
        if script_id is None:
            return await self.listing.page([KIND], filters, limit=limit, offset=offset)
        try:
            await self.entities.get("script", script_id)
        except NotFound:
            return Page([], 0)
        filters.append(queries.term("content.scriptIds", script_id))
        people = in_cast(await self.listing.all([KIND], filters), script_id)
        return Page(people[offset : None if limit is None else offset + limit], len(people))

    async def of_script(self, script_id: int, limit: int | None, offset: int) -> Page:
        """The cast of a script in its order; NotFound."""
        await self.entities.get("script", script_id)
        return await self.page(script_id, None, limit, offset)


def in_cast(people: Iterable[Entity], script_id: int) -> list[Entity]:
    """Those who stand in the cast of one script, in its order and with their numbers there."""
    space = SpaceId(kinds.script_root(script_id), "cast")
    standing = [
        Entity(person.record, {space: person.numbers[space]})
        for person in people
        if space in person.numbers
    ]
    return sorted(standing, key=lambda person: person.numbers[space])

"""Section headings of scripts. No HTTP.

Which sections a script has is read from its order, so a list needs no search and shows every
acknowledged write. A heading is only ever found under its own script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.entities import Entity, New
from story_services.common.errors import BadInput, NotFound
from story_services.common.kinds import SpaceId
from story_services.common.records import Why

KIND = "section"
SPACE = "sections"


class Sections:
    """The sections of all scripts."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records
        self.orders = context.orders

    async def of_scripts(self, script_ids: Sequence[int]) -> dict[int, list[Entity]]:
        """The sections of each script by number; whether the scripts exist is not looked at."""
        spaces = {i: SpaceId(kinds.script_root(i), SPACE) for i in script_ids}
        orders = await self.orders.spaces(spaces.values())
        rows = {i: orders[space].live() for i, space in spaces.items()}
        records = await self.records.get_many(
            kinds.parse_key(ref) for found in rows.values() for _, ref in found
        )
        return {
            i: [
                Entity(record, {spaces[i]: number})
                for number, ref in found
                if (record := records.get(ref)) is not None and not record.deleted
            ]
            for i, found in rows.items()
        }

    async def of(self, script_id: int) -> list[Entity]:
        """The sections of one script by number; NotFound without the script."""
        await self.entities.get("script", script_id)
        return (await self.of_scripts([script_id]))[script_id]

    async def create(
        self, script_id: int, fields: Mapping[str, Any], after: int | None, why: Why
    ) -> Entity:
        """A new section, the last one or directly behind another of the script."""
        await self.entities.get("script", script_id)
        if after is not None:
            await self.require_mine(script_id, [after], "afterHeadingId")
        place = None if after is None else kinds.key(KIND, after)
        new = New(KIND, {**fields, "scriptId": script_id}, after=place)
        try:
            return (await self.entities.create_many([new], why))[0]
        except BadInput as error:  # the one behind which it was to go went meanwhile
            if after is None:
                raise
            raise BadInput.unknown_reference("afterHeadingId", KIND, after) from error

    async def get(self, script_id: int, heading_id: int) -> Entity:
        """One section of a script; NotFound, also under another script."""
        await self.entities.get("script", script_id)
        found = await self.entities.get(KIND, heading_id)
        if found.content["scriptId"] != script_id:
            raise NotFound.of(KIND, heading_id, f"Script {script_id} has no such section.")
        return found

    async def update(
        self,
        script_id: int,
        heading_id: int,
        changes: Mapping[str, Any],
        why: Why,
        expected: int | None,
    ) -> Entity:
        """Change its title; NotFound, Conflict."""
        await self.get(script_id, heading_id)
        return await self.entities.update(KIND, heading_id, changes, why, expected)

    async def delete(self, script_id: int, heading_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound. What the section contains stays in the story, without a section.

        A deletion that was cut off is completed.
        """
        await self.entities.get("script", script_id)
        record = await self.records.get(KIND, heading_id)
        if record is None or record.content["scriptId"] != script_id:
            raise NotFound.of(KIND, heading_id)
        await self.entities.delete(KIND, heading_id, why, expected)

    async def require_mine(
        self, script_id: int, heading_ids: Iterable[int], field: str
    ) -> list[Entity]:
        """Sections that a body refers to; BadInput naming the field unless all exist and are of
        this script."""
        found = await self.entities.existing(KIND, heading_ids, field)
        foreign = [each.id for each in found if each.content["scriptId"] != script_id]
        if foreign:
            raise BadInput.field(
                field, f"section {', '.join(map(str, foreign))} is not of script {script_id}"
            )
        return found

"""Transitions and notes of scripts. No HTTP.

Both stand in the story line like what is said and done. A section must be one of the same
script, a note's target anything that exists. What is deleted later reads as none until it is
restored; only what a request changes is looked at, so that nothing else stands in its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.errors import BadInput, NotFound
from story_services.common.queries import Clause, term
from story_services.common.records import Why
from story_services.common.views import live_sections
from story_services.core_script.sections.service import Sections

#: What is stored of every kind of element; null where a kind has none of it.
_FIELDS = (
    "text", "scriptId", "sectionId", "characterId", "speechId", "actionId", "targetType",
    "targetId",
)  # fmt: skip
_TARGET = ("targetType", "targetId")
Target = tuple[str, int]


@dataclass(frozen=True)
class Shown:
    """Elements to be shown, how many there are in all, and what of that which they name exists:
    sections by id, targets by type and id."""

    items: list[Entity]
    total: int
    sections: Set[int] = frozenset()
    targets: Set[Target] = frozenset()


def target_of(entity: Entity) -> Target | None:
    """What an element is about."""
    target_type, target_id = (entity.content[name] for name in _TARGET)
    return None if target_id is None else (target_type, target_id)


class Remarks:
    """The transitions of scripts, or their notes."""

    def __init__(self, context: Context, kind: str) -> None:
        self.kind = kind
        self.entities = context.entities
        self.records = context.records
        self.listing = context.listing
        self.sections = Sections(context)

    async def create(self, script_id: int, fields: Mapping[str, Any], why: Why) -> Shown:
        """A new one at the end of the script's story line."""
        await self.entities.get("script", script_id)
        content = {**dict.fromkeys(_FIELDS), **fields, "scriptId": script_id}
        content = await self._checked(script_id, dict.fromkeys(_FIELDS), content)
        return await self._shown([await self.entities.create(self.kind, content, why)])

    async def get(self, script_id: int, entity_id: int) -> Shown:
        """One of this script; NotFound, also under another script."""
        return await self._shown([await self._found(script_id, entity_id)])

    async def update(
        self,
        script_id: int,
        entity_id: int,
        changes: Mapping[str, Any],
        why: Why,
        expected: int | None,
    ) -> Shown:
        """Change some fields. What they refer to is checked against the version that is
        changed, so nobody can give it another half of a target meanwhile."""
        before = (await self._found(script_id, entity_id)).record
        changes = await self._checked(script_id, before.content, changes)
        expected = before.version if expected is None and _TARGET[0] in changes else expected
        return await self._shown(
            [await self.entities.update(self.kind, entity_id, changes, why, expected)]
        )

    async def delete(self, script_id: int, entity_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound. A deletion that was cut off is completed."""
        await self.entities.get("script", script_id)
        record = await self.records.get(self.kind, entity_id)
        if record is None or record.content["scriptId"] != script_id:
            raise NotFound.of(self.kind, entity_id)
        await self.entities.delete(self.kind, entity_id, why, expected)

    async def page(
        self, script_id: int, filters: Mapping[str, Any], limit: int | None, offset: int
    ) -> Shown:
        """Those of a script, in the order of its story, that have all these values.

        A section that is deleted has none, nor has a target.
        """
        await self.entities.get("script", script_id)
        wanted = {name: value for name, value in filters.items() if value is not None}
        if "targetType" in wanted:
            wanted["targetType"] = kinds.canonical(wanted["targetType"])
        section_id = wanted.get("sectionId")
        if section_id is not None and section_id not in {
            section.id for section in (await self.sections.of_scripts([script_id]))[script_id]
        }:
            return Shown([], 0)
        clauses: list[Clause] = [term("content.scriptId", script_id)]
        clauses += [term(f"content.{name}", value) for name, value in wanted.items()]
        items = await self.listing.all([self.kind], clauses)
        if wanted.keys() & set(_TARGET):
            targets = await self._targets(items)
            items = [entity for entity in items if target_of(entity) in targets]
        end = None if limit is None else offset + limit
        return await self._shown(items[offset:end], len(items))

    async def _found(self, script_id: int, entity_id: int) -> Entity:
        await self.entities.get("script", script_id)
        found = await self.entities.get(self.kind, entity_id)
        if found.content["scriptId"] != script_id:
            raise NotFound.of(self.kind, entity_id, f"Script {script_id} has no such {self.kind}.")
        return found

    async def _shown(self, items: list[Entity], total: int | None = None) -> Shown:
        sections, targets = await asyncio.gather(
            live_sections(self.entities, items), self._targets(items)
        )
        return Shown(items, len(items) if total is None else total, sections, targets)

    async def _targets(self, items: list[Entity]) -> Set[Target]:
        """Those of their targets that exist."""
        named = {target for entity in items if (target := target_of(entity)) is not None}
        if not named:
            return frozenset()
        records = await self.records.get_many(sorted(named))
        found = await self.entities.visible(records.values())
        return {(entity.record.kind, entity.id) for entity in found}

    async def _checked(
        self, script_id: int, before: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The changes with the target's type in its canonical spelling; BadInput naming a field
        that refers to nothing, or to half a target."""
        changes = dict(changes)
        if changes.get("targetType") is not None:
            changes["targetType"] = kinds.canonical(changes["targetType"])
        after = {**before, **changes}
        section_id = after["sectionId"]
        if section_id is not None and section_id != before["sectionId"]:
            await self.sections.require_mine(script_id, [section_id], "sectionId")
        target_type, target_id = target = after["targetType"], after["targetId"]
        if target == (before["targetType"], before["targetId"]):
            return changes
        if (target_type is None) != (target_id is None):
            missing = _TARGET[0 if target_type is None else 1]
            raise BadInput.field(missing, "targetType and targetId go together")
        if target_id is not None:
            await self.entities.existing(target_type, [target_id], "targetId")
        # Both halves, so that what is stored is one target whoever else changes it.
        return {**changes, "targetType": target_type, "targetId": target_id}

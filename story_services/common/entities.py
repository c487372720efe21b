"""Entities as their callers see them: records that exist because their order says so.

Decides what is visible, in which sequence documents are written, and what a lost race means;
talks to records and orders only. The rule that makes a kill harmless: whatever brings an entity
into being ends with its number, whatever removes it begins with it. An entity that carries no
number exists when its record does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from story_services.common import kinds
from story_services.common.errors import BadInput, Conflict, NotFound
from story_services.common.following import follow
from story_services.common.kinds import SpaceId
from story_services.common.numbering import Numbering
from story_services.common.records import Record, Why, same
from story_services.common.resuming import Resuming
from story_services.common.store.documents import StoreConflict
from story_services.common.store.records import Draft, Records
from story_services.common.transitions import Target, Transitions, present

#: Numbers of records, by key and space.
Numbers = Mapping[str, Mapping[SpaceId, int]]


@dataclass(frozen=True)
class Entity:
    """A visible record with its numbers, by space."""

    record: Record
    numbers: Mapping[SpaceId, int]

    @property
    def id(self) -> int:
        return self.record.id

    @property
    def content(self) -> Mapping[str, Any]:
        return self.record.content

    @property
    def number(self) -> int | None:
        """The number in the entity's own space; the first one of a character in many casts."""
        return next(iter(self.numbers.values()), None)

    def envelope(self) -> dict[str, Any]:
        """The fields every entity of the contract ends with (E).

        `indexed` says that searches find this version; they do as soon as it is acknowledged.
        """
        record = self.record
        return {
            "sequenceNumber": self.number,
            "versionNumber": record.version,
            "indexed": True,
            "createdAt": record.created_at,
            "updatedAt": record.updated_at,
            "comment": record.comment,
        }


@dataclass(frozen=True)
class New:
    """An entity to be created; `after` places it behind a reference instead of at the end."""

    kind: str
    content: Mapping[str, Any]
    after: str | None = None


class Entities:
    """What every service does with entities."""

    def __init__(self, records: Records, numbering: Numbering, transitions: Transitions) -> None:
        self.records = records
        self.numbering = numbering
        self.transitions = transitions
        self.resuming = Resuming(records, numbering)

    async def create(self, kind: str, content: Mapping[str, Any], why: Why) -> Entity:
        """One new entity, numbered at the end of its space."""
        return (await self.create_many([New(kind, content)], why))[0]

    async def create_many(self, news: Sequence[New], why: Why) -> list[Entity]:
        """New entities of one index, in the given order, visible all at once per script.

        BadInput when an `after` is not live.
        """
        drafts = [Draft(n.kind, n.content, await self.scope(n.kind, n.content)) for n in news]
        made = await self.resuming.create(drafts, why)
        places = {record.key: new.after for record, new in zip(made, news, strict=True)}
        await self.numbering.admit(made, places)
        return await self.with_numbers(made)

    async def scope(self, kind: str, content: Mapping[str, Any]) -> tuple[int, ...]:
        """The scripts whose change log an entity belongs to; a script's own comes with its id."""
        if kind == "session":
            return ()
        if kind == "paraphrase":
            original = await self.records.get(content["originalType"], content["originalId"])
            return kinds.scripts_of(original.content) if original else ()
        return kinds.scripts_of(content)

    async def get(self, kind: str, entity_id: int) -> Entity:
        """A visible entity; NotFound otherwise."""
        record = await self.records.get(kind, entity_id)
        found = await self.visible([record]) if record else []
        if not found:
            raise NotFound.of(kind, entity_id)
        return found[0]

    async def update(
        self,
        kind: str,
        entity_id: int,
        changes: Mapping[str, Any],
        why: Why,
        expected: int | None = None,
    ) -> Entity:
        """A new version with these fields changed; the same one when nothing differs.

        Conflict when `expected` is not the current version, or another write came first.
        """
        if done := await self.done(kind, entity_id, why):
            return done
        entity = await self.get(kind, entity_id)
        require_version(entity.record, expected)
        content = {**entity.content, **changes}
        if same(content, entity.content):
            await follow(self.transitions, entity.record, why)  # a move that was cut off
            return entity
        scope = entity.record.scope if kind == "script" else await self.scope(kind, content)
        target = Target(content, scope)
        return await self._apply(entity.record, target, why)

    async def delete(
        self, kind: str, entity_id: int, why: Why, expected: int | None = None
    ) -> None:
        """Soft delete. NotFound when there is nothing visible; a half-done one is completed."""
        record = await self.records.get(kind, entity_id)
        if record is None or record.deleted:
            raise NotFound.of(kind, entity_id)
        if not await self.parents_live([record]):
            raise NotFound.of(kind, entity_id)
        require_version(record, expected)
        target = Target(record.content, record.scope, deleted=True)
        await self._apply(record, target, why, action="delete")

    async def restore(self, kind: str, entity_id: int, version: int, why: Why) -> Entity:
        """The content of an older version as a new one; brings a deleted entity back."""
        if done := await self.done(kind, entity_id, why):
            return done
        current = await self.records.get(kind, entity_id)
        if current is None:
            raise NotFound.of(kind, entity_id)
        wanted = await self.records.version(kind, entity_id, version)
        if wanted is None:
            raise NotFound.of(f"version of {kind} {entity_id}", version)
        target = Target(wanted.content, wanted.scope)
        return await self._apply(current, target, why, action="restore")

    async def done(self, kind: str, entity_id: int, why: Why) -> Entity | None:
        """The version that an earlier try of this very request made, if it did; whatever was to
        follow is completed."""
        if not why.resumed or (current := await self.records.get(kind, entity_id)) is None:
            return None
        made = await self.resuming.done(current, why)
        if made is None:
            return None
        before = await self.records.version(kind, entity_id, made.version - 1)
        await self.transitions.settle([each for each in (before, made) if each])
        await follow(self.transitions, made, why)
        return (await self.with_numbers([made]))[0]

    async def _apply(
        self, before: Record, target: Target, why: Why, action: str = "update"
    ) -> Entity:
        try:
            (after,) = await self.transitions.apply([(before, target)], why, action)
        except StoreConflict:
            current = await self.records.get(before.kind, before.id)
            raise overtaken(current or before) from None
        if kinds.scripts_of(after.content) != kinds.scripts_of(before.content):
            await follow(self.transitions, after, why)
        return (await self.with_numbers([after]))[0]

    async def with_numbers(self, records: Sequence[Record]) -> list[Entity]:
        """Entities of these records, numbered or not."""
        numbers = await self.numbering.of(records)
        return [Entity(record, numbers[record.key]) for record in records]

    async def visible(self, records: Iterable[Record]) -> list[Entity]:
        """Those of the records that exist for callers, in the same order: with a number in every
        space that they belong to, and with all that they are a part of."""
        live = [r for r in records if not r.deleted]
        above = await self._above(live)
        numbers = await self.numbering.of([*live, *above.values()])
        return [
            Entity(record, numbers[record.key])
            for record in live
            if _stands(record, numbers) and _is_within(record, above, numbers)
        ]

    @staticmethod
    def is_numbered(record: Record) -> bool:
        """Whether an entity of this kind carries a number, and so exists only with one."""
        return bool(kinds.spaces(record.kind, record.content))

    async def parents_live(self, records: Sequence[Record]) -> list[Record]:
        """Those whose script (and original, for paraphrases) is not deleted."""
        above = await self._above(records)
        numbers = await self.numbering.of(list(above.values()))
        return [record for record in records if _is_within(record, above, numbers)]

    async def _above(self, records: Sequence[Record]) -> dict[str, Record]:
        """What the records are a part of, by key."""
        return await self.records.get_many(ref for r in records for ref in _parents(r))

    async def existing(self, kind: str, ids: Iterable[int], field: str) -> list[Entity]:
        """The entities that a body refers to; BadInput naming the field if one is not there."""
        wanted = list(dict.fromkeys(ids))
        records = await self.records.get_many((kind, i) for i in wanted)
        found = await self.visible(records.values())
        missing = set(wanted) - {entity.id for entity in found}
        if missing:
            raise BadInput.unknown_reference(field, kind, sorted(missing))
        return found


def _parents(record: Record) -> tuple[tuple[str, int], ...]:
    above = kinds.parents(record.kind, record.content)
    if record.kind == "paraphrase" and record.content["originalType"] != "character":
        above += tuple(("script", s) for s in present(record.scope))
    return above


def _stands(record: Record, numbers: Numbers) -> bool:
    return all(space in numbers[record.key] for space in kinds.spaces(record.kind, record.content))


def _is_within(record: Record, above: Mapping[str, Record], numbers: Numbers) -> bool:
    """Whether all that the record is a part of exists, as far as it ever did."""
    parents = (above.get(kinds.key(*ref)) for ref in _parents(record))
    return all(p is None or (not p.deleted and _stands(p, numbers)) for p in parents)


def require_version(record: Record, expected: int | None) -> None:
    """Conflict when the caller saw another version than the current one."""
    if expected is not None and expected != record.version:
        raise overtaken(record)


def overtaken(current: Record) -> Conflict:
    """The conflict that tells the loser of a race who won it, when and why."""
    why = f": {current.comment}" if current.comment else ""
    return Conflict(
        f"{current.kind} {current.id} was changed meanwhile; read it and try again.",
        f"version {current.version} ({current.action}) by {current.actor} "
        f"at {current.updated_at}{why}",
    )

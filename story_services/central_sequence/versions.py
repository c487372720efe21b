"""Versions of everything: what each one said, how two differ, going back to one.

Works on the names of the contract, not on stored ones: an `Editor` knows for its kind how to
show a content and how to change it. An id that was only numbered has versions of free data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from story_services.central_sequence.numbers import Numbers
from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.entities import overtaken, require_version
from story_services.common.errors import NotFound
from story_services.common.records import Record, Why
from story_services.common.store.documents import StoreConflict


class Editor(Protocol):
    """How entities of one kind are shown and changed by the names of the contract."""

    def show(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A stored content by the contract's names."""

    async def edit(
        self, entity_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> None:
        """Merge data into the entity; BadInput for what it cannot be."""


@dataclass(frozen=True)
class Version:
    """One version with its content by the contract's names."""

    record: Record
    data: dict[str, Any]


class Versions:
    """Versions of entities and of entries."""

    def __init__(self, context: Context, numbers: Numbers, editors: Mapping[str, Editor]) -> None:
        self.entities = context.entities
        self.records = context.records
        self.numbers = numbers
        self.entries = numbers.entries
        self.editors = editors

    async def add(
        self, kind: str, element_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> Record:
        """Merge data into the element as its next version."""
        entity = await self.records.get(kind, element_id)
        if entity is None:
            return await self._add_to_entry(kind, element_id, data, why, expected)
        if done := await self.entities.done(kind, element_id, why):
            return done.record
        await self.editors[kind].edit(element_id, data, why, expected)
        return (await self.entities.get(kind, element_id)).record

    async def _add_to_entry(
        self, kind: str, element_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> Record:
        entry = await self._entry(kind, element_id)
        if done := await self._done(entry, why):
            return done
        require_version(entry, expected)
        content = {**entry.content, "data": {**entry.content["data"], **data}}
        return await self._follow(entry, content, why)

    async def _done(self, entry: Record, why: Why) -> Record | None:
        """The version that an earlier try of the request made of an entry, if it did."""
        if not why.resumed:
            return None
        versions = await self.entries.versions(entry)
        return next((v for v in versions if v.is_by(why.nonce) and v.version > 1), None)

    async def _follow(self, entry: Record, content: dict[str, Any], why: Why) -> Record:
        try:
            return await self.entries.follow(entry, content, why)
        except StoreConflict:
            raise overtaken(await self._entry(entry.kind, entry.id)) from None

    async def _entry(self, kind: str, element_id: int) -> Record:
        ref = kinds.key(kind, element_id)
        entry = (await self.entries.get_many([ref])).get(ref)
        if entry is None:
            raise NotFound.of(kind, element_id)
        return entry

    async def all(self, kind: str, element_id: int) -> list[Record]:
        """All versions, oldest first; also of what was deleted."""
        entity = await self.records.get(kind, element_id)
        if entity is not None:
            return await self.records.versions(entity)
        return await self.entries.versions(await self._entry(kind, element_id))

    async def get(self, kind: str, element_id: int, number: int) -> Version:
        """One version; NotFound if there is none of that number."""
        record = await self.records.version(kind, element_id, number)
        if record is None:
            if await self.records.get(kind, element_id) is not None:
                raise NotFound.of(f"version of {kind} {element_id}", number)
            versions = await self.entries.versions(await self._entry(kind, element_id))
            record = next((v for v in versions if v.version == number), None)
        if record is None:
            raise NotFound.of(f"version of {kind} {element_id}", number)
        return Version(record, self.show(record))

    def show(self, record: Record) -> dict[str, Any]:
        """What a version said."""
        if "elementId" in record.content:
            return dict(record.content["data"])
        return self.editors[record.kind].show(record.content)

    async def restore(
        self, kind: str, element_id: int, number: int, why: Why, expected: int | None
    ) -> Record:
        """A new version with the content of an older one; brings back what was deleted."""
        entity = await self.records.get(kind, element_id)
        if entity is not None:
            if done := await self.entities.done(kind, element_id, why):
                return done.record
            require_version(entity, expected)
            return (await self.entities.restore(kind, element_id, number, why)).record
        entry = await self._entry(kind, element_id)
        if restored := await self._done(entry, why):
            return restored
        require_version(entry, expected)
        wanted = await self.get(kind, element_id, number)
        content = {**entry.content, "data": wanted.data}
        return await self._follow(entry, content, why)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """From one content to another: `{field: {"from": value, "to": value}}`; null where absent."""
    return {
        name: {"from": old.get(name), "to": new.get(name)}
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }

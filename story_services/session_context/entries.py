"""Contexts and world states: data that holds over a range of sequence numbers. One service for
both, as they differ only in what they are about.

Nothing is stored that could never hold: a range ends where it begins or later, and a session is
one that may be asked for in the script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from story_services.common.context import Context
from story_services.common.entities import Entity, require_version
from story_services.common.errors import BadInput
from story_services.common.listing import Page
from story_services.common.records import Why
from story_services.session_context import filters
from story_services.session_context.resolve import serves

CONTEXT, WORLD_STATE = "context", "worldState"
_PLACE = ("scriptId", "sessionId", "fromSequence", "toSequence")
#: What is stored of each kind; null where an entry has none of it.
FIELDS = {
    CONTEXT: ("characterId", "data", *_PLACE),
    WORLD_STATE: ("kind", "description", "data", *_PLACE),
}
_REFERENCES = {"characterId": "character", "scriptId": "script", "sessionId": "session"}


class Entries:
    """The entries of one kind."""

    def __init__(self, context: Context, kind: str) -> None:
        self.entities = context.entities
        self.listing = context.listing
        self.kind = kind

    async def create(self, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new entry."""
        content = {name: fields.get(name) for name in FIELDS[self.kind]}
        content["data"] = content["data"] or {}
        await self._check({}, content)
        return await self.entities.create(self.kind, content, why)

    async def get(self, entry_id: int) -> Entity:
        """One entry; NotFound."""
        return await self.entities.get(self.kind, entry_id)

    async def update(
        self, entry_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change some fields; data is replaced whole.

        What is checked is the version that is changed, so another write meanwhile is a Conflict.
        """
        before = await self.get(entry_id)
        require_version(before.record, expected)
        content = {**before.content, **changes}
        content["data"] = content["data"] or {}
        await self._check(before.content, content)
        return await self.entities.update(self.kind, entry_id, content, why, before.record.version)

    async def delete(self, entry_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(self.kind, entry_id, why, expected)

    async def page(
        self,
        wanted: Mapping[str, Any],
        *,
        at_sequence: int | None,
        key: str | None,
        value: str | None,
        limit: int | None,
        offset: int,
    ) -> Page:
        """Entries with exactly these field values, whose range covers the number, whose data has
        the value at the key. An entry that names no script is none of any script's."""
        clauses = [
            *filters.equal(wanted),
            *filters.covering(at_sequence),
            *filters.stated(key, value),
        ]
        return await self.listing.page([self.kind], clauses, limit=limit, offset=offset)

    async def _check(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        low, high = after["fromSequence"], after["toSequence"]
        if low is not None and high is not None and low > high:
            raise BadInput.field("toSequence", f"must not be less than fromSequence ({low})")
        changed = {n for n in _REFERENCES if after.get(n) is not None} - {
            n for n in _REFERENCES if after.get(n) == before.get(n)
        }
        for name in sorted(changed - {"sessionId"}):
            await self.entities.existing(_REFERENCES[name], [after[name]], name)
        session = after["sessionId"]
        if session is None or not changed & {"scriptId", "sessionId"}:
            return
        found = await self.entities.existing("session", [session], "sessionId")
        if after["scriptId"] is not None and not serves(found[0].content, after["scriptId"]):
            other = found[0].content["scriptId"]
            raise BadInput.field("sessionId", f"session {session} is of script {other}")

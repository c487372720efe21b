"""Sessions: a context that is kept, changed by revisions, and never overwritten silently.

The revision is the version. A change is made to the revision that was read, and a Conflict when
another one came meanwhile; only appending an entry, which takes nothing away, is done again on
the newest revision unless the caller insists on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from story_services.common import queries
from story_services.common.context import Context
from story_services.common.entities import Entity, require_version
from story_services.common.errors import Conflict, NotFound
from story_services.common.listing import Page
from story_services.common.records import Record, Why
from story_services.common.turns import Turns
from story_services.session_context import filters
from story_services.session_context.sessions.wording import (
    appended,
    entries,
    merged,
    require_bounded,
)

KIND = "session"
FIELDS = ("userId", "name", "scriptId", "context", "data")
_TRIES = 20  # of an append, each after somebody else's change was seen


class Sessions:
    """All sessions. One per process."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.entities = context.entities
        self.listing = context.listing
        self.records = context.records
        self._appending = Turns()

    async def create(self, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new session."""
        content = _content({name: fields.get(name) for name in FIELDS})
        if content["scriptId"] is not None:
            await self.entities.existing("script", [content["scriptId"]], "scriptId")
        return await self.entities.create(KIND, content, why)

    async def get(self, session_id: int) -> Entity:
        """One session; NotFound."""
        return await self.entities.get(KIND, session_id)

    async def page(
        self, wanted: Mapping[str, int | None], words: str | None, limit: int | None, offset: int
    ) -> Page:
        """Sessions with these field values, in whose context all the words occur."""
        clauses = filters.equal(wanted)
        if words is not None:
            clauses.append(queries.text("content.contextEntries", words))
        return await self.listing.page([KIND], clauses, limit=limit, offset=offset)

    async def update(
        self, session_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Replace some fields, context and data as a whole."""
        before = await self.get(session_id)
        require_version(before.record, expected)
        content = _content({**before.content, **changes})
        script = content["scriptId"]
        if script is not None and script != before.content["scriptId"]:
            await self.entities.existing("script", [script], "scriptId")
        return await self.entities.update(KIND, session_id, content, why, before.record.version)

    async def merge(
        self, session_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change some keys of the data; null removes a key."""
        before = await self.get(session_id)
        require_version(before.record, expected)
        together = merged(before.content["data"], data)
        return await self.update(session_id, {"data": together}, why, before.record.version)

    async def append(self, session_id: int, entry: Any, why: Why, expected: int | None) -> Entity:
        """One more entry behind the context, whatever was appended meanwhile; with `expected`
        only behind that revision."""
        if why.resumed and (done := await self._done(session_id, why)):
            return done
        if expected is not None:
            return await self._append(session_id, entry, why, expected)
        async with self._appending.turn(session_id):
            for _ in range(_TRIES - 1):
                try:
                    return await self._append(session_id, entry, why, None)
                except Conflict:
                    continue
            return await self._append(session_id, entry, why, None)

    async def _append(self, session_id: int, entry: Any, why: Why, expected: int | None) -> Entity:
        before = await self.get(session_id)
        require_version(before.record, expected)
        changes = {"context": appended(before.content["context"], entry)}
        return await self.update(session_id, changes, why, before.record.version)

    async def _done(self, session_id: int, why: Why) -> Entity | None:
        """The revision that an earlier try of this very request made, if it did."""
        current = (await self.get(session_id)).record
        older = await self.records.by_nonce("version", why.nonce)
        made = [r for r in (*older, current) if r.nonce.startswith(f"{why.nonce}.")]
        return (await self.entities.with_numbers(made[-1:]))[0] if made else None

    async def delete(self, session_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(KIND, session_id, why, expected)

    async def revision(
        self, session_id: int, wanted: int | None = None
    ) -> tuple[Record, int | None]:
        """A revision, and the last change id of its time; without `wanted` the current one, whose
        time has not ended.

        NotFound beyond the newest revision, and for one that says the session was deleted.
        """
        current = (await self.get(session_id)).record
        if wanted is None or wanted == current.version:
            return current, None
        pair = [(KIND, session_id, wanted), (KIND, session_id, wanted + 1)]
        found = await self.records.version_many(pair)
        record, following = found.get(pair[0]), found.get(pair[1])
        if record is None or record.deleted or following is None:
            newest = f"the newest is {current.version}"
            raise NotFound.of(f"revision of session {session_id}", wanted, newest)
        return record, following.change_id - 1


def _content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored; the entries are there to be searched."""
    content = {**fields, "data": fields["data"] or {}}
    require_bounded(content["context"], content["data"])
    return {**content, "contextEntries": entries(content["context"])}

"""Records and their versions in OpenSearch.

Guarantees: an id is given once, whoever else gives ids; a version is written once, and the one
before it can be read from then on; what was acknowledged is found by id at once. A write whose
answer was lost counts as done even if somebody else changed the record before it was asked about
again. Knows nothing of orders, visibility or the meaning of contents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from story_services.common.clock import Clock
from story_services.common.kinds import KINDS, key
from story_services.common.records import Record, Why, first, from_document
from story_services.common.store.client import Store
from story_services.common.store.documents import StoreConflict, Token
from story_services.common.store.past import INDEX as PAST
from story_services.common.store.past import Copy, keep


@dataclass(frozen=True)
class Draft:
    """An entity that has no id yet."""

    kind: str
    content: Mapping[str, Any]
    scope: tuple[int, ...]


class Records:
    """The repository of all records. One per process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._last_ids: dict[str, int] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def get(self, kind: str, entity_id: int) -> Record | None:
        """The current version, deleted or not; None if there never was one."""
        found = await self.store.get(KINDS[kind].index, key(kind, entity_id))
        return from_document(found) if found else None

    async def get_many(self, refs: Iterable[tuple[str, int]]) -> dict[str, Record]:
        """Records by key, `action-12`; one request per index, missing ones are left out."""
        wanted: dict[str, list[str]] = {}
        for kind, entity_id in dict.fromkeys(refs):
            wanted.setdefault(KINDS[kind].index, []).append(key(kind, entity_id))
        answers = await asyncio.gather(*(self.store.mget(i, keys) for i, keys in wanted.items()))
        return {k: from_document(doc) for found in answers for k, doc in found.items()}

    async def create(self, drafts: Sequence[Draft], why: Why) -> list[Record]:
        """Write version 1 of each draft under new ids, in one request; all of one index.

        Ids ascend in the order of the drafts. The caller publishes them by numbering them.
        """
        made = await self.create_some(dict(enumerate(drafts)), why)
        return [made[n] for n in range(len(drafts))]

    async def create_some(self, drafts: Mapping[int, Draft], why: Why) -> dict[int, Record]:
        """`create` for some drafts of a request, by their place in it."""
        left = dict(drafts)
        change = why.change_id or self.clock.change_id()
        made: dict[int, Record] = {}
        while left:
            records = {
                n: _first(n, draft, await self.new_id(draft.kind), change, why)
                for n, draft in left.items()
            }
            made |= await self._write_new(records)
            for n in records.keys() & made.keys():
                del left[n]
            for draft in left.values():
                self._last_ids.pop(draft.kind, None)  # someone else gives ids too: look again
        return made

    async def create_as(self, entity_id: int, n: int, draft: Draft, why: Why) -> Record | None:
        """Draft `n` of a request under this id; None when the id is somebody else's."""
        change = why.change_id or self.clock.change_id()
        made = await self._write_new({n: _first(n, draft, entity_id, change, why)})
        return made.get(n)

    async def _write_new(self, records: Mapping[int, Record]) -> dict[int, Record]:
        """Those of the records whose ids were free."""
        index = KINDS[next(iter(records.values())).kind].index
        tokens = await self._create_documents(index, records.values())
        taken = [record for record in records.values() if tokens[record.key] is None]
        ours = await self._overtaken(taken) if taken else set()
        return {
            n: replace(record, token=tokens[record.key])
            for n, record in records.items()
            if tokens[record.key] is not None or record.key in ours
        }

    async def _create_documents(
        self, index: str, records: Collection[Record]
    ) -> dict[str, Token | None]:
        if len(records) > 1:
            return await self.store.bulk_create(index, {r.key: r.document() for r in records})
        (record,) = records
        try:
            return {record.key: await self.store.create(index, record.key, record.document())}
        except StoreConflict:
            return {record.key: None}

    async def new_id(self, kind: str) -> int:
        """An id that this process gives to nobody else."""
        while kind not in self._last_ids:
            if kind not in self._looking:
                self._looking[kind] = asyncio.create_task(self._look(kind))
            await asyncio.shield(self._looking[kind])
        self._last_ids[kind] += 1
        return self._last_ids[kind]

    async def _look(self, kind: str) -> None:
        """Whoever waits for the same shares the outcome, the failure too."""
        try:
            self._last_ids[kind] = await self._highest_id(kind)
        finally:
            del self._looking[kind]

    async def _highest_id(self, kind: str) -> int:
        index = KINDS[kind].index
        await self.store.refresh(index)
        body = {
            "size": 0,
            "query": {"term": {"kind": kind}},
            "aggs": {"highest": {"max": {"field": "id"}}},
        }
        found = (await self.store.search(index, body)).aggregations["highest"]["value"]
        return int(found or 0)

    async def _overtaken(self, lost: Sequence[Record]) -> set[str]:
        """The keys of those that were written after all, before somebody else wrote on top."""
        current, found = await asyncio.gather(
            self.get_many((record.kind, record.id) for record in lost),
            self.store.mget(PAST, [record.version_key for record in lost]),
        )
        return {
            record.key
            for record in lost
            if record.key in current
            and current[record.key].version > record.version
            and record.version_key in found
            and found[record.version_key].source["nonce"] == record.nonce
        }

    async def keep(self, currents: Iterable[Record]) -> None:
        """Keep what these records say now, before `replace_many`. StoreConflict when one of them
        is not the current version any more."""
        await keep(
            self.store,
            (
                Copy(r.version_key, r.document(), KINDS[r.kind].index, r.key, r.nonce)
                for r in currents
            ),
        )

    async def replace_many(self, pairs: Sequence[tuple[Record, Record]]) -> list[Record | None]:
        """Put the next version in place of each that was read and kept, all of one index; None
        where it is not the current one any more."""
        index = KINDS[pairs[0][0].kind].index
        afters = [
            replace(after, nonce=f"{after.nonce}.{after.version}", token=before.token)
            for before, after in pairs
        ]
        answer = await self._put(index, afters)
        lost = [after for after in afters if answer[after.key] is None]
        ours = await self._overtaken(lost) if lost else set()
        return [
            replace(a, token=answer[a.key]) if answer[a.key] or a.key in ours else None
            for a in afters
        ]

    async def confirm(self, found: Sequence[Record]) -> None:
        """Make sure that these records, as they were read, are on the disk: what is read may not
        be there yet, and be lost with the node. Those changed since are left alone."""
        for index in sorted({KINDS[record.kind].index for record in found}):
            await self._put(index, [r for r in found if KINDS[r.kind].index == index])

    async def _put(self, index: str, records: Sequence[Record]) -> dict[str, Token | None]:
        puts = [(r.key, r.document(), r.token) for r in records if r.token is not None]
        if len(puts) > 1:
            return await self.store.bulk_put(index, puts)
        ((id, source, token),) = puts
        try:
            return {id: await self.store.put(index, id, source, token)}
        except StoreConflict:
            return {id: None}

    async def version(self, kind: str, entity_id: int, number: int) -> Record | None:
        """One version of an entity, the current one included."""
        current = await self.get(kind, entity_id)
        if current is None or number > current.version:
            return None
        if number == current.version:
            return current
        found = await self.store.get("version", f"{key(kind, entity_id)}-{number}")
        return from_document(found) if found else None

    async def version_many(
        self, wanted: Iterable[tuple[str, int, int]]
    ) -> dict[tuple[str, int, int], Record]:
        """Versions by (kind, id, version), in two requests; unknown ones are left out."""
        asked = list(wanted)
        current = await self.get_many((kind, entity_id) for kind, entity_id, _ in asked)
        found = {(r.kind, r.id, r.version): r for r in current.values()}
        older = [f"{key(kind, i)}-{n}" for kind, i, n in asked if (kind, i, n) not in found]
        if older:
            for document in (await self.store.mget("version", older)).values():
                record = from_document(document)
                found[record.kind, record.id, record.version] = record
        return {at: found[at] for at in asked if at in found}

    async def versions(self, current: Record) -> list[Record]:
        """All versions of an entity, oldest first."""
        query = {
            "bool": {
                "filter": [
                    {"term": {"kind": current.kind}},
                    {"term": {"id": current.id}},
                    {"range": {"version": {"lt": current.version}}},
                ]
            }
        }
        older = await self.find("version", query, sort=("version",))
        return [*older, current]

    async def find(
        self, index: str, query: Mapping[str, Any], *, sort: Sequence[Any] = ("id",)
    ) -> list[Record]:
        """All records that match, with every acknowledged write among them."""
        await self.store.refresh(index)
        return [
            from_document(doc)
            async for doc in self.store.search_all(index, dict(query), sort=list(sort))
        ]

    async def by_nonce(self, index: str, nonce: str) -> list[Record]:
        """Records that a request with this nonce wrote, in the order it wrote them."""
        found = await self.find(index, {"prefix": {"nonce": f"{nonce}."}})
        return sorted(found, key=lambda r: [int(p) for p in r.nonce.split(".")[1:]])


def _first(n: int, draft: Draft, entity_id: int, change: int, why: Why) -> Record:
    """Version 1 of draft `n` of a request. A script is in its own log."""
    scope = (entity_id,) if draft.kind == "script" else draft.scope
    signed = replace(why, nonce=f"{why.nonce}.{n}")
    return first(draft.kind, entity_id, draft.content, scope, change, signed)

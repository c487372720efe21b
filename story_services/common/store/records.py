"""Records and their versions in OpenSearch.

Guarantees: an id is given once, whoever else gives ids; a version is written once, and the one
before it can be read from then on; what was acknowledged is found by id at once. Knows nothing
of orders, visibility or the meaning of contents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from story_services.common.clock import Clock
from story_services.common.kinds import KINDS, key, parse_key
from story_services.common.records import Record, Why, first, from_document
from story_services.common.store.client import Store
from story_services.common.store.documents import StoreConflict


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
        self._lock = asyncio.Lock()

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
        made = await self._create(dict(enumerate(drafts)), why)
        return [made[n] for n in range(len(drafts))]

    async def _create(self, left: dict[int, Draft], why: Why) -> dict[int, Record]:
        change = why.change_id or self.clock.change_id()
        index = KINDS[next(iter(left.values())).kind].index
        made: dict[int, Record] = {}
        while left:
            records = {
                n: first(
                    draft.kind,
                    await self._new_id(draft.kind),
                    draft.content,
                    # A script is in its own log, and its id is known only now.
                    draft.scope,
                    change,
                    replace(why, nonce=f"{why.nonce}.{n}"),
                )
                for n, draft in left.items()
            }
            records = {
                n: replace(r, scope=(r.id,)) if r.kind == "script" else r
                for n, r in records.items()
            }
            tokens = await self._write_new(index, records)
            for n, token in tokens.items():
                if token is None:
                    self._last_ids.pop(left[n].kind, None)  # someone else gives ids too: look again
                else:
                    made[n] = replace(records[n], token=token)
                    del left[n]
        return made

    async def resume(self, drafts: Sequence[Draft], why: Why) -> list[Record]:
        """`create`, except for what an earlier try of the same request already created."""
        made: dict[int, Record] = {}
        if why.resumed:
            written = await self.by_nonce("log", why.nonce)
            kinds = {draft.kind for draft in drafts}
            made = await self._current(
                record
                for record in written
                if record.version == 1
                and record.kind in kinds
                # A request may write under further nonces that begin with its own.
                and record.nonce.rpartition(".")[0] == why.nonce
            )
        left = [n for n in range(len(drafts)) if n not in made]
        if left:
            made |= await self._create({n: drafts[n] for n in left}, why)
        return [made[n] for n in range(len(drafts))]

    async def _current(self, written: Iterable[Record]) -> dict[int, Record]:
        """What became of the first versions that an earlier try wrote, by their place in it;
        without those that were cleared away since, as nobody was told of them."""
        places = {r.key: int(r.nonce.rpartition(".")[2]) for r in written}
        found = await self.get_many(parse_key(k) for k in places)
        return {places[k]: record for k, record in found.items() if not record.deleted}

    async def _write_new(self, index: str, records: dict[int, Record]) -> dict[int, Any]:
        if len(records) == 1:
            ((n, record),) = records.items()
            try:
                return {n: await self.store.create(index, record.key, record.document())}
            except StoreConflict:
                return {n: None}
        answer = await self.store.bulk_create(
            index, {r.key: r.document() for r in records.values()}
        )
        return {n: answer[record.key] for n, record in records.items()}

    async def _new_id(self, kind: str) -> int:
        if kind not in self._last_ids:
            async with self._lock:
                if kind not in self._last_ids:
                    self._last_ids[kind] = await self._highest_id(kind)
        self._last_ids[kind] += 1
        return self._last_ids[kind]

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

    async def replace(self, before: Record, after: Record) -> Record:
        """Put the next version in place of the one that was read. StoreConflict if it is not
        the current one any more."""
        (done,) = await self.replace_many([(before, after)])
        if done is None:
            raise StoreConflict(before.key)
        return done

    async def replace_many(self, pairs: Sequence[tuple[Record, Record]]) -> list[Record | None]:
        """`replace` for several records of one index; None where another write came first."""
        await self.store.bulk_create(
            "version", {before.version_key: before.document() for before, _ in pairs}
        )
        index = KINDS[pairs[0][0].kind].index
        afters = [
            replace(after, nonce=f"{after.nonce}.{after.version}", token=before.token)
            for before, after in pairs
        ]
        if len(pairs) == 1:
            after = afters[0]
            assert after.token is not None
            try:
                token = await self.store.put(index, after.key, after.document(), after.token)
            except StoreConflict:
                return [None]
            return [replace(after, token=token)]
        answer = await self.store.bulk_put(
            index, [(a.key, a.document(), a.token) for a in afters if a.token is not None]
        )
        return [replace(a, token=answer[a.key]) if answer[a.key] else None for a in afters]

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

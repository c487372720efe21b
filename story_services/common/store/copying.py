"""Copying an index to its next generation, document by document, while the old one is written to.

A copy carries the sequence number of its original as its version. So copying again is harmless, an
older form never replaces a newer one, and what is missing or behind can be told without reading
contents. The copies go to an alias that exists only during the migration: whoever still copies
when it is over writes nothing.

Every write to the old index gets the next sequence number. What is visible up to the checkpoint
is all there is below it, so a pass covers the numbers after the last pass up to the checkpoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from story_services.common.store.bulk import Action, bodies, results
from story_services.common.store.client import Store
from story_services.common.store.documents import Document, read
from story_services.common.store.outcomes import Failure, Kind, Patience

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]
#: Documents of one step, with their contents and without; an order's pages are large.
_STEP, _IDS = 200, 5000
_LONGEST_S = 60.0  # that the store may be away in the middle of it


class MigrationError(Exception):
    """A migration that cannot go on, or must not; says why and what is to be done."""


async def ask(
    store: Store,
    method: str,
    path: str,
    body: Any = None,
    params: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A request that may be repeated, until it is answered. Raises Unavailable or StoreDefect."""
    patience = Patience(_LONGEST_S)
    while True:
        try:
            return await store.administer(method, path, body, params)
        except Failure as failure:
            await patience.after(failure)


class Copy:
    """From the index `old` to the one that the alias `new` stands for, both by full names.

    `change` makes the new form of a document, for all it is given the same.
    """

    def __init__(self, store: Store, old: str, new: str, change: Change) -> None:
        self._store = store
        self._old = old
        self.new = new
        self._change = change

    async def checkpoint(self) -> int:
        """The number up to which every write to the old index is done."""
        return (await self._numbers())["local_checkpoint"]

    async def at_rest(self) -> bool:
        """Whether no write to the old index is under way."""
        numbers = await self._numbers()
        return numbers["local_checkpoint"] == numbers["max_seq_no"]

    async def _numbers(self) -> dict[str, int]:
        path = f"/{self._old}/_stats/docs"
        found = await ask(self._store, "GET", path, params={"level": "shards"})
        shards = found["indices"][self._old]["shards"]
        if len(shards) != 1:
            raise MigrationError(f"{self._old} has {len(shards)} shards; only one can be followed")
        ((copies),) = shards.values()
        (primary,) = (copy["seq_no"] for copy in copies if copy["routing"]["primary"])
        return dict(primary)

    async def sync(self, after: int, upto: int) -> int:
        """Copy what the writes with these numbers left; returns how many were not there yet."""
        copied = 0
        async for step in self._written(self._old, after, upto):
            held = await self._held([doc.id for doc in step])
            actions = [
                Action("index", doc.id, self._changed(doc), version=_version(doc))
                for doc in step
                if _version_of(held.get(doc.id)) < _version(doc)
            ]
            await self._write(actions)
            copied += len(actions)
        return copied

    async def verify(self, after: int, upto: int) -> int:
        """Compare what the writes with these numbers left, content by content; returns how many
        documents that were. MigrationError when one is not what it should be."""
        compared = 0
        async for step in self._written(self._old, after, upto):
            held = await self._held([doc.id for doc in step])
            newer = {}
            for doc in step:
                there = held.get(doc.id)
                if _version_of(there) > _version(doc):  # written again meanwhile, it seems
                    newer[doc.id] = _version_of(there)
                elif there is None or there["_source"] != self._changed(doc):
                    raise self._different(doc.id)
            await self._are_written_again(newer)
            compared += len(step)
        return compared

    async def _are_written_again(self, versions: Mapping[str, int]) -> None:
        """Copies may be of later writes than were seen; a later pass compares those."""
        if not versions:
            return
        for id, doc in (await self._originals(list(versions))).items():
            if doc["found"] and doc["_seq_no"] + 1 < versions[id]:
                raise self._different(id)

    def _different(self, id: str) -> MigrationError:
        return MigrationError(
            f"{id} of {self._old} is another one in its copy; nothing was changed over. Remove "
            f"the index behind {self.new} and run it again"
        )

    async def _originals(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        path, body = f"/{self._old}/_mget", {"ids": ids}
        found = await ask(self._store, "POST", path, body, {"_source": "false"})
        return {doc["_id"]: doc for doc in found["docs"]}

    async def purge(self) -> int:
        """Remove copies of what was deleted; returns how many. Only with nobody else copying."""
        removed = 0
        await self.refresh(self.new)
        async for step in self._written(self.new, -1, None, source=False):
            found = await self._originals([doc.id for doc in step])
            gone = [id for id, doc in found.items() if not doc["found"]]
            await self._write([Action("delete", id) for id in gone])
            removed += len(gone)
        return removed

    async def counts(self) -> tuple[int, int]:
        """How many documents the old and the new index have."""
        found = []
        for index in (self._old, self.new):
            await self.refresh(index)
            found.append(int((await ask(self._store, "GET", f"/{index}/_count"))["count"]))
        return found[0], found[1]

    async def refresh(self, index: str | None = None) -> None:
        """Make the newest visible, of the old index if none is named."""
        await ask(self._store, "POST", f"/{index or self._old}/_refresh")

    async def _written(
        self, index: str, after: int, upto: int | None, *, source: bool = True
    ) -> AsyncIterator[list[Document]]:
        """Documents last written with numbers in (after, upto], in steps, in their order."""
        while True:
            bounds = {"gt": after} if upto is None else {"gt": after, "lte": upto}
            body = {
                "query": {"range": {"_seq_no": bounds}},
                "sort": ["_seq_no"],
                "size": _STEP if source else _IDS,
                "seq_no_primary_term": True,
                "track_total_hits": False,
                "_source": source,
            }
            whole = {"allow_partial_search_results": "false"}
            answer = await ask(self._store, "POST", f"/{index}/_search", body, whole)
            step = [read(hit) for hit in answer["hits"]["hits"]]
            if not step:
                return
            after = step[-1].sort[0]
            yield step

    async def _held(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        found = await ask(self._store, "POST", f"/{self.new}/_mget", {"ids": ids})
        return {doc["_id"]: doc for doc in found["docs"] if doc["found"]}

    def _changed(self, doc: Document) -> dict[str, Any]:
        try:
            return dict(self._change(doc.source))
        except Exception as error:
            raise MigrationError(f"{doc.id} of {self._old} has no new form: {error!r}") from error

    async def _write(self, actions: Iterable[Action]) -> None:
        for body in bodies(actions):
            patience = Patience(_LONGEST_S)
            while True:
                answer = await ask(
                    self._store, "POST", f"/{self.new}/_bulk", body, {"require_alias": "true"}
                )
                failures = [
                    (id, result)
                    for id, result in results(answer)
                    # A conflict is a copy that is there already, from an earlier try.
                    if isinstance(result, Failure) and result.kind is not Kind.CONFLICT
                ]
                if not failures:
                    break
                id, failure = failures[0]
                if failure.kind is Kind.DEFECT:
                    raise MigrationError(f"{id} does not fit the new index: {failure.reason}")
                await patience.after(failure)


def _version(doc: Document) -> int:
    assert doc.token is not None
    return doc.token.seq_no + 1  # 0 would be as good; 1 is where others begin to count


def _version_of(copy: Mapping[str, Any] | None) -> int:
    return int(copy["_version"]) if copy else 0

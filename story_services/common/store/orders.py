"""Order roots in OpenSearch: one value, one writer at a time, many changes in one write.

Guarantees: a change is applied to the newest value and committed by compare-and-set, whole or
not at all; changes that wait for the same root inside a process share one write (group commit);
a logged change (a reorder) keeps the value before and after it, so that it can be undone.
Pages are written before the root that names them and removed after the last one that did.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from story_services.common.clock import Clock
from story_services.common.errors import ServiceError, Unavailable
from story_services.common.order.pages import encode, page_ids
from story_services.common.order.root import Root
from story_services.common.queries import every, term
from story_services.common.records import Why
from story_services.common.store.client import Store
from story_services.common.store.documents import StoreConflict
from story_services.common.store.lanes import Edit, Lane, PendingChange, apply, fail, next_group
from story_services.common.store.order_documents import (
    INDEX,
    KIND,
    State,
    logged_change,
    order_version_key,
    own_pages,
    page_document,
    request_of,
    root_document,
    snapshot,
)
from story_services.common.store.order_reading import OrderReader
from story_services.common.store.past import keep

T = TypeVar("T")
__all__ = ["INDEX", "KIND", "Orders", "State"]

#: Orders whose newest value is remembered between changes; a play's takes about half a megabyte.
_KNOWN = 16
#: Times a change is tried again because another process was first.
_TRIES = 200


class Orders(OrderReader):
    """All order roots. One per process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store)
        self.clock = clock
        self._lanes: dict[str, Lane] = {}

    async def _before(self, root_id: str, nonce: str) -> Root | None:
        """The order before the change that a request already made, None if it made none."""
        state = await self.state(root_id)
        if state.logged is not None and request_of(state.logged) == nonce:
            return (await self.logged(root_id, state.revision))[0]
        await self.store.refresh("version")
        mine = every([term("root", root_id), {"prefix": {"nonce": f"{nonce}."}}])
        async for document in self.store.search_all("version", mine, sort=["version"]):
            return (await self.logged(root_id, document.source["version"]))[0]
        return None

    async def _is_logged(self, root_id: str, why: Why, before: State) -> bool:
        """Whether the change that followed this state is the one of this request."""
        number = before.revision + 1
        newest = await self.state(root_id)
        if newest.logged is None or newest.revision < number:
            return False
        if newest.revision == number:
            return newest.logged.is_by(why.nonce)
        kept = await self.store.get("version", order_version_key(root_id, number))
        return kept is not None and str(kept.source["nonce"]).startswith(f"{why.nonce}.")

    async def change(
        self,
        root_id: str,
        edit: Edit[T],
        why: Why | None = None,
        expected: int | None = None,
    ) -> T:
        """Apply `edit` to the newest value and commit what it returns; its second result is the
        answer. `edit` may run several times and must be pure. With `why` the change is logged:
        it can be seen in the change log and undone; of two that are made at the same time one
        wins and the other gets a Conflict. `expected` is the revision its caller saw, by default
        the one at the time of the call. What `edit` raises reaches the caller, and nothing is
        written for it."""
        if why is not None and why.resumed:
            before = await self._before(root_id, why.nonce)
            if before is not None:
                return edit(before)[1]
        if why is not None and expected is None:
            expected = (await self.state(root_id)).revision
        lane = self._lanes.setdefault(root_id, Lane())
        entry: PendingChange[T] = PendingChange(
            edit, why, expected, asyncio.get_running_loop().create_future()
        )
        lane.waiting.append(entry)
        if lane.running is None:
            lane.running = asyncio.create_task(self._drain(root_id, lane))
        return await entry.done

    async def _drain(self, root_id: str, lane: Lane) -> None:
        try:
            while lane.waiting:
                group = next_group(lane)
                try:
                    await self._commit(root_id, lane, group)
                except BaseException as error:
                    lane.known = None
                    fail(group, error)
                    if isinstance(error, Unavailable) or not isinstance(error, Exception):
                        fail(lane.waiting, error)  # they have waited for the same store as long
                        lane.waiting.clear()
                    if not isinstance(error, Exception):
                        raise
        finally:
            lane.running = None
            self._forget_idle()

    def _forget_idle(self) -> None:
        idle = [i for i, lane in self._lanes.items() if lane.running is None]
        for root_id in idle[: max(0, len(idle) - _KNOWN)]:
            del self._lanes[root_id]

    async def _commit(self, root_id: str, lane: Lane, group: list[PendingChange[Any]]) -> None:
        for _ in range(_TRIES):
            fresh = lane.known is None
            state = lane.known or await self.state(root_id)
            lane.known = state
            root, answers, logged, before, after = apply(state, group)
            if root == state.root and logged is None:
                if not fresh:  # an unwritten answer must not rest on what was true a while ago
                    lane.known = None
                    continue
                break
            try:
                lane.known = await self._write(root_id, state, root, logged, before, after)
                break
            except StoreConflict:
                lane.known = None
                if logged is not None and await self._is_logged(root_id, logged, state):
                    break  # its answer was lost, and somebody else went on from it
        else:
            raise Unavailable(details=f"too many others change the order {root_id}")
        for entry, (answer, error) in zip(group, answers, strict=True):
            if entry.done.done():
                continue
            if error is not None:
                entry.done.set_exception(error)
            else:
                entry.done.set_result(answer)

    async def _write(
        self,
        root_id: str,
        state: State,
        root: Root,
        why: Why | None,
        before: Root,
        after: Root,
    ) -> State:
        nonce = uuid4().hex
        encoded = own_pages(encode(root, root_id, state.encoded), nonce)
        new_pages = dict(encoded.pages)
        record, born = state.logged, state.born
        if why is not None:
            form_after = own_pages(encode(after, root_id, encoded), f"{nonce}a")
            form_before = own_pages(encode(before, root_id, state.encoded), f"{nonce}b")
            new_pages |= form_after.pages | form_before.pages
            record = logged_change(self.clock, root_id, state, why, form_before, form_after)
            born = frozenset()
            if state.logged is not None:
                await keep(self.store, [snapshot(root_id, state.logged)])
        else:
            born = born | frozenset(new_pages)
        if new_pages:
            await self.store.bulk_write(
                INDEX, {i: page_document(root_id, i, slots) for i, slots in new_pages.items()}
            )
        used = set(page_ids(encoded.document))
        gone = set(page_ids(state.encoded.document)) - used if state.encoded else set()
        gone &= born
        born = born & frozenset(used)
        document = root_document(root_id, encoded.document, record, born, nonce)
        if state.token is None:
            token = await self.store.create(INDEX, root_id, document)
        else:
            token = await self.store.put(INDEX, root_id, document, state.token)
        if gone:
            await self._drop(gone)
        return State(root, replace(encoded, pages={}), born, record, token)

    async def _drop(self, pages: set[str]) -> None:
        try:
            await self.store.delete(INDEX, sorted(pages))
        except ServiceError:
            return  # pages that nothing names cost a little space and nothing else

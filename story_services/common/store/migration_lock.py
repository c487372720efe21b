"""One migration at a time, by a document that only one can write.

Guarantees: two migrations never overlap, unless an operator says that the other one is dead. One
that died on this machine is found to be dead without being told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from story_services.common.errors import ServiceError
from story_services.common.store.client import Store
from story_services.common.store.copying import MigrationError
from story_services.common.store.documents import StoreConflict, Token
from story_services.common.store.indices import LOCK, generation_name
from story_services.common.store.keys import is_gone, process_mark
from story_services.common.store.outcomes import Failure, Kind

_ID = "lock"  # the only document of its index


@asynccontextmanager
async def only_one(store: Store, take_over: bool = False) -> AsyncIterator[None]:
    """Hold the lock. MigrationError when another migration holds it; `take_over` takes it away,
    which is only right when that one is dead."""
    mark = process_mark()
    token = await _take(store, mark, take_over)
    try:
        yield
    finally:
        # What cannot be given back now is found without a living holder by the next run.
        with suppress(ServiceError):
            await asyncio.shield(store.delete(LOCK, {_ID: token}))


async def _take(store: Store, mark: str, take_over: bool) -> Token:
    try:
        await store.administer("PUT", f"/{store.name(generation_name(LOCK, 1))}", _body(store))
    except Failure as failure:
        if failure.kind is not Kind.EXISTS:
            raise failure.error() from failure
    source = {"mark": mark, "nonce": mark}
    while True:
        try:
            return await store.create(LOCK, _ID, source)
        except StoreConflict as conflict:
            holder = conflict.current
        if holder is None or holder.token is None:
            continue
        running = str(holder.source["mark"])
        if not (is_gone(running) or take_over):
            raise MigrationError(
                f"another migration is running ({running}); when it is dead, take its place with "
                "--take-over"
            )
        with suppress(StoreConflict):  # somebody else was quicker: look again
            return await store.put(LOCK, _ID, source, holder.token)


def _body(store: Store) -> dict[str, Any]:
    keyword = {"type": "keyword"}
    return {
        "settings": {"number_of_shards": 1},
        "mappings": {"dynamic": "strict", "properties": {"mark": keyword, "nonce": keyword}},
        "aliases": {store.name(LOCK): {}},
    }

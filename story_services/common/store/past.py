"""What is kept of documents before the next version of them is written.

Guarantees: once a document is replaced, what it said can be read. A copy's id follows from the
document's, so that writing it twice is harmless. One that is there already and says something
else is of a write that was read and then lost with its node, before it was acknowledged: it gives
way, as long as the document that is to be kept is still the current one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from story_services.common.store.client import Store
from story_services.common.store.documents import StoreConflict

INDEX = "version"


@dataclass(frozen=True)
class Copy:
    """`document` under `id`, of the document `original` in `index` as long as its nonce is this."""

    id: str
    document: Mapping[str, Any]
    index: str
    original: str
    nonce: str


async def keep(store: Store, copies: Iterable[Copy]) -> None:
    """Write the copies. StoreConflict when one is not that of the current document any more."""
    wanted = {copy.id: copy for copy in copies}
    if not wanted:
        return
    kept = await store.bulk_create(INDEX, {id: copy.document for id, copy in wanted.items()})
    for other in (copy for id, copy in wanted.items() if kept[id] is None):
        await _correct(store, other)


async def _correct(store: Store, copy: Copy) -> None:
    found = await store.get(INDEX, copy.id)
    current = await store.get(copy.index, copy.original)
    if current is None or current.source.get("nonce") != copy.nonce:
        raise StoreConflict(copy.original, current)
    if found is not None and found.token is not None:
        # Conditional, because by now somebody may know better.
        await store.put(INDEX, copy.id, copy.document, found.token)


async def nonce_of(store: Store, id: str) -> str | None:
    """The nonce of a document that is no longer current; None if there never was one."""
    found = await store.get(INDEX, id)
    return found.source.get("nonce") if found else None

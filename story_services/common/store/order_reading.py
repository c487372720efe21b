"""Reads of order roots: whole, some spaces of many, or as they were at a logged change.

A root names immutable pages; one that a writer removes meanwhile shows in a missing page, and
then the root is read again. Whatever is returned was the value of one moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from story_services.common.errors import Unavailable
from story_services.common.kinds import SpaceId
from story_services.common.order.pages import decode, load, missing_pages
from story_services.common.order.root import Root
from story_services.common.order.space import Space
from story_services.common.records import from_document
from story_services.common.store.client import Store
from story_services.common.store.documents import Document
from story_services.common.store.order_documents import INDEX, State, order_version_key

#: A reader whose pages a writer removed reads the new root; this often, before it gives up.
_READS = 20


class OrderReader:
    """All order roots, for reading."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def read(self, root_id: str) -> Root:
        """The newest value; empty when nothing was ever numbered there."""
        return (await self.state(root_id)).root

    async def read_many(self, root_ids: Iterable[str]) -> dict[str, Root]:
        """Several roots, in as few requests as they need."""
        ids = list(dict.fromkeys(root_ids))
        if len(ids) == 1:
            return {ids[0]: await self.read(ids[0])}
        found = await self.store.mget(INDEX, ids) if ids else {}
        states = await asyncio.gather(*(self._decoded(i, found.get(i)) for i in ids))
        return {i: state.root for i, state in zip(ids, states, strict=True)}

    async def spaces(self, wanted: Iterable[SpaceId]) -> dict[SpaceId, Space]:
        """Some spaces of some roots, without the pages of the others."""
        names: dict[str, set[str]] = {}
        for space in wanted:
            names.setdefault(space.root, set()).add(space.name)
        found = await self.store.mget(INDEX, list(names)) if names else {}
        parts = await asyncio.gather(*(self._part(i, names[i], found.get(i)) for i in names))
        return {
            SpaceId(root_id, name): part.space(name)
            for root_id, part in zip(names, parts, strict=True)
            for name in names[root_id]
        }

    async def _part(self, root_id: str, names: set[str], document: Document | None) -> Root:
        for _ in range(_READS):
            if document is None:
                return Root({})
            stored = document.source["content"]["root"]["spaces"]
            form = {"spaces": {name: stored[name] for name in names if name in stored}}
            pages = await self.pages(missing_pages(form))
            if pages is not None:
                return decode(form, pages)
            document = await self.store.get(INDEX, root_id)
        raise _too_fast(root_id)

    async def state(self, root_id: str) -> State:
        """The newest value with its last logged change."""
        return await self._decoded(root_id, await self.store.get(INDEX, root_id))

    async def _decoded(self, root_id: str, document: Document | None) -> State:
        for _ in range(_READS):
            if document is None:
                return State(Root({}), None, frozenset(), None, None)
            form = document.source["content"]
            pages = await self.pages(missing_pages(form["root"]))
            if pages is not None:
                logged = from_document(document) if document.source["version"] else None
                encoded = load(form["root"], pages)
                return State(
                    encoded.root,
                    encoded,
                    frozenset(form["born"]),
                    logged,
                    document.token,
                )
            document = await self.store.get(INDEX, root_id)
        raise _too_fast(root_id)

    async def pages(self, ids: Iterable[str]) -> dict[str, Any] | None:
        """Page contents by id, or None when one is gone."""
        wanted = list(ids)
        if not wanted:
            return {}
        found = await self.store.mget(INDEX, wanted)
        if len(found) < len(set(wanted)):
            return None
        return {i: doc.source["content"]["slots"] for i, doc in found.items()}

    async def _value(self, form: dict[str, Any]) -> Root:
        pages = await self.pages(missing_pages(form))
        if pages is None:
            raise Unavailable(details="pages of an older order are missing")
        return decode(form, pages)

    async def logged(self, root_id: str, version: int) -> tuple[Root, Root]:
        """The order before and after its logged change of this version."""
        state = await self.state(root_id)
        record = state.logged
        if record is not None and record.version != version:
            found = await self.store.get("version", order_version_key(root_id, version))
            record = from_document(found) if found else None
        if record is None:
            raise Unavailable(details=f"the change {version} of the order {root_id} is missing")
        forms = record.content["before"], record.content["after"]
        before, after = await asyncio.gather(*(self._value(form) for form in forms))
        return before, after


def _too_fast(root_id: str) -> Unavailable:
    return Unavailable(details=f"the order {root_id} changes faster than it can be read")

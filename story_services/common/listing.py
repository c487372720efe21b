"""Lists of entities: filtered in the store, put in order by their numbers, cut into pages.

A list sees every acknowledged write and nothing that does not exist yet. Within one order root
(a script's line, all scripts) it ascends by number; over several it ascends by id. The total is
counted before the page is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from story_services.common import kinds
from story_services.common.entities import Entities, Entity
from story_services.common.queries import Clause, every, live, term, terms
from story_services.common.records import Record, from_document

#: How far into an index one request may reach (OpenSearch's index.max_result_window).
_WINDOW = 10_000


@dataclass(frozen=True)
class Page:
    """A part of a list and how long the whole is."""

    items: list[Entity]
    total: int


class Listing:
    """Lists for every service."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities
        self.store = entities.records.store

    async def page(
        self,
        names: Sequence[str],
        filters: Sequence[Clause] = (),
        *,
        in_order: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page:
        """Entities of these kinds (of one index) that match all filters.

        `in_order` sorts by number and is for filters that leave one order root; a filter by
        script is one. Otherwise the list ascends by id and is paged in the store.
        """
        index = kinds.KINDS[names[0]].index
        query = every([*live(names), *filters], without=await self._of_deleted_scripts(names))
        await self.store.refresh(index)
        if in_order and limit is not None and set(names) <= {*kinds.STORY_KINDS, "section"}:
            return await self._slice(index, query, limit, offset)
        if in_order:
            items = await self._all(index, query)
            items.sort(key=lambda e: (e.number is None, e.number or 0, e.id))
            return Page(items[offset : _end(offset, limit)], len(items))
        if limit is not None and offset + limit <= _WINDOW:
            body = {
                "query": query,
                "sort": ["id", "kind"],
                "from": offset,
                "size": limit,
                "track_total_hits": True,
            }
            found = await self.store.search(index, body)
            records = [from_document(doc) for doc in found.hits]
            items = await self.entities.visible(records)
            return Page(items, found.total - (len(records) - len(items)))
        items = await self._all(index, query)
        return Page(items[offset : _end(offset, limit)], len(items))

    async def _slice(self, index: str, query: Clause, limit: int, offset: int) -> Page:
        """A page of one script: only the ids of all that match are read, and what is shown."""
        ids = [doc.id async for doc in self.store.search_all(index, query, sort=[], source=False)]
        if not ids:
            return Page([], 0)
        found = await self.entities.records.get_many([kinds.parse_key(ids[0])])
        space = kinds.spaces(found[ids[0]].kind, found[ids[0]].content)[0]
        numbers = (await self.entities.numbering.orders.spaces([space]))[space]
        if not await self.entities.parents_live(list(found.values())):
            return Page([], 0)
        placed = sorted((n, ref) for ref in ids if (n := numbers.number_of(ref)) is not None)
        part = [ref for _, ref in placed[offset : offset + limit]]
        records = await self.entities.records.get_many(map(kinds.parse_key, part))
        items = await self.entities.visible([records[ref] for ref in part if ref in records])
        return Page(items, len(placed))

    async def all(self, names: Sequence[str], filters: Sequence[Clause]) -> list[Entity]:
        """The whole list by number."""
        return (await self.page(names, filters, in_order=True)).items

    async def _all(self, index: str, query: Clause) -> list[Entity]:
        found: list[Record] = [
            from_document(doc) async for doc in self.store.search_all(index, query, sort=["id"])
        ]
        return await self.entities.visible(found)

    async def _of_deleted_scripts(self, names: Sequence[str]) -> list[Clause]:
        """What hides the contents of deleted scripts from lists over all scripts."""
        if names[0] in ("script", "character", "session", "performer"):
            return []
        await self.store.refresh("script")
        deleted = [
            doc.source["id"]
            async for doc in self.store.search_all(
                "script", term("deleted", True), sort=["id"], source=["id"]
            )
        ]
        if not deleted:
            return []
        if names[0] == "paraphrase":
            other = every(
                [terms("scope", deleted)], without=[term("content.originalType", "character")]
            )
            return [other]
        return [terms("content.scriptId", deleted)]


def _end(offset: int, limit: int | None) -> int | None:
    return None if limit is None else offset + limit

"""Loads a story: one read of the order, one search of the elements, a few small ones around.

Guarantees that every acknowledged write is in it and nothing of another script, whatever the
filter. All requests that do not depend on each other go out together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.errors import BadInput, NotFound
from story_services.common.kinds import STORY_KINDS
from story_services.common.order.root import Root
from story_services.common.queries import Clause, either, every, live, missing, term, terms
from story_services.common.store.documents import Document
from story_services.session_context.resolve import Circumstances, serves
from story_services.story_factory.parts import Item, Placed, Session, Surroundings

#: Up to so many elements are fetched one by one by their ids, more of them by one search.
_FEW = 200
#: Elements fetched at a time when a story is too long to be held whole.
CHUNK = 5000
_SOURCE = ["id", "kind", "comment", "content"]


@dataclass(frozen=True)
class Line:
    """A script's story line: what surrounds it, its references by number, and the ids of its
    cast in their order."""

    around: Surroundings
    numbers: Sequence[tuple[int, str]]
    cast_order: Sequence[int]


class Reading:
    """Loads stories from the store."""

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self.records = context.records
        self.orders = context.orders
        self.entities = context.entities

    async def line(
        self, script_id: int, session_id: int | None = None, paraphrased: bool = False
    ) -> Line:
        """The line and all around it. NotFound for an unknown script, BadInput for a session
        that there is not, or that is another script's."""
        root, script, session = await asyncio.gather(
            self.orders.read(kinds.script_root(script_id)),
            self.entities.get("script", script_id),
            self._session(session_id, script_id),
        )
        around = await self._around(
            Item("script", script.id, script.content, script.record.comment),
            root,
            session,
            paraphrased,
        )
        cast = [kinds.parse_key(ref)[1] for _, ref in root.space("cast").live()]
        return Line(around, root.space("story").live(), cast)

    async def _session(self, session_id: int | None, script_id: int) -> Session | None:
        if session_id is None:
            return None
        (found,) = await self.entities.existing("session", [session_id], "sessionId")
        if not serves(found.content, script_id):
            raise BadInput.field("sessionId", f"session {session_id} is of another script")
        return Session(found.id, found.record.version, found.content)

    async def _around(
        self, script: Item, root: Root, session: Session | None, paraphrased: bool
    ) -> Surroundings:
        here = term("content.scriptId", script.id)
        sections, cast, contexts, states, paraphrases = await asyncio.gather(
            self._all("section", ["section"], [here]),
            self._all("character", ["character"], [term("content.scriptIds", script.id)]),
            self._all("context", ["context"], [_scoped(script.id, session)]),
            self._all("world-state", ["worldState"], [_scoped(script.id, session)]),
            self._paraphrases(script.id, root) if paraphrased else _none(),
        )
        in_order = root.space("sections")
        numbered = sorted(
            ((number, item) for item in sections if (number := in_order.number_of(_ref(item)))),
            key=lambda pair: pair[0],
        )
        circumstances = Circumstances(
            contexts, states, script_id=script.id, session_id=session.id if session else None
        )
        by_original: dict[tuple[str, int], list[Item]] | None = None
        if paraphrased:
            by_original = {}
            for item in paraphrases:
                original = (item.content["originalType"], item.content["originalId"])
                by_original.setdefault(original, []).append(item)
        return Surroundings(
            script=script,
            sections=numbered,
            cast={item.id: item for item in cast},
            circumstances=circumstances,
            has_circumstances=bool(contexts or states),
            session=session,
            paraphrases=by_original,
            section_ids=frozenset(item.id for _, item in numbered),
        )

    async def _paraphrases(self, script_id: int, root: Root) -> list[Item]:
        """Of the script's elements and of its cast, in the order within their originals."""
        cast = [kinds.parse_key(ref)[1] for _, ref in root.space("cast").live()]
        of_cast = every([term("content.originalType", "character"),
                         terms("content.originalId", cast)])  # fmt: skip
        of_elements = every(
            [term("scope", script_id)], without=[term("content.originalType", "character")]
        )
        found = await self._all("paraphrase", ["paraphrase"], [either(of_cast, of_elements)])
        roots = {f"of-{i.content['originalType']}-{i.content['originalId']}" for i in found}
        orders = await self.orders.read_many(sorted(roots))
        placed = []
        for item in found:
            root_id = f"of-{item.content['originalType']}-{item.content['originalId']}"
            number = orders[root_id].space("paraphrases").number_of(_ref(item))
            if number is not None:
                placed.append((number, item))
        return [item for _, item in sorted(placed, key=lambda pair: (pair[0], pair[1].id))]

    async def _all(self, index: str, names: Sequence[str], filters: Sequence[Clause]) -> list[Item]:
        await self.store.refresh(index)
        query = every([*live(names), *filters])
        return [
            _item(document)
            async for document in self.store.search_all(index, query, sort=["id"], source=_SOURCE)
        ]

    async def elements(self, script_id: int, numbers: Sequence[tuple[int, str]]) -> list[Placed]:
        """The elements behind these references, those of them that exist."""
        refs = [ref for _, ref in numbers]
        found = await (
            self._few(script_id, refs) if len(refs) <= _FEW else self._many(script_id, refs)
        )
        return [Placed(number, found[ref]) for number, ref in numbers if ref in found]

    async def chunks(
        self, script_id: int, numbers: Sequence[tuple[int, str]]
    ) -> AsyncIterator[list[Placed]]:
        """`elements`, so many at a time."""
        for start in range(0, len(numbers), CHUNK):
            yield await self.elements(script_id, numbers[start : start + CHUNK])

    async def _few(self, script_id: int, refs: Sequence[str]) -> dict[str, Item]:
        records = await self.records.get_many(kinds.parse_key(ref) for ref in refs)
        return {
            ref: Item(r.kind, r.id, r.content, r.comment)
            for ref, r in records.items()
            if not r.deleted and r.content.get("scriptId") == script_id
        }

    async def _many(self, script_id: int, refs: Sequence[str]) -> dict[str, Item]:
        await self.store.refresh("element")
        ids = [kinds.parse_key(ref)[1] for ref in refs]
        near = {"range": {"id": {"gte": min(ids), "lte": max(ids)}}}
        query = every([*live(STORY_KINDS), term("content.scriptId", script_id), near])
        search = self.store.search_all("element", query, sort=["_doc"], source=_SOURCE, page=10_000)
        return {document.id: _item(document) async for document in search}

    async def actions_of(self, placed: Sequence[Placed]) -> dict[int, Item]:
        """Those of the actions that lines among these name which exist."""
        have = {p.item.id: p.item for p in placed if p.item.kind == "action"}
        wanted = {i for p in placed if (i := p.item.content.get("actionId")) and i not in have}
        return have | await self._named("action", wanted) if wanted else have

    async def characters_of(
        self, placed: Sequence[Placed], cast: Mapping[int, Item]
    ) -> dict[int, Item]:
        """Characters that elements name although they are not in the script's cast."""
        wanted = {i for p in placed if (i := p.item.content.get("characterId")) and i not in cast}
        return await self._named("character", wanted) if wanted else {}

    async def _named(self, kind: str, ids: Iterable[int]) -> dict[int, Item]:
        records = await self.records.get_many((kind, i) for i in sorted(ids))
        found = await self.entities.visible(records.values())
        return {e.id: Item(kind, e.id, e.content, e.record.comment) for e in found}


async def _none() -> list[Item]:
    return []


def _item(document: Document) -> Item:
    source = document.source
    return Item(source["kind"], source["id"], source["content"], source.get("comment"))


def _ref(item: Item) -> str:
    return kinds.key(item.kind, item.id)


def _scoped(script_id: int, session: Session | None) -> Clause:
    """Of this script or of none, and of this session or of none."""
    script = either(term("content.scriptId", script_id), missing("content.scriptId"))
    of_none = missing("content.sessionId")
    sessions = either(term("content.sessionId", session.id), of_none) if session else of_none
    return every([script, sessions])


def require_numbers(script_id: int, numbers: Sequence[object], start: int, end: int) -> None:
    """NotFound when a range of the line holds nothing."""
    if not numbers:
        raise NotFound(
            f"Script {script_id} has nothing between the numbers {start} and {end}.",
            "GET /stories shows its numbers",
        )

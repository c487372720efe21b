"""Loads what is around a story line: sections, cast, contexts, world states, paraphrases.

Expects that the store was refreshed since the request came. All searches go out together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from story_services.common import kinds
from story_services.common.order.root import Root
from story_services.common.queries import Clause, either, every, live, missing, term, terms
from story_services.common.store.client import Store
from story_services.common.store.documents import Document
from story_services.common.store.orders import Orders
from story_services.session_context.resolve import Circumstances
from story_services.story_factory.parts import Item, Session, Surroundings


class Neighbourhood:
    """Loads surroundings from the store."""

    def __init__(self, store: Store, orders: Orders) -> None:
        self.store = store
        self.orders = orders

    async def of(
        self, script: Item, root: Root, session: Session | None, paraphrased: bool
    ) -> Surroundings:
        """Sections, cast, contexts, world states, and paraphrases if they are asked for."""
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
            cast_order=[kinds.parse_key(ref)[1] for _, ref in root.space("cast").live()],
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
        homes = {item.id: kinds.spaces("paraphrase", item.content)[0] for item in found}
        orders = await self.orders.spaces(homes.values())
        placed = [
            (number, item)
            for item in found
            if (number := orders[homes[item.id]].number_of(_ref(item))) is not None
        ]
        return [item for _, item in sorted(placed, key=lambda pair: (pair[0], pair[1].id))]

    async def _all(self, index: str, names: Sequence[str], filters: Sequence[Clause]) -> list[Item]:
        query = every([*live(names), *filters])
        return [_item(d) async for d in self.store.search_all(index, query, sort=["id"])]


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

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
from story_services.common.queries import every, live, term
from story_services.common.store.client import WINDOW
from story_services.common.store.order_documents import State
from story_services.session_context.resolve import serves
from story_services.story_factory.neighbourhood import Neighbourhood
from story_services.story_factory.parts import Item, Placed, Session, Surroundings

#: Up to so many elements are fetched one by one by their ids, more of them by one search.
_FEW = 200
#: Elements fetched at a time when a story is too long to be held whole.
CHUNK = 5000
_SOURCE = ["id", "kind", "comment", "content"]


@dataclass(frozen=True)
class Ground:
    """What a story stands on: its script, its order as it is now, and the session it is read in.
    After it was read, searches find everything that was acknowledged before."""

    script: Item
    state: State
    session: Session | None

    @property
    def root(self) -> Root:
        return self.state.root

    @property
    def numbers(self) -> list[tuple[int, str]]:
        """The references of the story line by number."""
        return self.root.space("story").live()


class Reading:
    """Loads stories from the store."""

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self.records = context.records
        self.orders = context.orders
        self.entities = context.entities
        self.neighbourhood = Neighbourhood(context.store, context.orders)

    async def ground(self, script_id: int, session_id: int | None = None) -> Ground:
        """NotFound for an unknown script, BadInput for a session that there is not, or that is
        another script's."""
        state, script, session, _ = await asyncio.gather(
            self.orders.state(kinds.script_root(script_id)),
            self.entities.get("script", script_id),
            self._session(session_id, script_id),
            self.store.refresh("log"),
        )
        item = Item("script", script.id, script.content, script.record.comment)
        return Ground(item, state, session)

    async def _session(self, session_id: int | None, script_id: int) -> Session | None:
        if session_id is None:
            return None
        (found,) = await self.entities.existing("session", [session_id], "sessionId")
        if not serves(found.content, script_id):
            raise BadInput.field("sessionId", f"session {session_id} is of another script")
        return Session(found.id, found.record.version, found.content)

    async def around(self, ground: Ground, paraphrased: bool = False) -> Surroundings:
        """All around the story line."""
        return await self.neighbourhood.of(ground.script, ground.root, ground.session, paraphrased)

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
        ids = [int(ref.rpartition("-")[2]) for ref in refs]
        near = {"range": {"id": {"gte": min(ids), "lte": max(ids)}}}
        query = every([*live(STORY_KINDS), term("content.scriptId", script_id), near])
        found = await self.store.sources("element", query)
        if len(found) == WINDOW:  # far apart: others of the script lie between them
            half = len(refs) // 2
            first, second = await asyncio.gather(
                self._many(script_id, refs[:half]), self._many(script_id, refs[half:])
            )
            return first | second
        return {
            ref: Item(source["kind"], source["id"], source["content"], source["comment"])
            for ref, source in found.items()
        }

    async def actions_of(self, placed: Sequence[Placed]) -> dict[int, Item]:
        """Those of the actions that lines among these name which exist and are of their script:
        a version that was restored may name one that has moved away since."""
        have = {p.item.id: p.item for p in placed if p.item.kind == "action"}
        wanted = {i for p in placed if (i := p.item.content.get("actionId")) and i not in have}
        if not wanted:
            return have
        script = placed[0].item.content["scriptId"]
        named = await self._named("action", wanted)
        return have | {i: a for i, a in named.items() if a.content["scriptId"] == script}

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


def require_numbers(script_id: int, numbers: Sequence[object], start: int, end: int) -> None:
    """NotFound when a range of the line holds nothing."""
    if not numbers:
        raise NotFound(
            f"Script {script_id} has nothing between the numbers {start} and {end}.",
            "GET /stories shows its numbers",
        )

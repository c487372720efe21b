"""Allocating and finding numbers: unique in their space, the same one whenever asked again.

Requests that come together are looked up together, written together and committed together, so
forty at once cost about as much as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from story_services.central_sequence.entries import Entries, space_of
from story_services.common import kinds
from story_services.common.batching import Batcher
from story_services.common.context import Context
from story_services.common.errors import BadInput, NotFound, ServiceError
from story_services.common.kinds import SpaceId
from story_services.common.records import Record, Why


@dataclass(frozen=True)
class Ask:
    """One request for a number. `kind` is canonical."""

    kind: str
    id: int
    script: int | None
    why: Why

    @property
    def ref(self) -> str:
        return kinds.key(self.kind, self.id)


@dataclass(frozen=True)
class Numbered:
    """An element with its number: of an entity, or of an id that has none yet."""

    record: Record
    space: SpaceId
    number: int

    @property
    def script(self) -> int | None:
        kind, _, number = self.space.root.rpartition("-")
        return int(number) if kind == "script" else None


class Numbers:
    """Numbers of everything that carries one."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records
        self.orders = context.orders
        self.entries = Entries(context.store, context.clock)
        self._batcher: Batcher[Ask, Numbered] = Batcher(self._allocate)

    async def allocate(self, ask: Ask) -> Numbered:
        """The element's number, a new one if it has none. BadInput for a script that it is not
        in, NotFound when the element was deleted."""
        return await self._batcher.ask(ask)

    async def find(self, kind: str, element_id: int) -> Numbered:
        """The number an element holds; NotFound if it holds none."""
        ref = kinds.key(kind, element_id)
        entity = (await self.holders([ref])).get(ref)
        if entity is not None:
            spaces = await self.orders.spaces(places(entity))
            for space in places(entity):
                number = spaces[space].number_of(ref)
                if number is not None:
                    return Numbered(entity, space, number)
        raise NotFound.of(kind, element_id, "It has no number.")

    async def holders(self, refs: Sequence[str]) -> dict[str, Record]:
        """What stands behind references: the visible-or-not record, else the entry."""
        parsed = [kinds.parse_key(ref) for ref in refs]
        records = await self.records.get_many(parsed)
        entries = await self.entries.get_many(ref for ref in refs if ref not in records)
        return {ref: r for ref, r in (records | entries).items() if not r.deleted}

    async def _allocate(self, asks: Sequence[Ask]) -> list[Numbered | Exception]:
        refs = list(dict.fromkeys(ask.ref for ask in asks))
        records = await self.records.get_many((ask.kind, ask.id) for ask in asks)
        entries = await self.entries.get_many(ref for ref in refs if ref not in records)
        scripts = await self._scripts(asks)
        problems: dict[int, ServiceError] = {}
        fresh: dict[str, Ask] = {}
        for n, ask in enumerate(asks):
            holder = records.get(ask.ref) or entries.get(ask.ref)
            problem = _problem(ask, holder, scripts)
            if problem is not None:
                problems[n] = problem
            elif holder is None:
                fresh.setdefault(ask.ref, ask)
        if fresh:
            news = [(ask.kind, ask.id, ask.script, ask.why) for ask in fresh.values()]
            entries |= await self.entries.create(news)
        holders = entries | records
        wanted: dict[SpaceId, list[str]] = {}
        spots: dict[int, SpaceId] = {}
        for n, ask in enumerate(asks):
            if n in problems:
                continue
            possible = places(holders[ask.ref])
            spots[n] = next((s for s in possible if _script(s) == ask.script), possible[0])
            wanted.setdefault(spots[n], []).append(ask.ref)
        given = {space: await self._number(space, refs) for space, refs in wanted.items()}
        return [
            problems[n]
            if n in problems
            else Numbered(holders[ask.ref], spots[n], given[spots[n]][ask.ref])
            for n, ask in enumerate(asks)
        ]

    async def _number(self, space: SpaceId, refs: list[str]) -> dict[str, int]:
        refs = list(dict.fromkeys(refs))
        numbers: dict[str, int] = await self.orders.change(
            space.root,
            lambda root: (
                root.with_space(space.name, (added := root.space(space.name).append(refs))[0]),
                added[1],
            ),
        )
        return numbers

    async def _scripts(self, asks: Sequence[Ask]) -> set[int]:
        """Those of the scripts asked for that exist."""
        wanted = {ask.script for ask in asks if ask.script is not None}
        records = await self.records.get_many(("script", s) for s in wanted)
        return {e.id for e in await self.entities.visible(records.values())} if records else set()


def places(holder: Record) -> tuple[SpaceId, ...]:
    """The spaces of an entity or of an entry."""
    if "elementId" in holder.content:
        return (space_of(holder),)
    return kinds.spaces(holder.kind, holder.content)


def _script(space: SpaceId) -> int | None:
    kind, _, number = space.root.rpartition("-")
    return int(number) if kind == "script" else None


def _problem(ask: Ask, holder: Record | None, scripts: set[int]) -> ServiceError | None:
    if ask.script is not None and ask.script not in scripts:
        return BadInput.unknown_reference("scriptId", "script", ask.script)
    if holder is None:
        if ask.kind == "paraphrase":
            return NotFound.of(ask.kind, ask.id)  # its space is its original's: it must exist
        return None
    if holder.deleted:
        return NotFound.of(ask.kind, ask.id)
    if ask.script is None or ask.kind in ("script", "performer", "paraphrase"):
        return None
    mine = [_script(space) for space in places(holder)]
    if ask.script in mine:
        return None
    if mine == [None]:
        return BadInput.field("scriptId", f"{ask.kind} {ask.id} belongs to no script; give it one")
    return BadInput.field("scriptId", f"{ask.kind} {ask.id} belongs to script {mine[0]}")

"""From one version of records to the next, in an order of writes that no kill can tear.

An entity that vanishes is taken out of its order first and marked deleted after; one that comes
back is written first and numbered after; one that moves to another script is numbered there,
then written, then taken out of the old order. At every point in between the entity is either as
before or as after for every reader, or invisible and not yet acknowledged. When two such changes
of one entity meet, its record decides, and its numbers follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from story_services.common import kinds
from story_services.common.kinds import KINDS, SpaceId
from story_services.common.numbering import Numbering, grouped
from story_services.common.records import Record, Why
from story_services.common.store.documents import StoreConflict
from story_services.common.store.records import Records

Spaces = dict[SpaceId, list[str]]
#: Looks at what others did meanwhile, before it is left to them.
_TRIES = 5


@dataclass(frozen=True)
class Target:
    """What a record is to become."""

    content: Mapping[str, Any]
    scope: tuple[int, ...]
    deleted: bool = False


class Transitions:
    """Carries changes of existing records out."""

    def __init__(self, records: Records, numbering: Numbering) -> None:
        self.records = records
        self.numbering = numbering

    async def apply(
        self,
        pairs: Sequence[tuple[Record, Target]],
        why: Why,
        action: str,
    ) -> list[Record]:
        """The next version of each record. StoreConflict when another write of any of them came
        first: then nothing of that one is changed, and its numbers are as they were."""
        gains = grouped(
            (space, before.key)
            for before, target in pairs
            if not target.deleted
            for space in kinds.spaces(before.kind, target.content)
        )
        vanishing = grouped(
            (space, before.key)
            for before, target in pairs
            if target.deleted
            for space in kinds.spaces(before.kind, before.content)
        )
        await self.records.keep(before for before, _ in pairs)
        new_homes = _without(gains, _coming_back(pairs), _homes(pairs))
        await self.numbering.remove(vanishing)
        await self.numbering.append(new_homes)
        try:
            done = await self._write(pairs, why, action)
        except StoreConflict:
            if vanishing or gains != _homes(pairs):
                await self.settle(_both(pairs))
            raise
        # One that was cut off while it was deleted has no number either.
        again = _without(gains, new_homes) if action == "restore" else _coming_back(pairs)
        await self.numbering.append(again)
        left = _without(_homes(pairs), gains, vanishing)
        await self.numbering.remove(left)  # its slot waits for it: undo brings it back there
        if left:
            await self.settle(_both(pairs))
        return done

    async def settle(self, versions: Sequence[Record]) -> None:
        """See that entities stand where they belong by what their records say now, and nowhere
        else that one of these versions of them names. For when two changes of the same met, of
        which each knows only its own, and for one that was cut off."""
        named = [(space, r.key) for r in versions for space in kinds.spaces(r.kind, r.content)]
        for _ in range(_TRIES):
            current = await self.records.get_many((r.kind, r.id) for r in versions)
            homes = [
                (space, r.key)
                for r in current.values()
                for space in kinds.spaces(r.kind, r.content)
            ]
            spaces = await self.numbering.orders.spaces(space for space, _ in named + homes)
            there = [
                (space, ref)
                for space, ref in dict.fromkeys(named + homes)
                if spaces[space].number_of(ref) is not None
            ]
            live = [(space, ref) for space, ref in homes if not current[ref].deleted]
            missing = [place for place in live if place not in there]
            gone = [place for place in there if place in homes and place not in live]
            strange = [place for place in there if place not in homes]
            if not missing and not gone and not strange:
                return
            await self.numbering.append(grouped(missing))
            await self.numbering.remove(grouped(gone))
            await self.numbering.remove(grouped(strange))

    async def _write(
        self,
        pairs: Sequence[tuple[Record, Target]],
        why: Why,
        action: str,
    ) -> list[Record]:
        change = why.change_id or self.records.clock.change_id(
            max(before.change_id for before, _ in pairs)
        )
        by_index: dict[str, list[tuple[Record, Record]]] = {}
        for before, target in pairs:
            after = before.following(
                change,
                why,
                action=action,
                content=target.content,
                scope=_scope(before, target),
                deleted=target.deleted,
            )
            by_index.setdefault(KINDS[before.kind].index, []).append((before, after))
        done: dict[str, Record] = {}
        lost: list[str] = []
        for steps in by_index.values():
            answers = await self.records.replace_many(steps)
            for (before, _), after_or_none in zip(steps, answers, strict=True):
                if after_or_none is None:
                    lost.append(before.key)
                else:
                    done[before.key] = after_or_none
        if lost:
            raise StoreConflict(", ".join(lost))
        return [done[before.key] for before, _ in pairs]


def _scope(before: Record, target: Target) -> tuple[int, ...]:
    """The scripts that the new version belongs to, and as their negatives those that it leaves:
    so the change is one of both, while nothing but their change logs finds it where it is no
    longer."""
    if before.kind == "paraphrase":
        now, then = present(target.scope), present(before.scope)
    elif before.kind in ("script", "session"):
        now = then = target.scope
    else:
        now, then = kinds.scripts_of(target.content), kinds.scripts_of(before.content)
    return (*now, *(-script for script in then if script not in now))


def present(scope: Iterable[int]) -> tuple[int, ...]:
    """The scripts of a scope without those that were left."""
    return tuple(script for script in scope if script > 0)


def _coming_back(pairs: Sequence[tuple[Record, Target]]) -> Spaces:
    """Where deleted records that come back will stand."""
    return grouped(
        (space, before.key)
        for before, target in pairs
        if before.deleted and not target.deleted
        for space in kinds.spaces(before.kind, target.content)
    )


def _both(pairs: Sequence[tuple[Record, Target]]) -> list[Record]:
    """What records said before a change and should have said after it."""
    return [r for before, t in pairs for r in (before, replace(before, content=t.content))]


def _homes(pairs: Sequence[tuple[Record, Target]]) -> Spaces:
    """Where live records stand before the change."""
    return grouped(
        (space, before.key)
        for before, _ in pairs
        if not before.deleted
        for space in kinds.spaces(before.kind, before.content)
    )


def _without(spaces: Mapping[SpaceId, Sequence[str]], *others: Mapping[SpaceId, Any]) -> Spaces:
    return {
        space: left
        for space, refs in spaces.items()
        if (left := [r for r in refs if not any(r in o.get(space, ()) for o in others)])
    }

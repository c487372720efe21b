"""From one version of records to the next, in an order of writes that no kill can tear.

An entity that vanishes is taken out of its order first and marked deleted after; one that comes
back is written first and numbered after; one that moves to another script is numbered there,
then written, then taken out of the old order. At every point in between the entity is either as
before or as after for every reader, or invisible and not yet acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from story_services.common import kinds
from story_services.common.kinds import KINDS, SpaceId
from story_services.common.numbering import Numbering, grouped
from story_services.common.records import Record, Why
from story_services.common.store.documents import StoreConflict
from story_services.common.store.records import Records

Spaces = dict[SpaceId, list[str]]


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
        moving_in = {
            space: [ref for ref in refs if ref not in _returning(pairs)]
            for space, refs in gains.items()
        }
        new_homes = _without(moving_in, _homes(pairs))
        await self.numbering.remove(vanishing)
        await self.numbering.append(new_homes)
        try:
            done = await self._write(pairs, why, action)
        except StoreConflict:
            await self._undo_numbers(vanishing, new_homes)
            raise
        await self.numbering.append(_without(gains, moving_in))
        await self.numbering.forget(_without(_homes(pairs), gains, vanishing))
        return done

    async def _undo_numbers(self, vanishing: Spaces, new_homes: Spaces) -> None:
        """After a lost race: those still live go back to their slots, unless the winner's
        change was to delete them."""
        refs = {ref for refs in vanishing.values() for ref in refs}
        found = await self.records.get_many(kinds.parse_key(ref) for ref in refs)
        gone = {ref for ref in refs if ref not in found or found[ref].deleted}
        back = {s: [r for r in refs if r not in gone] for s, refs in vanishing.items()}
        await self.numbering.append(back)
        await self.numbering.forget(new_homes)

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
                scope=target.scope,
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


def _returning(pairs: Sequence[tuple[Record, Target]]) -> set[str]:
    return {before.key for before, target in pairs if before.deleted and not target.deleted}


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

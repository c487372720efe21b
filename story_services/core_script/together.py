"""Several entities changed by one request: all of them, or none.

The store changes one document at a time. When another write gets to one of them first, what was
already changed is taken back, before the caller learns of the conflict. For the time of that,
readers can see a part of it; the change log shows both, and undo passes over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from story_services.common import kinds
from story_services.common.entities import Entities, overtaken
from story_services.common.errors import Conflict
from story_services.common.records import Record, Why
from story_services.common.store.documents import StoreConflict
from story_services.common.transitions import Target

Pair = tuple[Record, Target]


async def change_together(entities: Entities, pairs: Sequence[Pair], why: Why) -> list[Record]:
    """The next version of each record, under one change id; Conflict when any was overtaken."""
    try:
        return await entities.transitions.apply(pairs, why, "update")
    except StoreConflict:
        raise await _taken_back(entities, pairs, why) from None


async def _taken_back(entities: Entities, pairs: Sequence[Pair], why: Why) -> Conflict:
    current = await entities.records.get_many(kinds.parse_key(r.key) for r, _ in pairs)
    ours = [
        (now, Target(before.content, before.scope))
        for before, _ in pairs
        if (now := current[before.key]).nonce.startswith(f"{why.nonce}.")
    ]
    written = {now.key for now, _ in ours}
    winner = next(current[r.key] for r, _ in pairs if r.key not in written)
    if ours:
        reason = f"Taken back: {winner.key} was changed meanwhile."
        undo = Why(why.actor, reason, reverts=ours[0][0].change_id)
        # Who changed one of them once more has seen our version: theirs stands.
        with suppress(StoreConflict):
            await entities.transitions.apply(ours, undo, "update")
    return overtaken(winner)

"""Paraphrases go with their original into another script, in the same change.

Guarantees: where a moved element is read, its paraphrases are read with it, and one undo brings
all of them back. Safe to repeat: what is in its place already is left alone, so whoever repeats a
move that was cut off completes it.
"""

from __future__ import annotations

from dataclasses import replace

from story_services.common import kinds
from story_services.common.order.space import DELETED
from story_services.common.records import Record, Why
from story_services.common.store.documents import StoreConflict
from story_services.common.store.orders import Orders
from story_services.common.store.records import Records
from story_services.common.transitions import Target, Transitions, present

_TRIES = 5


async def follow(transitions: Transitions, original: Record, why: Why) -> None:
    """Bring the paraphrases of an element into its script, under its own change."""
    if original.kind not in kinds.STORY_KINDS:
        return
    for _ in range(_TRIES):
        strays = await _strays(transitions.records, transitions.numbering.orders, original)
        if not strays:
            return
        scope = kinds.scripts_of(original.content)
        pairs = [(r, Target(r.content, scope, r.deleted)) for r in strays]
        try:
            await transitions.apply(pairs, replace(why, change_id=original.change_id), "update")
        except StoreConflict:  # somebody edits one of them at this moment
            continue
        return


async def _strays(records: Records, orders: Orders, original: Record) -> list[Record]:
    space = kinds.SpaceId(f"of-{original.kind}-{original.id}", "paraphrases")
    slots = (await orders.spaces([space]))[space].slots
    found = await records.get_many(
        kinds.parse_key(slot.removeprefix(DELETED)) for slot in slots if slot
    )
    home = kinds.scripts_of(original.content)
    return [record for record in found.values() if present(record.scope) != home]

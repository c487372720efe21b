"""Clears away what cut-off requests left: records that nobody was ever told of, keys of yesterday.

Such records are invisible anyway; but as long as they are there, a list over all scripts counts
them. Looks back two days, and never at the last few minutes, in which a creation may still be on
its way, nor at what a request left that may still be repeated under its key.
"""

from __future__ import annotations

import time

from story_services.common.entities import Entities
from story_services.common.kinds import KINDS
from story_services.common.queries import between, every, term
from story_services.common.records import CLEARED, Record, Why, from_document
from story_services.common.store.keys import StoreKeys
from story_services.common.transitions import Target

_LOOK_BACK_US = 48 * 3600 * 1_000_000
#: Longer than any request may take with all its calls of the store.
_GRACE_US = 300 * 1_000_000
_WHO = Why("housekeeping", "its creation was never finished", CLEARED)


class Housekeeping:
    """One round of it at a time; any process may do it, and several at once do no harm."""

    def __init__(self, entities: Entities, keys: StoreKeys) -> None:
        self.entities = entities
        self.keys = keys

    async def round(self, *, grace_us: int = _GRACE_US) -> tuple[int, int]:
        """How many records and keys were cleared away."""
        now = time.time_ns() // 1000
        cleared = 0
        for index in sorted({kind.index for kind in KINDS.values()}):
            cleared += await self._clear(index, now - _LOOK_BACK_US, now - grace_us)
        return cleared, await self.keys.forget_expired()

    async def _clear(self, index: str, since: int, until: int) -> int:
        records = self.entities.records
        await records.store.refresh(index)
        fresh = every([
            term("version", 1), term("deleted", False), between("changeId", since, until),
        ])  # fmt: skip
        found: list[Record] = [
            from_document(doc)
            async for doc in records.store.search_all(index, fresh, sort=["changeId"])
        ]
        numbered = {e.record.key for e in await self.entities.with_numbers(found) if e.numbers}
        lost = [r for r in found if r.key not in numbered and self.entities.is_numbered(r)]
        wanted = await self.keys.unfinished({_request(r) for r in lost}) if lost else set()
        lost = [r for r in lost if _request(r) not in wanted]
        for record in lost:
            current = await records.get(record.kind, record.id)
            if current is not None and current.version == 1 and not current.deleted:
                target = Target(current.content, current.scope, deleted=True)
                await self.entities.transitions.apply([(current, target)], _WHO, "delete")
        return len(lost)


def _request(record: Record) -> str:
    """The nonce of the request that wrote it."""
    return record.nonce.partition(".")[0]

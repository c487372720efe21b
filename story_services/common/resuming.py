"""Requests that are begun a second time: what the first try did is found, finished, not repeated.

Guarantees: a request has its effect once, wherever an earlier try of it was cut off, and even if
a write of that try arrives later, or somebody else changed since what it had made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from story_services.common.kinds import KINDS, parse_key
from story_services.common.numbering import Numbering
from story_services.common.records import Record, Why
from story_services.common.store.claims import Claims
from story_services.common.store.past import INDEX as PAST
from story_services.common.store.records import Draft, Records


class Resuming:
    """What a request did before, by its nonce."""

    def __init__(self, records: Records, numbering: Numbering) -> None:
        self.records = records
        self.numbering = numbering
        self.claims = Claims(records.store, records.clock)

    async def create(self, drafts: Sequence[Draft], why: Why) -> list[Record]:
        """The first version of each draft, all of one index; what an earlier try of the request
        made comes as it is now, which may be deleted. The caller publishes them by numbers."""
        made = await self._made(drafts, why) if why.resumed else {}
        if begun := [record.change_id for record in made.values() if record.version == 1]:
            why = replace(why, change_id=max(begun))  # it is one change all the same
        left = {n: draft for n, draft in enumerate(drafts) if n not in made}
        if why.keyed and KINDS[drafts[0].kind].line is None:
            made |= {n: await self._claimed(n, draft, why) for n, draft in left.items()}
        elif left:
            made |= await self.records.create_some(left, why)
        return [made[n] for n in range(len(drafts))]

    async def _claimed(self, n: int, draft: Draft, why: Why) -> Record:
        claim = await self.claims.take(f"{why.nonce}.{n}", lambda: self.records.new_id(draft.kind))
        while True:
            made = await self.records.create_as(claim.entity_id, n, draft, why)
            if made is not None:
                return made
            claim = await self.claims.renew(claim, await self.records.new_id(draft.kind))

    async def _made(self, drafts: Sequence[Draft], why: Why) -> dict[int, Record]:
        """What earlier tries made of which draft, without what was cleared away since.

        When there are several of one draft (a try may have missed what was still on its way to
        the store), that counts which was published: it has a number, or has changed since.
        """
        written = [
            record
            for found in await asyncio.gather(
                self.records.by_nonce(KINDS[drafts[0].kind].index, why.nonce),
                self.records.by_nonce(PAST, why.nonce),
            )
            for record in found
        ]
        places = {
            record.key: n
            for record in written
            if record.version == 1
            # A request may write under further nonces that begin with its own.
            and (n := _place(record, why)) is not None
            and n < len(drafts)
            and record.kind == drafts[n].kind
        }
        current = await self.records.get_many(parse_key(ref) for ref in places)
        found = [record for record in current.values() if not record.is_cleared]
        await self.records.confirm([record for record in found if record.version == 1])
        numbers = await self.numbering.of(found)
        found.sort(key=lambda r: (r.version > 1, bool(numbers[r.key]), r.change_id, r.id))
        return {places[record.key]: record for record in found}

    async def done(self, current: Record, why: Why) -> Record | None:
        """The version that an earlier try of the request made of this record, if it did."""
        if not why.resumed:
            return None
        if current.is_by(why.nonce):
            await self.records.confirm([current])
            return current
        for record in await self.records.by_nonce(PAST, why.nonce):
            if record.key == current.key:
                return record
        return None


def _place(record: Record, why: Why) -> int | None:
    """Which draft of its request a record comes from; None for what was no draft."""
    request, _, place = record.nonce.rpartition(".")
    return int(place) if request == why.nonce and place.isdecimal() else None

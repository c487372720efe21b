"""Ids that requests chose before they used them.

Most entities exist with their number only, so a record that is written twice by a request and its
repetition is seen once. For those without a number the repetition must take the very id of the
first try, whose write may still be on its way: so it is noted down first. Kept among the
idempotency keys, as long as these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from story_services.common.clock import Clock, instant
from story_services.common.store.client import Store
from story_services.common.store.documents import StoreConflict, Token

INDEX = "key"
#: A day longer than the key of the request itself.
_KEPT_US = 48 * 3600 * 1_000_000


@dataclass(frozen=True)
class Claim:
    """The id that a write, named by its nonce, is for."""

    nonce: str
    entity_id: int
    token: Token


class Claims:
    """All claims."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def take(self, nonce: str, new_id: Callable[[], Awaitable[int]]) -> Claim:
        """The id claimed before under this nonce, or a new one."""
        found = await self.store.get(INDEX, _id(nonce))
        while True:
            try:
                if found is None or found.token is None:
                    return await self._write(nonce, await new_id(), None)
                # Written anew, as what is read need not be on the disk yet.
                return await self._write(nonce, found.source["answer"]["id"], found.token)
            except StoreConflict as conflict:
                found = conflict.current

    async def renew(self, claim: Claim, entity_id: int) -> Claim:
        """Another id instead of one that is somebody else's for good."""
        return await self._write(claim.nonce, entity_id, claim.token)

    async def _write(self, nonce: str, entity_id: int, token: Token | None) -> Claim:
        source = {
            "attempt": nonce,
            "status": "claim",
            "expires": instant(self.clock.change_id() + _KEPT_US),
            "answer": {"id": entity_id},
            "nonce": uuid4().hex,
        }
        if token is None:
            token = await self.store.create(INDEX, _id(nonce), source)
        else:
            token = await self.store.put(INDEX, _id(nonce), source, token)
        return Claim(nonce, entity_id, token)


def _id(nonce: str) -> str:
    return f"claim-{nonce}"

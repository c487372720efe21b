"""One refresh for all who ask for it at the same time.

Guarantees: a refresh that begins after the call has ended well before the call returns, so what was
written before the call is found. A refresh builds a new part of the index and waits for the one
before it: callers who would only queue up at the node share the next one instead. How long a caller
waits for a store that does not answer stays what it was: the time that went by while another
refresh failed counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from story_services.common.store.outcomes import Patience

Refresh = Callable[[str, Patience], Awaitable[None]]


class Refreshing:
    """Refreshes of one process. `refresh` does one, `patience` gives the time limits for it."""

    def __init__(self, refresh: Refresh, patience: Callable[[], Patience]) -> None:
        self._refresh, self._patience = refresh, patience
        self._running: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, asyncio.Task[None]] = {}

    async def __call__(self, index: str) -> None:
        """Refresh an index by its full name; raises what the refresh raises."""
        if index not in self._next:  # the running one may have begun before the caller's write
            self._next[index] = asyncio.create_task(self._turn(index))
            self._next[index].add_done_callback(_heard)
        await asyncio.shield(self._next[index])  # others may wait for it too

    async def _turn(self, index: str) -> None:
        patience = self._patience()
        if before := self._running.get(index):
            await asyncio.wait([before])
            if not before.cancelled() and before.exception() is None:
                patience = self._patience()  # the store answers: this is a call like any other
        self._running[index] = self._next.pop(index)
        try:
            await self._refresh(index, patience)
        finally:
            del self._running[index]

    async def end(self) -> None:
        """Stop what is under way; nobody may wait any more."""
        tasks = [*self._next.values(), *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _heard(task: asyncio.Task[None]) -> None:
    """Its failure is told to those who wait; nobody waits when all of them were cancelled."""
    if not task.cancelled():
        task.exception()

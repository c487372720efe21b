"""Everything a service works with, made once per process from the settings.

Starting never fails because the store is away: indices are seen to in the background until they
are there, and until then calls answer 503 by themselves. `health` tells the truth at any time.
"""

from __future__ import annotations

import asyncio
import logging

from story_services.common.clock import Clock
from story_services.common.entities import Entities
from story_services.common.errors import ServiceError, Unavailable
from story_services.common.history import History
from story_services.common.housekeeping import Housekeeping
from story_services.common.listing import Listing
from story_services.common.numbering import Numbering
from story_services.common.settings import Settings
from story_services.common.store import indices
from story_services.common.store.client import Store
from story_services.common.store.keys import StoreKeys
from story_services.common.store.orders import Orders
from story_services.common.store.records import Records
from story_services.common.transitions import Transitions

#: Seconds between looks at a store that was not ready at the start.
_PAUSE = 1.0
#: Seconds between rounds of housekeeping.
_ROUND = 3600.0

log = logging.getLogger("story.context")


class Context:
    """The object graph of a process. `store` may be given by tests that watch its calls."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.settings = settings
        self.store = store or Store(settings)
        self.clock = Clock()
        self.keys = StoreKeys(self.store)
        self.records = Records(self.store, self.clock)
        self.orders = Orders(self.store, self.clock)
        self.numbering = Numbering(self.orders)
        self.transitions = Transitions(self.records, self.numbering)
        self.entities = Entities(self.records, self.numbering, self.transitions)
        self.listing = Listing(self.entities)
        self.history = History(self.entities, self.orders)
        self._ready = False
        self._problem: ServiceError | None = None
        self.housekeeping = Housekeeping(self.entities, self.keys)
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to see to the indices; returns when they are there or could not be had at once."""
        if not await self._prepared():
            self._background.append(asyncio.create_task(self._prepare()))
        self._background.append(asyncio.create_task(self._keep_house()))

    async def _prepared(self) -> bool:
        try:
            await indices.ensure(self.store)
        except ServiceError as error:
            self._problem = error
            return False
        self._ready, self._problem = True, None
        return True

    async def _prepare(self) -> None:
        while not await self._prepared():
            await asyncio.sleep(_PAUSE)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_ROUND)
            try:
                records, keys = await self.housekeeping.round()
            except Exception as error:  # the next round comes, whatever this one met
                log.warning("housekeeping failed: %s", type(error).__name__)
            else:
                log.info("housekeeping cleared %d records and %d keys", records, keys)

    async def health(self) -> dict[str, str | None]:
        """What is wrong with each part, None for what works."""
        try:
            await self.store.health()
        except ServiceError as error:
            return {"store": f"{error.message} {error.details or ''}".strip()}
        if not self._ready:
            problem = self._problem or Unavailable()
            return {"store": f"{problem.message} {problem.details or ''}".strip()}
        return {"store": None}

    async def close(self) -> None:
        """Finish what runs in the background and close all connections."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.keys.close()
        await self.store.close()

"""One after the other, for what must not be done twice at the same time.

Adds no waiting to a store that is away: when it fails the one whose turn it is, those who wait in
line fail with it, as each of them would only find out the same, one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from story_services.common.errors import Unavailable


class Turns:
    """Lines of waiting tasks, by what they wait for."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for the others in line, then go. Unavailable when the one before was refused."""
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
        else:
            await self._wait(key, line)
        try:
            yield
        except Unavailable as error:
            self._fail(key, error)
            raise
        finally:
            self._pass_on(key)

    async def _wait(self, key: Hashable, line: deque[asyncio.Future[None]]) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on(key)  # it was its turn already
            raise

    def _fail(self, key: Hashable, error: Unavailable) -> None:
        line = self._lines[key]
        while line:
            if not (waiting := line.popleft()).done():
                waiting.set_exception(error)

    def _pass_on(self, key: Hashable) -> None:
        line = self._lines[key]
        while line:
            if not (waiting := line.popleft()).done():
                waiting.set_result(None)
                return
        del self._lines[key]

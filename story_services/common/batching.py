"""Many callers, one call: requests that come while another batch is on its way share the next one.

Adds no waiting: a lone request goes out at once. A batch that fails fails for all in it; one that
the store has kept waiting until it failed also fails those who have waited behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from story_services.common.errors import Unavailable

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Batcher(Generic[Ask, Answer]):
    """Runs `handle` over what has gathered, one batch at a time, at most `limit` each. Its answers
    are in the order of the requests; an exception among them is raised for that caller alone."""

    def __init__(
        self,
        handle: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        limit: int = 500,
    ) -> None:
        self._handle = handle
        self._limit = limit
        self._waiting: list[tuple[Ask, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, request: Ask) -> Answer:
        """The answer to one request."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, done))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._limit]
                del self._waiting[: self._limit]
                await self._run(batch)
        finally:
            self._running = None

    async def _run(self, batch: list[tuple[Ask, asyncio.Future[Answer]]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._handle([request for request, _ in batch])
        except Exception as error:
            if isinstance(error, Unavailable):
                batch = [*batch, *self._waiting]
                self._waiting.clear()
            answers = [error] * len(batch)
        for (_, done), answer in zip(batch, answers, strict=True):
            if done.done():
                continue  # its caller went away
            if isinstance(answer, Exception):
                done.set_exception(answer)
            else:
                done.set_result(answer)

"""A store at whose writes something happens: a death, somebody else's change, a lost answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from story_services.common.context import Context
from story_services.common.errors import Unavailable
from story_services.common.settings import Settings
from story_services.common.store.client import Store

#: The real call, to be made none, one or several times; with a number, of a bulk only so many
#: documents.
Call = Callable[..., Awaitable[Any]]
#: `hook(operation, index, call)` gives the write's answer.
Hook = Callable[[str, str, Call], Awaitable[Any]]
WRITES = ("create", "put", "write", "bulk_create", "bulk_put", "bulk_write", "delete")


class Killed(Exception):
    """The process is gone. No error that anybody expects."""


class Hooked(Store):
    """Every write goes through `hook`, when there is one."""

    hook: Hook | None = None

    async def _hooked(self, operation: str, index: str, call: Call) -> Any:
        if self.hook is None:
            return await call()
        return await self.hook(operation, index, call)


def _part(documents: Any, most: int | None) -> Any:
    if most is None:
        return documents
    if isinstance(documents, dict):
        return dict(list(documents.items())[:most])
    return list(documents)[:most]


def _through(operation: str) -> Any:
    real = getattr(Store, operation)

    async def write(self: Hooked, index: str, *args: Any) -> Any:
        def call(most: int | None = None) -> Awaitable[Any]:
            given: Awaitable[Any] = real(self, index, *(_part(arg, most) for arg in args))
            return given

        return await self._hooked(operation, index, call)

    return write


for _operation in WRITES:
    setattr(Hooked, _operation, _through(_operation))


@asynccontextmanager
async def hooked(url: str, prefix: str) -> AsyncIterator[tuple[Context, Hooked]]:
    """A process whose writes can be watched, on indices that are there."""
    settings = Settings(store_url=url, index_prefix=prefix)
    store = Hooked(settings)
    context = Context(settings, store)
    await context.start()
    try:
        yield context, store
    finally:
        store.hook = None
        await context.close()


def at(operation: str, index: str, then: Callable[[Call], Awaitable[Any]]) -> Hook:
    """At the first such write `then` decides; all others pass."""
    waiting = [then]

    async def hook(done: str, where: str, call: Call) -> Any:
        if waiting and done in operation.split("|") and where == index:
            return await waiting.pop()(call)
        return await call()

    return hook


def overtaken(meanwhile: Callable[[], Awaitable[Any]]) -> Callable[[Call], Awaitable[Any]]:
    """The answer is lost; before the write is sent again, somebody else goes on with it."""

    async def then(call: Call) -> Any:
        await call()
        await meanwhile()
        return await call()

    return then


def after(meanwhile: Callable[[], Awaitable[Any]]) -> Callable[[Call], Awaitable[Any]]:
    """Somebody is quicker."""

    async def then(call: Call) -> Any:
        await meanwhile()
        return await call()

    return then


def late(kept: list[Call]) -> Callable[[Call], Awaitable[Any]]:
    """The request is on its way somewhere, and its sender gives up."""

    async def then(call: Call) -> Any:
        kept.append(call)
        raise Unavailable

    return then


class Dying:
    """Dies at the nth write, before it is sent."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.operation = ""

    async def __call__(self, operation: str, index: str, call: Call) -> Any:
        self.left -= 1
        if self.left < 0:
            self.operation = self.operation or f"{operation} {index}"
            raise Killed
        return await call()

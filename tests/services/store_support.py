"""A store on a test node, and a middleman that loses what the network may lose.

The middleman forwards to the real node. What happens to a request is decided by the test's plan:
it gets the requests one by one and says a `Fate` for each. Everything that passes is kept in
`seen`, raw, as the door would see it.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from story_services.common.settings import Settings
from story_services.common.store import indices
from story_services.common.store.client import Store
from tests.services.node_support import delete_indices


class Fate(Enum):
    """What becomes of a request."""

    PASS = "pass"
    LOSE_REQUEST = "the node never gets it"
    LOSE_ANSWER = "the node does it, nobody hears of it"
    TWICE = "the node gets it twice, the second answer counts"
    LATE = "the node gets it after the client has given up"
    DOOR_502 = "nginx finds no node"
    DOOR_403 = "nginx refuses"
    HANG = "nothing happens at all"
    BUSY = "the node's queue is full"


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    method: str
    uri: str
    body: bytes
    opaque: str | None


Plan = Callable[[Seen], Fate]
_BUSY = b'{"error":"OpenSearchRejectedExecutionException[rejected execution]","status":429}'


@dataclass
class Middleman:
    """Between a store and its node. `plan` may be changed at any time."""

    node: str
    plan: Plan = lambda _: Fate.PASS
    seen: list[Seen] = field(default_factory=list)
    late: list[asyncio.Task[Any]] = field(default_factory=list)
    late_after: float = 1.3  # seconds
    over: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        one = Seen(
            request.method,
            request.raw_path,
            await request.read(),
            request.headers.get("x-opaque-id"),
        )
        self.seen.append(one)
        fate = self.plan(one)
        if fate is Fate.DOOR_502:
            return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type=HTML)
        if fate is Fate.DOOR_403:
            return web.Response(status=403, text="<html>403 Forbidden</html>", content_type=HTML)
        if fate is Fate.BUSY:
            return web.Response(status=429, body=_BUSY, content_type="application/json")
        if fate is Fate.HANG:
            await self.over.wait()
        if fate is Fate.LATE:
            self.late.append(asyncio.create_task(self._forward(one, after=self.late_after)))
            await self.over.wait()
        if fate is not Fate.LOSE_REQUEST:
            reply = await self._forward(one)
            if fate is Fate.TWICE:
                reply = await self._forward(one)
            if fate is not Fate.LOSE_ANSWER:
                return reply
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _forward(self, one: Seen, after: float = 0) -> web.Response:
        await asyncio.sleep(after)
        headers = {"content-type": "application/json"} if one.body else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                one.method, URL(self.node + one.uri, encoded=True), data=one.body, headers=headers
            ) as reply,
        ):
            return web.Response(
                status=reply.status, body=await reply.read(), content_type=reply.content_type
            )


HTML = "text/html"


@asynccontextmanager
async def middleman(node: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Middleman]:
    """A running middleman; its address is `url`."""
    between = Middleman(node)
    server = web.Server(between.answer)
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    between.url = site.name
    try:
        yield between
    finally:
        between.over.set()
        await asyncio.gather(*between.late, return_exceptions=True)
        await runner.cleanup()


@contextmanager
def shared_indices(url: str) -> Iterator[str]:
    """The prefix of a set of indices that is there as long as this lasts."""
    prefix = f"story-t{secrets.token_hex(4)}-"

    async def make() -> None:
        async with a_store(url, prefix, made=True):
            pass

    try:
        asyncio.run(make())
        yield prefix
    finally:
        delete_indices(url, prefix)


def a_settings(url: str, prefix: str, **more: Any) -> Settings:
    """Settings of a store."""
    return Settings(store_url=url, index_prefix=prefix, **more)


@asynccontextmanager
async def a_store(
    url: str, prefix: str, made: bool = False, **settings: Any
) -> AsyncIterator[Store]:
    """A store; `made` sees to its indices."""
    store = Store(a_settings(url, prefix, **settings))
    try:
        if made:
            await indices.ensure(store)
        yield store
    finally:
        await store.close()


_numbers = count(1)


def fresh() -> int:
    """A number that no other test of this process has; indices are shared by a file's tests."""
    return next(_numbers)


def word(number: int = 1, text: str = "To be, or not to be", **more: Any) -> dict[str, Any]:
    """A document of the index `element`."""
    return {
        "kind": "spokenWord",
        "id": number,
        "version": 1,
        "deleted": False,
        "scope": [1],
        "changeId": number,
        "nonce": f"nonce-{number}-1",
        "content": {"text": text, "scriptId": 1},
        **more,
    }

"""A wire between services and their node that can fail in every way a network can."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from tests.services.cli_support import Services

#: What the contract allows until a 503, and what a machine with other work may add, in seconds.
LIMIT_S, MARGIN_S = 2.0, 1.5
RECOVERY_S = 60.0
_CHUNK = 65_536


class Wire:
    """Forwards TCP connections from `url` to the node. `delay` seconds pass before anything goes
    in either direction; while `hole` is set, everything is swallowed."""

    def __init__(self, node_url: str) -> None:
        parts = urlsplit(node_url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hole = asyncio.Event()
        self.delay = 0.0
        self.port = 0
        self._thread.start()
        self._do(self._listen())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def refuse(self) -> None:
        """Nobody listens any more, and whoever was connected is cut off."""
        self._do(self._deafen())

    def hole(self) -> None:
        """Take everything, carry nothing."""
        self._hole.set()

    def cut(self) -> None:
        """Reset all connections; new ones work."""
        self._do(self._cut())

    def heal(self) -> None:
        """Work as a wire should. What was swallowed is lost, and those who wait are cut off."""
        self.delay = 0.0
        if self._hole.is_set():
            self._hole.clear()
            self.cut()
        if self._server is None:
            self._do(self._listen())

    def close(self) -> None:
        self._do(self._deafen())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(self._connected, sock=sock, backlog=512)

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(back)
        try:
            far, forth = await asyncio.open_connection(*self._target)
        except OSError:
            back.transport.abort()
            self._open.discard(back)
            return
        self._open.add(forth)
        try:
            await asyncio.gather(self._carry(near, forth), self._carry(far, back))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for writer in (back, forth):
                self._open.discard(writer)
                writer.transport.abort()
            self._tasks.discard(task)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            if self._hole.is_set():
                continue
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()


@contextmanager
def wire(node_url: str) -> Iterator[Wire]:
    made = Wire(node_url)
    try:
        yield made
    finally:
        made.close()


def wait_until_healthy(services: Services) -> float:
    """Seconds until the services say that all is well, without being started anew."""
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_S:
        with contextlib.suppress(httpx.TransportError):
            if services.client.get("/health").status_code == 200:
                return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not healthy within {RECOVERY_S} s:\n{services.log[-3000:]}")

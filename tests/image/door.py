"""A door in front of the search node, as a search host has one: TLS 1.3, client certificates.

Bytes pass unchanged in both directions. A test can take the door away and bring it back at the
same address. Listens on loopback only.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploys.pki import Pki

LIMIT_S = 30.0


class Door:
    """An open door to the node at `node`; use `opened`."""

    def __init__(self, node: str, context: ssl.SSLContext) -> None:
        parts = urlsplit(node)
        self._to = (str(parts.hostname), int(parts.port or 9200))
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def come(self) -> None:
        """Be there, always at the same address."""
        self._call(self._open())

    def go(self) -> None:
        """Refuse connections and end those that there are."""
        self._call(self._close())

    def end(self) -> None:
        self.go()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    def begin(self) -> None:
        self._thread.start()
        self.come()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, ssl=self._context
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        to: asyncio.StreamWriter | None = None
        try:
            back, to = await asyncio.open_connection(*self._to)
            pumps = [
                asyncio.ensure_future(self._pump(reader, to)),
                asyncio.ensure_future(self._pump(back, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the node is away, or the door is taken away: this was its last act
        finally:
            self._tasks.discard(task)
            for end in (to, writer):
                if end is not None:
                    with suppress(OSError):
                        end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()


def demanding(pki: Pki, folder: Path) -> ssl.SSLContext:
    """What the listener of a search host's door demands."""
    host = pki.host("search1", ["127.0.0.1"])
    certificate, key = folder / "door.pem", folder / "door.key"
    certificate.write_bytes(host.certificate)
    key.touch(mode=0o600)
    key.write_bytes(host.key.reveal())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def opened(node: str, context: ssl.SSLContext) -> Iterator[Door]:
    door = Door(node, context)
    door.begin()
    try:
        yield door
    finally:
        door.end()

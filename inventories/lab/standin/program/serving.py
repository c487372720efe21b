"""Connections of clients over HTTP/1.1: requests in, answers out, kept open between them.

What is no proper request gets 400 and the connection ends. A request that is being answered when
the gateway ends or reloads is answered to its end. Bodies stream; a slow reader slows the sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import h11

from .headers import HOP_BY_HOP, Headers
from .message import Answer, Body, Request, error
from .upstream import READ, AttemptError

Handler = Callable[[Request], Awaitable[Answer]]
After = Callable[[Request, Answer], None]
KEEPALIVE_S, HEADER_S, BODY_S, DISCARD_S = 75.0, 60.0, 60.0, 5.0
MAX_HEADER = 32 * 1024
NO_BODY = (204, 304)


@dataclass
class Server:
    """Shared by all connections of a listener: who answers, and whether the end has come."""

    handle: Handler
    after: After
    scheme: str
    port: int
    name_of: Callable[[object], str] = lambda _: ""
    ending: bool = False
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    busy: set[asyncio.Task[None]] = field(default_factory=set)
    accepted: int = 0
    requests: int = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client from its first byte to its last."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        self.accepted += 1
        try:
            await _Client(self, reader, writer, task).serve()
        except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            pass  # the client went away, or we do
        finally:
            self.connections.discard(task)
            self.busy.discard(task)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    def end(self) -> None:
        """Close what is idle; what is being answered closes after its answer."""
        self.ending = True
        for task in self.connections - self.busy:
            task.cancel()


class _Client:
    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        task: asyncio.Task[None],
    ) -> None:  # fmt: skip
        self.server, self.reader, self.writer, self.task = server, reader, writer, task
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER)
        self.address = str((writer.get_extra_info("peername") or ("",))[0])
        self.sni = server.name_of(writer.get_extra_info("ssl_object"))

    async def serve(self) -> None:
        while not self.server.ending:
            try:
                event = await self.next(KEEPALIVE_S)
            except h11.RemoteProtocolError as problem:
                await self.refuse(problem)
                return
            if not isinstance(event, h11.Request):
                return
            self.server.busy.add(self.task)
            await self.answer(event)
            self.server.busy.discard(self.task)
            if not await self.discard():
                return
            self.http.start_next_cycle()

    async def next(self, limit: float) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            if self.http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self.write(self.http.send(go_on))
            async with asyncio.timeout(limit):
                data = await self.reader.read(READ)
            self.http.receive_data(data)

    async def write(self, data: bytes | None) -> None:
        if data:
            self.writer.write(data)
            async with asyncio.timeout(BODY_S):
                await self.writer.drain()

    async def answer(self, event: h11.Request) -> None:
        fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
        headers = Headers(fields)
        length = headers.get("content-length")
        chunked = headers.get("transfer-encoding") is not None
        body = Body(self.chunk, None if chunked else int(length or 0))
        request = Request(
            event.method.decode(), event.target.decode("latin-1"), headers, body, self.address,
            self.server.port, self.server.scheme, self.sni, event.http_version.decode(),
        )  # fmt: skip
        self.server.requests += 1
        reply = Answer(500, Headers())
        try:
            reply = await self.server.handle(request)
            await self.send(request, reply)
        except h11.RemoteProtocolError as problem:
            await self.refuse(problem)
            raise ConnectionError from None
        except AttemptError:
            raise ConnectionError("the upstream broke off, so does this answer") from None
        finally:
            body.close()
            self.server.after(request, reply)

    async def chunk(self) -> bytes:
        """The next part of the request's body; empty at its end."""
        while self.http.their_state is h11.SEND_BODY:
            event = await self.next(BODY_S)
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("closed in the body")
        return b""

    async def send(self, request: Request, reply: Answer) -> None:
        fields = [f for f in reply.headers.encoded() if f[0].decode().lower() not in HOP_BY_HOP]
        bare = reply.status in NO_BODY or request.method == "HEAD"
        known = any(name.lower() == b"content-length" for name, _ in fields)
        if isinstance(reply.body, bytes) and not known and reply.status not in NO_BODY:
            fields.append((b"Content-Length", str(len(reply.body)).encode()))
        ends = (
            request.headers.get(
                "connection",
            )
            or ""
        )
        if self.server.ending or "close" in ends.lower() or _in_the_way(reply):
            fields.append((b"Connection", b"close"))
        elif request.version == "1.1":
            fields.append((b"Connection", b"keep-alive"))
        response = h11.Response(status_code=reply.status, headers=fields)
        await self.write(self.http.send(response))
        async for data in _parts(reply.body):
            if bare:
                continue
            reply.size += len(data)
            if reply.copy is not None:
                reply.copy += data
            await self.write(self.http.send(h11.Data(data=data)))
        await self.write(self.http.send(h11.EndOfMessage()))

    async def discard(self) -> bool:
        """Read what is left of a body nobody wanted; whether another request may follow."""
        with contextlib.suppress(TimeoutError, h11.RemoteProtocolError, ConnectionError):
            async with asyncio.timeout(DISCARD_S):
                while await self.chunk():
                    pass
        return self.http.our_state is h11.DONE and self.http.their_state is h11.DONE

    async def refuse(self, problem: h11.RemoteProtocolError) -> None:
        if self.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = Body(self.chunk, 0)
        request = Request(
            "-", "/", Headers(), body, self.address, self.server.port, self.server.scheme
        )
        status = problem.error_status_hint if problem.error_status_hint != 431 else 494
        reply = error(request, 400 if status not in (413, 414) else status)
        reply.headers.set("Connection", "close")
        reply.headers.set("Content-Length", len(reply.body) if isinstance(reply.body, bytes) else 0)
        whole = h11.Response(status_code=reply.status, headers=reply.headers.encoded())
        with contextlib.suppress(h11.LocalProtocolError):
            await self.write(self.http.send(whole))
            if isinstance(reply.body, bytes):
                await self.write(self.http.send(h11.Data(data=reply.body)))
            await self.write(self.http.send(h11.EndOfMessage()))
        self.server.after(request, reply)


def _in_the_way(reply: Answer) -> bool:
    """Whether the connection has no future: a body too large to read, or an older configuration."""
    return reply.status in (413, 417) or reply.headers.get("connection") == "close"


async def _parts(body: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        if body:
            yield body
        return
    try:
        async for data in body:
            yield data
    finally:
        close = getattr(body, "aclose", None)
        if close:
            await close()

"""Requests to upstreams over HTTP/1.1, on connections that are kept and used again.

An attempt ends in an answer whose body streams, or in one of two errors: nothing came in time, or
the connection broke; both know whether the request had been sent, which decides about a retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import h11

from .headers import Headers

READ = 64 * 1024
#: Turns of the loop that take in an end which has already arrived (socket, TLS, reader): an idle
#: connection that the other side has closed must not be taken for a request that may go out once.
LOOKS = 3
PER_TARGET = 64  # idle connections kept for one target


class AttemptError(Exception):
    """No answer; `sent` when the other side may have begun to work on the request."""

    def __init__(self, reason: str, *, sent: bool, timeout: bool) -> None:
        super().__init__(reason)
        self.sent, self.timeout = sent, timeout


@dataclass(frozen=True)
class Where:
    """Everything that makes one connection usable for another request."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    name: str  # asked for in the handshake

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Patience:
    """Seconds: until connected, between two writes, between two reads."""

    connect: float
    write: float
    read: float


class Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.CLIENT)
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        ended = self.reader.at_eof() or self.writer.is_closing()
        return not ended and self.http.our_state is h11.IDLE

    def close(self) -> None:
        self.writer.close()

    async def send(self, event: h11.Event, limit: float) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            async with asyncio.timeout(limit):
                await self.writer.drain()

    async def next(self, limit: float) -> h11.Event:
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            async with asyncio.timeout(limit):
                data = await self.reader.read(READ)
            self.http.receive_data(data)


class Pool:
    """Idle connections by where they lead; one process-wide."""

    def __init__(self, idle_s: float = 60.0) -> None:
        self._idle: dict[Where, list[Connection]] = {}
        self._idle_s = idle_s

    async def connection(self, where: Where, patience: Patience) -> Connection:
        kept = self._idle.get(where, [])
        for _ in range(LOOKS if kept else 0):
            await asyncio.sleep(0)
        while kept:
            connection = kept.pop()
            if connection.usable and time.monotonic() - connection.idle_since < self._idle_s:
                return connection
            connection.close()
        try:
            async with asyncio.timeout(patience.connect):
                return Connection(
                    *await asyncio.open_connection(
                        where.host, where.port, ssl=where.tls,
                        server_hostname=where.name if where.tls else None,
                    )
                )  # fmt: skip
        except TimeoutError:
            raise AttemptError(f"{where}: connect timed out", sent=False, timeout=True) from None
        except (OSError, ssl.SSLError, ValueError) as error:
            raise AttemptError(f"{where}: {error}", sent=False, timeout=False) from None

    def release(self, where: Where, connection: Connection) -> None:
        """Keep a connection whose answer was read to the end; close any other."""
        try:
            connection.http.start_next_cycle()
        except h11.LocalProtocolError:
            connection.close()
            return
        kept = self._idle.setdefault(where, [])
        connection.idle_since = time.monotonic()
        kept.append(connection)
        while len(kept) > PER_TARGET:
            kept.pop(0).close()

    def forget(self, keep: Iterable[ssl.SSLContext | None]) -> None:
        """Close idle connections of configurations that are gone."""
        living = {id(context) for context in keep}
        for where in [w for w in self._idle if id(w.tls) not in living]:
            for connection in self._idle.pop(where):
                connection.close()


@dataclass
class Reply:
    """An upstream's answer: status, fields, and the body while it arrives."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]


async def exchange(
    pool: Pool, where: Where, request: h11.Request, body: Iterable[bytes], patience: Patience
) -> Reply:
    """One attempt; AttemptError when there is no answer."""
    connection = await pool.connection(where, patience)
    sent = False
    try:
        sent = True
        with contextlib.suppress(ConnectionError):  # it may have answered before it hung up
            await connection.send(request, patience.write)
            for chunk in body:
                await connection.send(h11.Data(data=chunk), patience.write)
            await connection.send(h11.EndOfMessage(), patience.write)
        while True:
            event = await connection.next(patience.read)
            if isinstance(event, h11.Response):
                break
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("closed before an answer")
    except TimeoutError:
        connection.close()
        raise AttemptError(f"{where}: timed out", sent=sent, timeout=True) from None
    except (OSError, ssl.SSLError, h11.ProtocolError) as error:
        connection.close()
        raise AttemptError(f"{where}: {error}", sent=sent, timeout=False) from None
    except BaseException:
        connection.close()
        raise
    fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
    return Reply(event.status_code, Headers(fields), _body(pool, where, connection, patience))


async def _body(
    pool: Pool, where: Where, connection: Connection, patience: Patience
) -> AsyncIterator[bytes]:
    """Chunks as they arrive; AttemptError when the rest does not come."""
    whole = False
    try:
        while True:
            event = await connection.next(patience.read)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                whole = True
                return
    except (TimeoutError, OSError, ssl.SSLError, h11.ProtocolError) as error:
        raise AttemptError(
            f"{where}: the answer broke off: {error}", sent=True, timeout=False
        ) from None
    finally:
        if whole:
            pool.release(where, connection)
        else:
            connection.close()

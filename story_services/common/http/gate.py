"""The outermost layer: everything that holds for every request, in one pure ASGI app.

Guarantees: a request id in the answer, the log and the context of whatever runs; a body no larger
than the settings allow, announced or not; an answer of the contract's shape for whatever is
raised, a defect as 500 without a word of it; one log line and one count per request. Streams
pass through piece by piece.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from story_services.common.errors import ServiceError, TooLarge, Unavailable
from story_services.common.http import current, headers, logs, replies
from story_services.common.http.metrics import UNKNOWN, Metrics
from story_services.common.settings import Settings

log = logging.getLogger("story.http")

_GONE = 499  # the caller went away: in the log only
_OPEN = ("/health", "/metrics")  # answered however much there is to do
_BUSY = Unavailable("The service has too much to do.", code="busy")
_STOPPED = Unavailable(
    "The service is stopping.",
    "what became of the request is not known; repeat it under its Idempotency-Key",
    code="stopping",
)


class Gate:
    """Wraps the app that routes."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.limit = settings.max_body_bytes
        self.room = settings.max_requests
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self.limit)
        started = perf_counter()
        self.room -= 1
        try:
            await self._answer(exchange)
        finally:
            self.room += 1
            self._record(exchange, perf_counter() - started)

    def _record(self, exchange: _Exchange, seconds: float) -> None:
        method, status = exchange.scope["method"], exchange.status
        route = getattr(exchange.scope.get("route"), "path", UNKNOWN)
        self.metrics.request(route, method, status, seconds)
        logs.access.write(
            requestId=exchange.request_id,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            actor=current.actor(),
        )

    async def _answer(self, exchange: _Exchange) -> None:
        try:
            exchange.open()
            if self.room < 0 and exchange.scope["path"] not in _OPEN:
                raise _BUSY
            await self.app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _GONE
        except asyncio.CancelledError:  # the server's patience at its stop has ended
            await exchange.refuse(_STOPPED)
        except Exception as error:
            told = replies.expected(error)
            if told is None:
                log.exception("unexpected error")
                told = ServiceError("Something went wrong.", f"request {current.request_id()}")
            await exchange.refuse(told)


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_left", "_receive", "_send", "_started", "request_id", "scope", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self.scope = scope
        self.status = 500
        self._receive = receive
        self._send = send
        self._left = limit
        self._started = False
        self.request_id = ""

    def open(self) -> None:
        """Read the headers that matter here. Raises TooLarge, BadInput."""
        id_given = who = length = None
        for name, value in self.scope["headers"]:
            if name == b"x-request-id":
                id_given = value
            elif name == b"x-consumer-username":
                who = value
            elif name == b"content-length":
                length = headers.content_length([value])
        self.request_id = headers.request_id(id_given)
        current.begin(self.request_id, current.ANONYMOUS)
        if who:
            current.begin(self.request_id, headers.actor(who))
        if length is not None and length > self._left:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge("The body is too large.", "send less, or in several requests")

    async def receive(self) -> Message:
        """The next piece of the body. Raises TooLarge when it has become too large."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """The next piece of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self._started = True
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode("ascii")),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
            if self.status in (408, 413):  # what is left of the body is not read
                message["headers"].append((b"connection", b"close"))
        await self._send(message)

    async def refuse(self, error: ServiceError) -> None:
        """Answer with the error; an answer that has begun is cut off instead."""
        if self._started:
            return
        with contextlib.suppress(OSError):
            await replies.error_reply(error)(self.scope, self._receive, self.send)

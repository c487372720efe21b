"""The addresses that every process serves beside its operations: health, metrics, documents.

`/health` answers within 2 seconds whatever the store does and says in words what is down. The
pages need no key, write nothing and load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from story_services.common.errors import BadInput, Unavailable
from story_services.common.http import docs_page, metrics
from story_services.common.http.idempotency import Keys
from story_services.common.http.replies import Reply

_PATIENCE = 1.5  # seconds for all parts together

Page = Callable[[Request], Awaitable[Response]]


class Resources(Protocol):
    """What an app works with: made at its start, closed at its end, on `app.state.context`."""

    @property
    def keys(self) -> Keys:
        """Where answers under an `Idempotency-Key` are kept."""

    async def start(self) -> None:
        """Begin. Not reaching the store is no reason to fail."""

    async def close(self) -> None:
        """End, with all connections closed."""

    async def health(self) -> dict[str, str | None]:
        """What is wrong with each part, None for what works."""


@dataclass(frozen=True)
class SystemRoute:
    """A GET address of the process itself."""

    path: str
    page: Page
    methods: tuple[str, ...] = ("GET",)

    @property
    def app(self) -> ASGIApp:
        """The ASGI app of the address."""
        return self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            raise BadInput("The request is not valid.", "this address has no query parameters")
        response = await self.page(Request(scope))
        await response(scope, receive, send)


async def health(request: Request) -> Response:
    """200 if all works, else 503 that names what is down."""
    resources: Resources = request.app.state.context
    try:
        parts = await asyncio.wait_for(resources.health(), _PATIENCE)
    except TimeoutError:
        parts = {"store": "The store does not answer in time."}
    body = {
        "status": "ok",
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        **{name: problem or "ok" for name, problem in parts.items()},
    }
    down = {name: problem for name, problem in parts.items() if problem}
    if not down:
        return Reply(body)
    error = Unavailable(
        f"Down: {', '.join(sorted(down))}.",
        "; ".join(down[name] for name in sorted(down)),
        code="unavailable",
    )
    return Reply(body | {"status": "down"} | error.body(), 503, error.headers())


async def numbers(request: Request) -> Response:
    """All numbers in Prometheus's text format."""
    counted: metrics.Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=metrics.CONTENT_TYPE)


def fixed(make: Callable[[], bytes]) -> Page:
    """A JSON document, made when it is first asked for."""
    document = _Once(make)

    async def page(_: Request) -> Response:
        return Response(await document.get(), media_type="application/json")

    return page


def readable(make: Callable[[], dict[str, object]]) -> Page:
    """The document as a page to read."""
    text = _Once(lambda: docs_page.html(make()).encode())

    async def page(_: Request) -> Response:
        return HTMLResponse(await text.get(), headers={"Content-Security-Policy": docs_page.POLICY})

    return page


class _Once:
    """Bytes that take a second to make: made once, in a thread, so that nobody else waits."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._lock = asyncio.Lock()
        self._made: bytes | None = None

    async def get(self) -> bytes:
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made

"""Plugins that bound what one client may ask: rate-limiting (local) and request-size-limiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from .headers import Headers
from .message import Answer, Entity, Request, TooLargeError, error
from .plugin import Plugin
from .settings import PERIODS

#: Seconds a window lasts; as kong/plugins/rate-limiting/expiration.lua has them.
LASTS = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 2592000, "year": 31536000,
}  # fmt: skip
UNITS = {"megabytes": 2**20, "kilobytes": 2**10, "bytes": 1}


class Counters:
    """Counts in windows of the clock. They outlive a reload, as shared memory does."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], int] = {}
        self._ends: dict[tuple[str, ...], float] = {}

    def get(self, key: tuple[str, ...]) -> int:
        return self._counts.get(key, 0)

    def add(self, key: tuple[str, ...], until: float) -> None:
        self._counts[key] = self.get(key) + 1
        self._ends[key] = until
        if len(self._counts) > 10_000:
            self._forget(time.time())

    def _forget(self, now: float) -> None:
        for key in [k for k, end in self._ends.items() if end < now]:
            del self._counts[key], self._ends[key]


def window(period: str, now: float) -> int:
    """When the window of this moment began, in seconds since the epoch."""
    if period in ("second", "minute", "hour", "day"):
        return int(now // LASTS[period] * LASTS[period])
    today = datetime.fromtimestamp(now, UTC)
    month = today.month if period == "month" else 1
    return int(datetime(today.year, month, 1, tzinfo=UTC).timestamp())


class RateLimiting(Plugin):
    """kong/plugins/rate-limiting/handler.lua with policy local."""

    name, priority = "rate-limiting", 910

    def __init__(self, entity: Entity, counters: Counters) -> None:
        super().__init__(entity)
        self._counters = counters
        self._limits = {p: self.config[p] for p in PERIODS if self.config.get(p)}

    async def access(self, request: Request) -> Answer | None:
        now, who = time.time(), self._who(request)
        scope = (self.entity.get("route") or "", self.entity.get("service") or "", who)
        keys = {p: (*scope, str(window(p, now)), p) for p in self._limits}
        left = {p: limit - self._counters.get(keys[p]) for p, limit in self._limits.items()}
        stop = next((p for p in reversed(PERIODS) if p in left and left[p] <= 0), None)
        headers, reset = self._headers(left, stop, now)
        if stop:
            headers.set("Retry-After", reset)
            return error(request, self.config["error_code"], self.config["error_message"], headers)
        for period, key in keys.items():
            self._counters.add(key, now + 2 * LASTS[period])
        self.keep(request, headers)
        return None

    def respond(self, request: Request, answer: Answer) -> None:
        for name, value in self.kept(request) or ():
            answer.headers.set(name, value)

    def _headers(self, left: dict[str, float], stop: str | None, now: float) -> tuple[Headers, int]:
        """Of all limits, and of the tightest; seconds until that one starts anew."""
        headers, tightest = Headers(), None
        for period, remaining in left.items():
            after = max(0, remaining - 1 if stop in (None, period) else remaining)
            title = period.capitalize()
            headers.set(f"X-RateLimit-Limit-{title}", _whole(self._limits[period]))
            headers.set(f"X-RateLimit-Remaining-{title}", _whole(after))
            rank = (after, -LASTS[period])
            if tightest is None or rank < tightest[0]:
                reset = max(1, LASTS[period] - int(now - window(period, now)))
                tightest = (rank, self._limits[period], after, reset)
        assert tightest is not None, "checked when the file was read"
        _, limit, after, reset = tightest
        for name, value in (("Limit", limit), ("Remaining", after), ("Reset", reset)):
            headers.set(f"RateLimit-{name}", _whole(value))
        return (Headers() if self.config["hide_client_headers"] else headers), reset

    def _who(self, request: Request) -> str:
        by = self.config["limit_by"]
        found: str | None = None
        if by == "consumer":
            found = (request.consumer or request.credential or {}).get("id")
        elif by == "credential":
            found = (request.credential or {}).get("id")
        elif by == "service":
            found = (request.service or {}).get("id")
        elif by == "header":
            found = request.headers.get(self.config["header_name"])
        elif by == "path" and request.path == self.config["path"]:
            found = request.path
        return found or request.client_ip


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value


class RequestSizeLimiting(Plugin):
    """By the announced length, or by the body itself where none is announced."""

    name, priority = "request-size-limiting", 951

    async def access(self, request: Request) -> Answer | None:
        limit = int(self.config["allowed_payload_size"] * UNITS[self.config["size_unit"]])
        if request.body.length is not None:
            if request.body.length <= limit:
                return None
            awaited = (request.headers.get("expect") or "").strip().lower() == "100-continue"
            return error(request, 417 if awaited else 413, "Request size limit exceeded")
        if self.config["require_content_length"]:
            return error(request, 411, "A valid Content-Length header is required")
        try:
            await request.body.read(limit)
        except TooLargeError:
            return error(request, 413, "Request size limit exceeded")
        return None

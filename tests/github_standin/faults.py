"""Faults that a test plans: wrong answers, lost answers, resets and delays, each a given number of
times.

Guarantees that a fault `after_effect` happens when the request has done its work, and one before
it leaves the world as it was; a planned fault that never happened can be asked for (`pending`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.github_standin.wire import Reply, error

#: What GitHub's edge answers when something behind it fails: HTML, which no client may parse.
PAGE = b"<html>\r\n<head><title>%d %s</title></head>\r\n<body><h1>%d %s</h1></body>\r\n</html>\r\n"
REASONS = {
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}


@dataclass
class Fault:
    """`times` left to happen after `skip` matching requests have passed; see Hub.fail."""

    method: str
    pattern: re.Pattern[str]
    reply: Reply | None  # None: the real answer (with `delay`), or no answer at all (`reset`)
    times: int
    after_effect: bool = False
    reset: bool = False
    delay: float = 0.0  # seconds
    skip: int = 0

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and bool(self.pattern.search(path))


@dataclass
class Faults:
    """The faults still planned, in the order in which they were."""

    planned: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request, if one is due; it counts as happened."""
        for fault in self.planned:
            if not fault.matches(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.planned.remove(fault)
            return fault
        return None

    @property
    def pending(self) -> int:
        """How many times faults would still happen: 0 when a test saw all it planned."""
        return sum(fault.times for fault in self.planned)


def answer(status: int, body: Any, headers: dict[str, str] | None) -> Reply:
    """A reply of that status: the given body, or what GitHub sends with it."""
    made = dict(headers or {})
    if body is None and status in REASONS:
        reason = REASONS[status]
        made.setdefault("Content-Type", "text/html; charset=utf-8")
        return Reply(status, PAGE % (status, reason, status, reason), made)
    if body is None:
        return Reply(status, error(status, "Fault").body, made)
    return Reply(status, body, made)


def primary(status: int, resets_at: int) -> Reply:
    """The hourly limit is used up. Source: "Rate limits for the REST API"."""
    reply = error(status, "API rate limit exceeded for user ID 1.")
    reply.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(resets_at)}
    return reply


def secondary(status: int, retry_after: int | None) -> Reply:
    """Too much at once; `retry-after` (seconds) is often, not always, there."""
    message = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    reply = error(status, message)
    if retry_after is not None:
        reply.headers = {"Retry-After": str(retry_after)}
    return reply


def abuse() -> Reply:
    """The older form of the secondary limit, without a header."""
    return error(
        403,
        "You have triggered an abuse detection mechanism. "
        "Please wait a few minutes before you try again.",
    )

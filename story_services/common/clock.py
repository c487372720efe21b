"""Change ids: microseconds since 1970 that never stand still or go back. No I/O but the clock.

A change id orders all changes of a store, so it serves as the log's sort key. It is a hybrid
clock: at least one more than the last id given by this process, and than the id of the version
it follows, however wrong the machine's clock may be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Gives change ids. `now` returns microseconds and exists for tests."""

    def __init__(self, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._now = now
        self._last = 0

    def change_id(self, after: int = 0) -> int:
        """A new id, greater than every earlier one and than `after`."""
        self._last = max(self._now(), self._last + 1, after + 1)
        return self._last


@lru_cache(maxsize=256)  # the thousand records of a batch share one
def instant(change_id: int) -> str:
    """A change id as RFC 3339 in UTC with microseconds."""
    return (
        datetime.fromtimestamp(change_id // 1_000_000, UTC)
        .replace(microsecond=change_id % 1_000_000)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )

"""Which failures of a request pass by themselves, and how long to wait before the next try.

Pure but for the clock. Only requests that may be repeated come here: reads, and writes under an
`Idempotency-Key`.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import httpx

#: Too fast, or the services or their store are away for a moment.
PASSING = frozenset({408, 429, 502, 503, 504})
#: The first try of this very request still runs.
RUNNING = "idempotency_key_in_use"
_FIRST, _LONGEST, _ASKED = 0.1, 5.0, 60.0


@dataclass
class Patience:
    """How long one request is tried. `seconds` is counted from its first failure."""

    seconds: float
    _tries: int = 0
    _until: float | None = field(default=None)

    def pause(self, response: httpx.Response | None) -> float | None:
        """Seconds until the next try, None when there is none."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self.seconds
        wait = min(_FIRST * 2**self._tries, _LONGEST) * random.uniform(0.7, 1.3)  # noqa: S311
        self._tries += 1
        if response is not None:
            wait = max(wait, _asked(response))
        return wait if now + wait <= self._until else None

    @property
    def first(self) -> bool:
        """Whether the last failure was the first one."""
        return self._tries == 1


def _asked(response: httpx.Response) -> float:
    """What the answer asks for, in seconds."""
    said = response.headers.get("retry-after", "")
    return min(float(said), _ASKED) if said.isdigit() else 0.0

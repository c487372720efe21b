"""What a test holds: the server's address, its world, the faults it plans and the log.

Guarantees an own port, key pairs and world for every `standin()`, and a log that names methods,
paths, statuses and effects, never a body, a token or a value.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.github_standin import faults
from tests.github_standin.access import EVERYTHING
from tests.github_standin.faults import Fault, Faults
from tests.github_standin.server import Server
from tests.github_standin.wire import Refused, Reply
from tests.github_standin.world import World

#: The token every hub starts with: fine-grained, with all that this project asks for.
TOKEN = "github_pat_standin_0123456789abcdef"
HOUR = 3600


@dataclass(frozen=True)
class Entry:
    """One request as the log keeps it; status 0 means that no answer was sent."""

    method: str
    path: str  # with its query
    status: int
    effect: bool
    fault: bool


class Hub:
    """One running stand-in; `world` is free to change while it runs."""

    def __init__(self, repository: str, private: bool, owner_type: str) -> None:
        self.world = World()
        self.token = TOKEN
        self.world.add_token(TOKEN, permissions=dict(EVERYTHING))
        self.repository = self.world.add_repository(
            repository, private=private, owner_type=owner_type
        )
        self.world.add_workflow(self.repository, "images.yml")
        self.faults = Faults()
        self.log: list[Entry] = []
        self.limit = self.remaining = 5000  # of an hour, for one person
        self.resets_at = int(time.time()) + HOUR
        self.server = Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def effects(self) -> Counter[tuple[str, str]]:
        """How often each (method, path) has changed the world, whatever the client was told."""
        return Counter((e.method, e.path.partition("?")[0]) for e in self.log if e.effect)

    @property
    def writes(self) -> int:
        """All changes of the world."""
        return sum(self.effects.values())

    def requests(self, method: str = "*", pattern: str = "") -> list[Entry]:
        """Entries of the log, by method and a regular expression found in the path."""
        return [e for e in self.log if method in ("*", e.method) and re.search(pattern, e.path)]

    def fail(
        self,
        method: str,
        path_pattern: str = "",
        status: int = 502,
        times: int = 1,
        *,
        after_effect: bool = False,
        headers: dict[str, str] | None = None,
        body: Any = None,
        skip: int = 0,
    ) -> None:
        """Answer the next `times` matching requests with `status` ("*" is any method).

        `path_pattern` is a regular expression found in the path. 5xx comes as HTML unless `body`
        (JSON or bytes) is given. `after_effect`: the work is done, only the answer is wrong.
        `skip` lets that many matching requests pass first.
        """
        self._plan(method, path_pattern, times, skip, after_effect,
                   reply=faults.answer(status, body, headers))  # fmt: skip

    def drop(
        self, method: str, path_pattern: str = "", times: int = 1, *,
        after_effect: bool = False, skip: int = 0,
    ) -> None:  # fmt: skip
        """Reset the connection instead of answering."""
        self._plan(method, path_pattern, times, skip, after_effect, reset=True)

    def slow(self, method: str, path_pattern: str, seconds: float, times: int = 1) -> None:
        """Answer truly, but late (at once when the stand-in closes)."""
        self._plan(method, path_pattern, times, 0, True, delay=seconds)

    def limit_primary(
        self, method: str = "*", path_pattern: str = "", *, resets_in: int = 1,
        status: int = 403, times: int = 1, skip: int = 0,
    ) -> None:  # fmt: skip
        """The hourly limit is used up and comes back in `resets_in` seconds."""
        reply = faults.primary(status, int(time.time()) + resets_in)
        self._plan(method, path_pattern, times, skip, False, reply=reply)

    def limit_secondary(
        self, method: str = "*", path_pattern: str = "", *, retry_after: int | None = 1,
        status: int = 403, times: int = 1, skip: int = 0, abuse: bool = False,
    ) -> None:  # fmt: skip
        """Too many requests at once; `retry_after=None` leaves the header out."""
        reply = faults.abuse() if abuse else faults.secondary(status, retry_after)
        self._plan(method, path_pattern, times, skip, False, reply=reply)

    def _plan(
        self, method: str, pattern: str, times: int, skip: int, after_effect: bool, *,
        reply: Reply | None = None, reset: bool = False, delay: float = 0.0,
    ) -> None:  # fmt: skip
        compiled = re.compile(pattern)
        self.faults.planned.append(
            Fault(method, compiled, reply, times, after_effect, reset, delay, skip)
        )

    def limits(self) -> dict[str, str]:
        """The headers that every answer has: what is left of the hour."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.limit - self.remaining),
            "X-RateLimit-Reset": str(self.resets_at),
            "X-RateLimit-Resource": "core",
        }

    def count(self) -> None:
        """Take one request off the hourly limit; refuses when none is left."""
        if time.time() >= self.resets_at:
            self.remaining, self.resets_at = self.limit, int(time.time()) + HOUR
        if self.remaining <= 0:
            raise Refused(faults.primary(403, self.resets_at))
        self.remaining -= 1

    def note(self, method: str, path: str, status: int, effect: bool, fault: bool) -> None:
        self.log.append(Entry(method, path, status, effect, fault))


@contextmanager
def standin(
    repository: str = "Fountain/story", *, private: bool = False, owner_type: str = "User"
) -> Iterator[Hub]:
    """A running GitHub with one repository and its workflow images.yml; gone at the end."""
    hub = Hub(repository, private, owner_type)
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.server.end()
        thread.join(5)

"""Storytellers at work: a steady rate of reads and writes through the gateway, with a key.

Requests are due at fixed times, whatever the answers take; nobody asks twice. What counts as failed
is everything that is not the answer that this request must get, so a lost write is a failure, too.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.integration.site_support import WholeSite

CONNECTIONS = 12  # one request at a time each, so a slow answer does not slow the others down
KEPT = 9  # of these keep their connection; the others make one for each request
CALM_S = 4
CALM_LIMIT_S = 120
KEPT_LIMIT_S = 120  # for all that is looked at again
PUNCTUAL = 0.8  # of the requests that were due must have been sent, else it was not that load


@dataclass
class Load:
    """What was asked and what went wrong."""

    per_second: float
    failed: list[str] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)
    written: dict[int, str] = field(default_factory=dict)  # script -> the title it was left with
    seconds: float = 0
    _number: Iterator[int] = field(default_factory=itertools.count)

    @property
    def asked(self) -> int:
        return len(self.times_ms)

    def told(self) -> str:
        times = sorted(self.times_ms) or [0]
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return (
            f"load: {self.asked} requests in {self.seconds:.0f} s ({len(self.written)} scripts "
            f"written), {len(self.failed)} failed, p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        )

    def round(self, number: int, ask: Callable[..., httpx.Response]) -> Iterator[None]:
        """A script's life: written, read, changed, read again, then an old one; one step each.

        No searches: all hosts of a lab share the processors, and a search that the node gives up
        on while something starts elsewhere tells nothing of who takes over from whom."""
        title = f"Load {number}"
        made = ask("POST", "/scripts", 201, json={"title": title, "sections": [{"title": "I"}]})
        script = made.json()["scriptId"]
        self.written[script] = title
        yield
        read = ask("GET", f"/scripts/{script}", 200)
        self.same(read, title)
        yield
        del self.written[script]  # until it is answered for, it may have the one or the other
        ask("PATCH", f"/scripts/{script}", 200, json={"title": f"{title}, revised"})
        self.written[script] = f"{title}, revised"
        yield
        self.same(ask("GET", f"/scripts/{script}", 200), f"{title}, revised")
        yield
        ask("GET", f"/scripts/{min(self.written)}", 200)
        yield

    def same(self, answer: httpx.Response, title: str) -> None:
        if (found := answer.json()["title"]) != title:
            self.failed.append(f"{answer.url.path} says {found!r}, not {title!r}")


class Refused(Exception):
    """Another status than the request must get."""


def _work(
    load: Load, site: WholeSite, due: Iterator[float], ends: threading.Event, keep: bool
) -> None:
    client = site.client(limits=httpx.Limits(max_keepalive_connections=1 if keep else 0))

    def ask(method: str, path: str, wanted: int, **more: object) -> httpx.Response:
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
        if answer.status_code != wanted:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    steps: Iterator[None] = iter(())
    with client:
        while not ends.wait(max(0.0, next(due) - time.monotonic())):
            began = time.monotonic()
            try:
                if next(steps, ends) is ends:
                    steps = load.round(next(load._number), ask)
                    next(steps)
            except (httpx.HTTPError, Refused) as wrong:
                at = time.strftime("%H:%M:%S")
                load.failed.append(f"{at} after {time.monotonic() - began:.1f} s: {wrong!r}")
                steps = iter(())
            load.times_ms.append((time.monotonic() - began) * 1000)


class _Due:
    """The times at which requests are due, each given out once."""

    def __init__(self, per_second: float) -> None:
        self._times = itertools.count(time.monotonic(), 1 / per_second)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[float]:
        return self

    def __next__(self) -> float:
        with self._lock:
            return next(self._times)


@contextmanager
def under_load(site: WholeSite, per_second: float) -> Iterator[Load]:
    """The load while the body runs, once the site bears it. Its figures are printed; whether
    anything may fail is for the test to say."""
    load, ends, due = Load(per_second), threading.Event(), _Due(per_second)
    work = [
        threading.Thread(target=_work, args=(load, site, due, ends, number < KEPT))
        for number in range(CONNECTIONS)
    ]
    began = time.monotonic()
    for thread in work:
        thread.start()
    try:
        _calm(load)
        began = time.monotonic()
        yield load
    finally:
        ends.set()
        load.seconds = time.monotonic() - began
        for thread in work:
            thread.join()
        print(load.told())
        for text in load.failed[:10]:
            print(f"  {text}")
    assert load.asked >= PUNCTUAL * load.seconds * per_second, load.told()


def _calm(load: Load) -> None:
    """Until all that was asked for some seconds was answered, and in time: a Java machine that has
    just started is slow at first. Counting begins anew then."""
    limit = time.monotonic() + CALM_LIMIT_S
    while True:
        load.failed.clear()
        load.times_ms.clear()
        time.sleep(CALM_S)
        if not load.failed and load.asked >= PUNCTUAL * CALM_S * load.per_second:
            break
        assert time.monotonic() < limit, f"not even without any change: {load.failed[:3]}"
    load.times_ms.clear()


def kept(site: WholeSite, load: Load, at_most: int = 40) -> None:
    """What the services said they had written is there. A store that is slow to answer has not
    lost it: hosts that were just changed share this machine's processors. It is asked again."""
    some = list(load.written)[:: max(1, len(load.written) // at_most)]
    limit = time.monotonic() + KEPT_LIMIT_S
    with site.client() as client:
        for script in some:
            while (answer := client.get(f"/scripts/{script}")).status_code == 503:
                assert time.monotonic() < limit, (script, answer.text)
                time.sleep(0.5)
            assert answer.status_code == 200, (script, answer.text)
            assert answer.json()["title"] == load.written[script]

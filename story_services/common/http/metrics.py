"""Numbers for `/metrics`: requests, their time, calls of the store. No label a caller can invent.

Every app has a registry of its own. Routes are counted by their template, unknown addresses
together, methods outside the usual ones together.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
UNKNOWN = "(unknown)"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What one app counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        names = ("route", "method")
        self._requests = Counter(
            "story_requests", "Requests answered.", (*names, "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "story_request_seconds",
            "Time from a request to the end of its answer.",
            names,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._store = Histogram(
            "story_store_seconds",
            "Time of calls of the store, retries included.",
            ("operation", "outcome"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        method = method if method in _METHODS else "OTHER"
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._requests.labels(route, method, str(status))
            self._counters[route, method, status] = counter
        counter.inc()
        timer = self._timers.get((route, method))
        if timer is None:
            timer = self._timers[route, method] = self._seconds.labels(route, method)
        timer.observe(seconds)

    def store_call(self, operation: str, outcome: str, seconds: float) -> None:
        """Count one call of the store: what `Store(on_call=...)` wants."""
        self._store.labels(operation, outcome).observe(seconds)

    def text(self) -> bytes:
        """All numbers in Prometheus's text format."""
        return generate_latest(self.registry)

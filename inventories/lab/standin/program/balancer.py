"""Which target of an upstream gets the next attempt, and which are out for their failures.

Round-robin by weight or least connections, as the service's host names the upstream. Counting
follows lua-resty-healthcheck: a success clears failures and the other way round; failures alone
never bring a target back, only active probes (or a reload) do.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from .declarative import Config
from .message import Entity

DEFAULT_PORT = 8000
_PASSIVE = {
    "healthy": {"http_statuses": [*range(200, 209), 226, *range(300, 309)], "successes": 0},
    "unhealthy": {
        "http_statuses": [429, 500, 503], "http_failures": 0, "tcp_failures": 0, "timeouts": 0,
    },
}  # fmt: skip
_ACTIVE = {
    "type": "http", "timeout": 1, "http_path": "/", "https_verify_certificate": True,
    "headers": {},
    "healthy": {"http_statuses": [200, 302], "successes": 0, "interval": 0},
    "unhealthy": {
        "http_statuses": [429, 404, 500, 501, 502, 503, 504, 505], "http_failures": 0,
        "tcp_failures": 0, "timeouts": 0, "interval": 0,
    },
}  # fmt: skip


def merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Given values over defaults, record by record."""
    result = dict(defaults)
    for key, value in given.items():
        inner = isinstance(value, dict) and isinstance(defaults.get(key), dict)
        result[key] = merged(defaults[key], value) if inner else value
    return result


@dataclass(eq=False)
class Target:
    """An address of an upstream and what is known of its health."""

    host: str
    port: int
    weight: int = 100
    healthy: bool = True
    active: int = 0  # requests on their way
    current: int = 0  # of the smooth weighted round-robin
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str, limit: int) -> None:
        """One more success or failure; at the limit (0: never) the state changes."""
        good = kind == "successes"
        for other in [k for k in self.counts if (k == "successes") is not good]:
            del self.counts[other]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if limit and self.counts[kind] >= limit:
            self.healthy = good
            self.counts.clear()


class Upstream:
    """The targets behind one name."""

    def __init__(self, entity: Entity, targets: list[Entity]) -> None:
        self.entity = entity
        checks = entity.get("healthchecks", {})
        self.passive = merged(_PASSIVE, checks.get("passive", {}))
        self.active = merged(_ACTIVE, checks.get("active", {}))
        self.targets = [_target(t) for t in targets if t.get("weight", 100) > 0]

    def pick(self) -> Target | None:
        """The next target; None when all are out."""
        able = [t for t in self.targets if t.healthy]
        if not able:
            return None
        if self.entity.get("algorithm") == "least-connections":
            return min(able, key=lambda t: (t.active + 1) / t.weight)
        for target in able:
            target.current += target.weight
        best = max(able, key=lambda t: t.current)
        best.current -= sum(t.weight for t in able)
        return best

    def answered(self, target: Target, status: int) -> None:
        """An answer arrived: what its status says of the target."""
        _by_status(target, status, self.passive)

    def failed(self, target: Target, kind: str) -> None:
        """No answer: `tcp_failures` or `timeouts`."""
        target.count(kind, self.passive["unhealthy"][kind])

    def probed(self, target: Target, status: int) -> None:
        _by_status(target, status, self.active)


def _by_status(target: Target, status: int, rules: dict[str, Any]) -> None:
    """A status in neither list counts for nothing."""
    if status in rules["healthy"]["http_statuses"]:
        target.count("successes", rules["healthy"]["successes"])
    elif status in rules["unhealthy"]["http_statuses"]:
        target.count("http_failures", rules["unhealthy"]["http_failures"])


def _target(entity: Entity) -> Target:
    host, _, port = entity["target"].rpartition(":")
    if not port.isdigit():
        host, port = entity["target"], DEFAULT_PORT
    return Target(host.strip("[]"), int(port), entity.get("weight", 100))


def upstreams(config: Config) -> dict[str, Upstream]:
    """By name."""
    of: dict[str, list[Entity]] = {}
    for target in config.of("targets"):
        of.setdefault(target.get("upstream", ""), []).append(target)
    return {e["name"]: Upstream(e, of.get(e["id"], [])) for e in config.of("upstreams")}


def direct(service: Entity) -> Upstream:
    """A service whose host is no upstream's name: one target, resolved when it is used."""
    port = service.get("port", 80)
    return Upstream({"name": service["host"]}, [{"target": f"{service['host']}:{port}"}])


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

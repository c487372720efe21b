"""Health checks that would do harm: counters that freeze, and targets that never come back.

Kong loads all of these; each rule comes from how its balancer behaves without a database, where
only a reload clears a target's state by hand. Pure, stdlib only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .schema_types import Problem

#: kong/db/schema/entities/upstreams.lua: what an absent list means.
DEFAULTS = {
    ("active", "healthy"): (200, 302),
    ("active", "unhealthy"): (429, 404, 500, 501, 502, 503, 504, 505),
    ("passive", "healthy"): (*range(200, 209), 226, *range(300, 309)),
    ("passive", "unhealthy"): (429, 500, 503),
}
#: Answers a probe can always get: from the service, and from what stands before it.
PROBE_ANSWERS = (200, 400, 403, 404, 429, 500, 502, 503, 504)
_COUNTERS = ("tcp_failures", "timeouts", "http_failures")


def problems(path: str, checks: Mapping[str, Any]) -> Iterator[Problem]:
    """Of one upstream's `healthchecks`, whose types are already right."""
    for mode in ("active", "passive"):
        good, bad = (_statuses(checks, mode, state) for state in ("healthy", "unhealthy"))
        if both := sorted(good & bad):
            reason = f"{_list(both)} in both healthy and unhealthy"
            yield Problem(f"{path}.{mode}", reason, "each status in exactly one list", "project")
    probes = {s: _number(checks, "active", s, "interval") for s in ("healthy", "unhealthy")}
    active = any(probes.values()) and _get(checks, "active").get("type") != "tcp"
    known = _statuses(checks, "active", "healthy") | _statuses(checks, "active", "unhealthy")
    if active and (free := [status for status in PROBE_ANSWERS if status not in known]):
        reason = f"{_list(free)} in neither list: such an answer freezes the counters"
        yield Problem(f"{path}.active", reason, "each status in exactly one list", "project")
    for mode in ("active", "passive"):
        falls = any(_number(checks, mode, "unhealthy", name) for name in _COUNTERS)
        rises = probes["healthy"] and _number(checks, "active", "healthy", "successes")
        if falls and not rises:
            reason = "a target that failed would never come back"
            valid = "active.healthy with interval and successes above 0"
            yield Problem(f"{path}.{mode}.unhealthy", reason, valid, "project")


def _get(checks: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    here: Any = checks
    for name in names:
        here = (here or {}).get(name)
    return here or {}


def _number(checks: Mapping[str, Any], mode: str, state: str, name: str) -> float:
    return _get(checks, mode, state).get(name) or 0


def _statuses(checks: Mapping[str, Any], mode: str, state: str) -> set[int]:
    value = _get(checks, mode, state).get("http_statuses")
    return {status for status in (DEFAULTS[mode, state] if value is None else value) if status}


def _list(statuses: list[int]) -> str:
    return ", ".join(str(status) for status in statuses)

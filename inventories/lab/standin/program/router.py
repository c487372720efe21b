"""Pure: which route answers a request, by the rules of Kong's traditional_compatible router.

Order (kong/router/transform.lua): more kinds of match fields, plain hosts, more headers, a regular
expression before a prefix, regex_priority, the longer prefix; the larger id wins a tie.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from .regex import compiled

Entity = dict[str, Any]
_SPLIT = uuid.UUID("7f145bf9-0dce-4f91-98eb-debbce4b9f6b")
FIELDS = ("methods", "hosts", "headers", "paths", "snis")


@dataclass(frozen=True)
class Asked:
    """What of a request the router looks at; the path is normalised, header names lower-case."""

    method: str
    path: str
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    sni: str = ""
    scheme: str = "https"


@dataclass(frozen=True)
class Found:
    """A route and the part of the path that it matched."""

    route: Entity
    matched: str


@dataclass(frozen=True)
class _Rule:
    route: Entity
    id: str
    priority: tuple[int, int, int, int, int, int]
    patterns: tuple[re.Pattern[str], ...]
    prefixes: tuple[str, ...]

    @property
    def order(self) -> tuple[tuple[int, ...], int]:
        return self.priority, uuid.UUID(self.id).int


class Router:
    """All routes of a configuration in the order they are tried."""

    def __init__(self, routes: list[Entity]) -> None:
        rules = [rule for route in routes for rule in _rules(route)]
        self._rules = sorted(rules, key=lambda rule: rule.order, reverse=True)

    def find(self, asked: Asked) -> Found | None:
        """The first rule that matches decides."""
        for rule in self._rules:
            matched = _match(rule, asked)
            if matched is not None:
                return Found(rule.route, matched)
        return None


def _rules(route: Entity) -> list[_Rule]:
    """One for all its regular expressions, one for each length of prefix: they rank apart.

    Kong gives the parts of a route that it splits ids of their own (kong/router/compat.lua).
    """
    paths = route.get("paths") or []
    weight = sum(bool(route.get(name)) for name in FIELDS)
    hosts = route.get("hosts") or []
    plain = int(bool(hosts) and not any("*" in host for host in hosts))
    headers = min(len(route.get("headers") or {}), 255)

    kinds: dict[int, list[str]] = {}  # 0: regular expressions, else the length of the prefixes
    for path in paths:
        kinds.setdefault(0 if path.startswith("~") else len(path), []).append(path)
    rules = []
    for number, (length, group) in enumerate(kinds.items() or [(-1, [])], 1):
        regex = int(length == 0)
        of_regex = int(route.get("regex_priority") or 0) if regex else 0
        name = route["id"] if len(kinds) < 2 else str(uuid.uuid5(_SPLIT, f"{route['id']}#{number}"))
        priority = (weight, plain, headers, regex, of_regex, max(length, 0))
        patterns = tuple(compiled(p) for p in group) if regex else ()
        rules.append(_Rule(route, name, priority, patterns, () if regex else tuple(group)))
    return rules


def _match(rule: _Rule, asked: Asked) -> str | None:
    """What of the path matched; None when the rule does not fit."""
    route = rule.route
    if route.get("methods") and asked.method not in route["methods"]:
        return None
    if route.get("hosts") and not any(_host(h, asked.host) for h in route["hosts"]):
        return None
    if route.get("snis") and asked.scheme == "https" and asked.sni not in route["snis"]:
        return None
    for name, values in (route.get("headers") or {}).items():
        have = {v.lower() for n, v in asked.headers if n == name.lower()}
        if not any(_header(value.lower(), have) for value in values):
            return None
    if not rule.patterns and not rule.prefixes:
        return ""
    for pattern in rule.patterns:
        if found := pattern.match(asked.path):
            return found[0]
    return next((p for p in rule.prefixes if asked.path.startswith(p)), None)


def _host(pattern: str, host: str) -> bool:
    host, pattern = host.lower(), pattern.lower()
    if ":" not in pattern:
        host = host.partition(":")[0]
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    if pattern.endswith("*"):
        return host.startswith(pattern[:-1])
    return host == pattern


def _header(value: str, have: set[str]) -> bool:
    if value.startswith("~*"):
        return any(re.match(value[2:], given) for given in have)
    return value in have

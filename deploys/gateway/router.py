"""Which route of a kong.yml takes a request, by the rules of Kong 3.9's default router.

`match` says what `router_flavor = traditional_compatible` answers (kong/router/transform.lua):
priority by number of match fields, plain host, header count, regex over prefix, regex_priority,
prefix length; a tie goes to the larger route id. Pure, stdlib only, so that it can be copied.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .pattern_rules import to_python
from .request_path import accepted, normalised

#: Kong derives the ids of a route that it splits by path from this namespace.
_SPLIT = uuid.UUID("7f145bf9-0dce-4f91-98eb-debbce4b9f6b")
#: And the id of a route that has a name only from this one.
_NAMED = uuid.uuid5(uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5"), "routes")
FIELDS = ("methods", "hosts", "headers", "paths", "snis", "sources", "destinations")

Headers = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Route:
    """One route as the router sees it: `paths` are all patterns or all prefixes of one length."""

    id: str
    name: str
    service: str
    priority: int
    paths: tuple[str, ...]
    methods: frozenset[str]
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    tests: tuple[Callable[[str], bool], ...] = field(repr=False, compare=False)

    @property
    def rank(self) -> tuple[int, int]:
        return self.priority, uuid.UUID(self.id).int

    def takes(self, path: str, host: str, headers: Headers, sni: str | None) -> bool:
        """Everything but the method, for a path in normal form."""
        return (
            (not self.tests or any(test(path) for test in self.tests))
            and _host(self.raw.get("hosts") or (), host)
            and _headers(self.raw.get("headers") or {}, headers)
            and _sni(self.raw.get("snis") or (), sni)
        )


class Router:
    """All routes of a document, compiled once and kept in the order in which they are tried."""

    def __init__(self, kong: Mapping[str, Any]) -> None:
        self.routes = tuple(sorted(_routes(kong), key=lambda route: route.rank, reverse=True))
        methods = {method for route in self.routes for method in route.methods}
        self._of = {m: [r for r in self.routes if not r.methods or m in r.methods] for m in methods}
        self._of_any = [route for route in self.routes if not route.methods]

    def seen(
        self,
        method: str,
        path: str,
        host: str = "",
        headers: Headers | None = None,
        sni: str | None = None,
    ) -> Iterator[Route]:
        """Every route that would take a request for a path in Kong's normal form, best first."""
        given = headers or {}
        for route in self._of.get(method, self._of_any):
            if route.takes(path, host, given, sni):
                yield route

    def match(
        self,
        method: str,
        target: str,
        host: str = "",
        headers: Headers | None = None,
        sni: str | None = None,
    ) -> Route | None:
        """The route that takes the request, or None (404). `target` is the raw path, with or
        without a query; `sni` is the TLS name, None for plain HTTP."""
        path = normalised(target) if accepted(target) else None
        return None if path is None else next(self.seen(method, path, host, headers, sni), None)


def match(
    kong: Mapping[str, Any],
    method: str,
    path: str,
    host: str = "",
    headers: Headers | None = None,
) -> Route | None:
    """One question to a document; use a `Router` for many."""
    return Router(kong).match(method, path, host, headers)


def priority(route: Mapping[str, Any], paths: Sequence[str]) -> int:
    """Kong's 64-bit priority of a route with these paths (all patterns, or prefixes of one
    length): fields << 61, plain host << 60, headers << 52, pattern << 51, regex_priority << 19,
    prefix length. Bits may overlap, exactly as they do in Kong."""
    used = sum(bool(paths if name == "paths" else route.get(name)) for name in FIELDS)
    hosts = route.get("hosts")
    pattern = bool(paths) and paths[0].startswith("~")
    length = 0 if pattern or not paths else len(paths[0].encode())
    regex_priority = int(route.get("regex_priority") or 0) if pattern else 0
    return (
        used << 61
        | (hosts is not None and not any("*" in host for host in hosts)) << 60
        | min(len(route.get("headers") or {}), 255) << 52
        | pattern << 51
        | regex_priority << 19
        | length & 0x7FFFF
    ) % (1 << 64)


def _routes(kong: Mapping[str, Any]) -> Iterator[Route]:
    """All routes but those of services that are switched off, which Kong does not build."""
    services = kong.get("services") or ()
    off = [service for service in services if service.get("enabled") is False]
    names = {service.get("id"): service.get("name", "") for service in services}
    for service in services:
        for route in () if service in off else service.get("routes") or ():
            yield from _split(route, service.get("name", ""))
    for route in kong.get("routes") or ():
        owner = route.get("service") or ""
        owner = owner.get("id", "") if isinstance(owner, Mapping) else owner
        if not any(owner in (service.get("id"), service.get("name")) for service in off):
            yield from _split(route, names.get(owner, owner))


def _split(route: Mapping[str, Any], service: str) -> Iterator[Route]:
    """Kong's own splitting: one route for all patterns and one for each length of prefix."""
    groups: dict[int, list[str]] = {}
    for path in route.get("paths") or ():
        groups.setdefault(0 if path.startswith("~") else len(path.encode()), []).append(path)
    name = str(route.get("name", ""))
    original = str(route.get("id") or uuid.uuid5(_NAMED, name))
    for index, paths in enumerate(groups.values() or [[]], 1):
        yield Route(
            id=original if len(groups) < 2 else str(uuid.uuid5(_SPLIT, f"{original}#{index}")),
            name=name,
            service=service,
            priority=priority(route, paths),
            paths=tuple(paths),
            methods=frozenset(route.get("methods") or ()),
            raw=route,
            tests=tuple(_test(path) for path in paths),
        )


def _test(path: str) -> Callable[[str], bool]:
    if not path.startswith("~"):
        return lambda asked: asked.startswith(path)
    try:
        pattern = re.compile(to_python(path[1:]))
    except re.error as reason:
        raise ValueError(f"the pattern {path} is none: {reason}; validate the file first") from None
    return lambda asked: pattern.search(asked) is not None


def _host(wanted: Sequence[str], host: str) -> bool:
    name, _, port = host.lower().partition(":")
    for one in wanted:
        plain, _, number = one.lower().partition(":")
        if number and number != port:
            continue
        before = plain.startswith("*") and name.endswith(plain[1:])
        after = plain.endswith("*") and name.startswith(plain[:-1])
        if plain == name or before or after:
            return True
    return not wanted


def _sni(wanted: Sequence[str], sni: str | None) -> bool:
    """Plain HTTP has no name: Kong does not look at `snis` there."""
    return sni is None or _host([name.removesuffix(".") for name in wanted], sni)


def _headers(wanted: Mapping[str, Sequence[str]], given: Headers) -> bool:
    have = {
        name.lower(): [v.lower() for v in ([values] if isinstance(values, str) else values)]
        for name, values in given.items()
    }
    return all(
        any(_value(one.lower(), value) for one in values for value in have.get(name.lower(), ()))
        for name, values in wanted.items()
    )


def _value(wanted: str, value: str) -> bool:
    if wanted.startswith("~*"):
        return re.search(wanted[2:].replace("?<", "?P<"), value) is not None
    return wanted == value

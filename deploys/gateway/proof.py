"""The proof that a kong.yml lets every documented operation through, each to its own route, and
nothing else.

An oracle that knows only the OpenAPI paths says whose an address is; the simulated router says
where it goes. Every sample of every operation, every other method on it, and many addresses
beside it must agree. Pure: no request is made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from .operations import Operation
from .request_path import accepted, normalised
from .router import Route, Router
from .samples import HOSTILE, Samples, samples, variations

METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND",
    "get",
)  # fmt: skip
#: Addresses that services, frameworks and servers like to answer without being asked to.
NEVER = (
    "/", "", "/metrics", "/health", "/healthz", "/ready", "/status", "/docs", "/redoc",
    "/docs/oauth2-redirect", "/openapi.json", "/openapi.yaml", "/admin", "/config", "/favicon.ico",
    "/.env", "/.git/config", "/server-status", "/nginx_status", "/_cluster/health", "/_search",
    "/index.html", "/robots.txt", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/*", "/x",
)  # fmt: skip
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_MOST = 40  # problems told; the rest is counted


def prove(
    operations: Iterable[Operation],
    kong: Mapping[str, Any],
    *,
    reachable: Collection[Operation] | None = None,
) -> list[str]:
    """What is wrong, one sentence each; empty is the proof.

    `operations` are all documented ones, `reachable` those that the policy lets through (default:
    all). The document must be valid (`validate.problems`), or ValueError.
    """
    documented = tuple(operations)
    wanted = documented if reachable is None else tuple(reachable)
    found = list(dict.fromkeys(_Proof(documented, wanted, kong).problems()))
    if len(found) > _MOST:
        found[_MOST:] = [f"and {len(found) - _MOST} more of the same"]
    return found


class _Proof:
    def __init__(
        self,
        documented: tuple[Operation, ...],
        wanted: tuple[Operation, ...],
        kong: Mapping[str, Any],
    ) -> None:
        self.documented, self.router = documented, Router(kong)
        self.wanted = {operation.operation_id: operation for operation in wanted}
        self.hosts = {s.get("name", ""): str(s.get("host", "")) for s in kong.get("services") or ()}
        self.oracle = _Oracle(wanted)

    def problems(self) -> Iterator[str]:
        names = [route.name for route in self.router.routes if not preflight(route)]
        for name in sorted(set(names) - set(self.wanted)):
            yield f"route {name} is of no documented operation that may be reached"
        for name in sorted(set(self.wanted) - set(names)):
            yield f"{self.wanted[name].label} has no route"
        asked: dict[str, Samples] = {}
        for operation in self.documented:
            try:
                asked[operation.operation_id] = samples(operation)
            except ValueError as reason:
                yield str(reason)
        for name in sorted(asked.keys() & self.wanted.keys()):
            yield from self._reached(self.wanted[name], asked[name])
        yield from self._closed(asked)

    def _reached(self, operation: Operation, asked: Samples) -> Iterator[str]:
        for path in asked.promised:
            seen = seen_as(path)
            if seen is None:
                yield f"{operation.label}: nginx refuses {path}"
                continue
            matches = list(self.router.seen(operation.method, seen))
            owner = self.oracle.owner(operation.method, seen)
            if owner is not None and owner is not operation:
                continue  # a literal address of another operation, which comes first
            if not matches:
                yield f"{operation.label}: {operation.method} {path} reaches no route"
            elif matches[0].name != operation.operation_id:
                yield f"{operation.label}: {operation.method} {path} reaches {matches[0].name}"
            elif self._host(matches[0]) != operation.service:
                yield f"{operation.label}: its route leads to {self._host(matches[0]) or 'nobody'}"
            elif len(matches) > 1 and matches[1].priority == matches[0].priority:
                rival = matches[1].name
                yield f"{operation.label}: only its id puts its route before {rival} for {path}"

    def _host(self, route: Route) -> str:
        return self.hosts.get(route.service, "").partition(".")[0]

    def _closed(self, asked: Mapping[str, Samples]) -> Iterator[str]:
        """Wherever an address leads, it must be the owner's route; mostly it has no owner."""
        probes = list(NEVER)
        for one in asked.values():
            probes += [*one.promised, *one.hostile, *variations(one.promised[0])]
        probes += [f"/{bad}" for bad in HOSTILE]
        for path, seen in {path: seen_as(path) for path in probes}.items():
            for method in METHODS if seen else ():
                route = next(self.router.seen(method, str(seen)), None)
                if route is None or (preflight(route) and self.oracle.known(str(seen))):
                    continue
                owner = self.oracle.owner(method, str(seen))
                if owner is None:
                    yield f"{method} {path} reaches {route.name}, and nobody documented it"
                elif owner.operation_id != route.name:
                    yield f"{method} {path} is {owner.operation_id} and reaches {route.name}"


def seen_as(target: str) -> str | None:
    """The path as the router sees it; None when it never gets there."""
    return normalised(target) if accepted(target) else None


def preflight(route: Route) -> bool:
    """Whether a route answers itself and sends nothing on: OPTIONS only, ended by the gateway."""
    ended = any(
        plugin.get("name") == "request-termination"
        and plugin.get("enabled", True)
        and "trigger" not in (plugin.get("config") or {})
        for plugin in route.raw.get("plugins") or ()
    )
    return ended and route.methods == {"OPTIONS"}


class _Oracle:
    """Whose an address is by OpenAPI alone: segment by segment, concrete before templated."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.by_method: dict[str, list[tuple[list[_Segment], Operation]]] = {}
        for operation in operations:
            schemas = operation.path_schemas()
            parts = [_Segment(part, schemas) for part in operation.path[1:].split("/")]
            self.by_method.setdefault(operation.method, []).append((parts, operation))

    def owner(self, method: str, path: str) -> Operation | None:
        """Of a path in normal form."""
        found = []
        given = path[1:].split("/")
        for parts, operation in self.by_method.get(method, ()):
            if len(parts) == len(given) and all(
                p.takes(g) for p, g in zip(parts, given, strict=True)
            ):
                found.append(([part.rank for part in parts], operation))
        return max(found, key=lambda item: item[0])[1] if found else None

    def known(self, path: str) -> bool:
        return any(self.owner(method, path) for method in self.by_method)


class _Segment:
    def __init__(self, part: str, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        names = _PARAMETER.findall(part)
        self.literals = [re.escape(text) for text in _PARAMETER.split(part)[::2]]
        kinds = [_kind(schemas.get(name, {})) for name in names]
        self.rank = 4 if not names else max(rank for rank, _ in kinds)
        between = [*(pattern for _, pattern in kinds), ""]
        pairs = zip(self.literals, between, strict=True)
        self.pattern = re.compile("".join(text + pattern for text, pattern in pairs), re.DOTALL)
        self.literal = None if names else part

    def takes(self, given: str) -> bool:
        if self.literal is not None:
            return unquote(given) == unquote(self.literal) and "%2F" not in given
        return self.pattern.fullmatch(given) is not None


def _kind(schema: Mapping[str, Any]) -> tuple[int, str]:
    """How specific a parameter is, and what it may be; the values themselves are the service's
    to judge, but a number is digits and a choice is one of its values."""
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return 3, "(?:" + "|".join(re.escape(str(value)) for value in values) + ")"
    if schema.get("type") == "integer":
        return 2, "-?[0-9]+"
    if schema.get("type") == "string" and schema.get("format") == "uuid":
        return 2, "[0-9A-Fa-f-]{36}"
    return 1, "[^/]+"

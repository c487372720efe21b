"""Whether new OpenAPI documents keep the promises of those last applied.

`compare` finds every difference that a client can notice and judges it; `gate` is what a run asks:
the breaking ones only. The gateway shows all services as one site, so an operation that moved
from one service to another has not changed. Pure; documents are OpenAPI 3.1 as FastAPI writes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from deploys.gateway.compare_operations import Change, changes
from deploys.gateway.compare_places import Place, step
from deploys.gateway.compare_schemas import Level, Schemas

Document = Mapping[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PARAMETER = re.compile(r"{[^}]*}")


@dataclass(frozen=True, order=True)
class Finding:
    """One difference between the old and the new contract."""

    operation: str  # GET /characters/{characterId}
    pointer: str  # RFC 6901, in the new document, or the old one for what is gone
    what: str
    level: Level
    rule: str
    service: str  # whose document the pointer is about

    @property
    def breaking(self) -> bool:
        return self.level is Level.BREAKING

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "level": self.level.name.lower(), "breaking": self.breaking}

    def __str__(self) -> str:
        return f"{self.operation}: {self.what} ({self.service} #{self.pointer})"


_Key = tuple[str, str]  # method, path without the names of its parameters


@dataclass(frozen=True)
class _Operation:
    service: str
    name: str
    place: Place


def gate(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[Finding]:
    """What would break a client that keeps to the old documents. Empty: nothing, or nothing was
    applied yet. Both are `{service: document}`."""
    return [finding for finding in compare(old, new) if finding.breaking]


def reachable(documents: Mapping[str, Document], names: Collection[str]) -> dict[str, Document]:
    """The documents without operations that have no route (routes are named by operationId).

    Compared like this, an operation that the policy hides counts as gone, and one that nobody
    could reach may change as it likes."""
    return {
        service: {**document, "paths": _reachable(document.get("paths") or {}, names)}
        for service, document in documents.items()
    }


def _reachable(paths: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    kept = {
        path: {
            key: value
            for key, value in item.items()
            if key not in METHODS or value.get("operationId") in names
        }
        for path, item in paths.items()
    }
    return {path: item for path, item in kept.items() if any(key in METHODS for key in item)}


def compare(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[Finding]:
    """Every difference, sorted by operation and place; empty for equal contracts."""
    schemas: dict[tuple[str, str], Schemas] = {}
    found: list[Finding] = []
    for was, now in _pairs(_operations(old), _operations(new)):
        if now is None and was is not None:
            found.append(_finding(was, Change(was.place.pointer, *_GONE)))
        elif was is None and now is not None:
            if old:
                found.append(_finding(now, Change(now.place.pointer, *_NEW)))
        elif was is not None and now is not None:
            if was.service != now.service:
                told = f"is served by {now.service} instead of {was.service}"
                moved = Change(now.place.pointer, "service-changed", told, Level.INFO)
                found.append(_finding(now, moved))
            one = schemas.setdefault((was.service, now.service), Schemas())
            found += (_finding(now, change) for change in changes(was.place, now.place, one))
    return sorted(dict.fromkeys(found))


_GONE = ("operation-removed", "is gone", Level.BREAKING)
_NEW = ("operation-added", "is new", Level.INFO)


def _finding(operation: _Operation, change: Change) -> Finding:
    return Finding(
        operation.name, change.pointer, change.what, change.level, change.rule, operation.service
    )


def _operations(documents: Mapping[str, Document]) -> dict[_Key, dict[str, _Operation]]:
    """What each service has under a method and a path; several may have one (health)."""
    found: dict[_Key, dict[str, _Operation]] = {}
    for service, document in sorted(documents.items()):
        for path, method, place in _in(document):
            one = _Operation(service, f"{method.upper()} {path}", place)
            found.setdefault((method, _PARAMETER.sub("{}", path)), {})[service] = one
    return found


def _pairs(
    before: dict[_Key, dict[str, _Operation]], after: dict[_Key, dict[str, _Operation]]
) -> Iterator[tuple[_Operation | None, _Operation | None]]:
    """Old and new operations that are the same for a client: of one service, else moved."""
    for key in sorted(before.keys() | after.keys()):
        old, new = dict(before.get(key, {})), dict(after.get(key, {}))
        for service in sorted(old.keys() & new.keys()):
            yield old.pop(service), new.pop(service)
        yield from zip_longest(old.values(), new.values())


def _in(document: Document) -> Iterator[tuple[str, str, Place]]:
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if method in item:
                node = {**item[method], "x-path": path}
                node["parameters"] = _all_parameters(item, item[method])
                yield path, method, Place(document, node, f"/paths{step(path)}/{method}")


def _all_parameters(item: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Any]:
    """The operation's own, then those of the path that it does not replace."""
    own = list(operation.get("parameters") or ())
    mine = {(p.get("in"), p.get("name")) for p in own}
    return own + [
        p for p in item.get("parameters") or () if (p.get("in"), p.get("name")) not in mine
    ]

"""The operations that the services document, read from their OpenAPI documents: what the gateway
may let through, and nothing else.

Guarantees: sorted, the same for the same documents in any order; no two operations share a method
and path or an operationId; what a document declares of security is what a gateway key can enforce.
Reads plain dicts; never a file or the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]

#: Methods of a path item in OpenAPI 3.1 that a gateway route can be made of.
METHODS = ("delete", "get", "head", "patch", "post", "put")
#: What a path item may hold besides operations.
_BESIDE = frozenset({"summary", "description", "servers", "parameters", "$ref"})
#: Addresses that every process serves in the same words; one operation, whoever describes it.
SHARED_PATHS = frozenset({"/health"})
#: The only way in that the gateway checks: a key in this header.
KEY_HEADER = "X-API-KEY"


class GatewayError(Exception):
    """The gateway's configuration cannot be made; the message says where, why and what to do."""


@dataclass(frozen=True)
class Parameter:
    """One documented parameter; `schema` is without a `$ref` at its top."""

    name: str
    place: str  # path, query, header or cookie
    required: bool
    schema: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Operation:
    """One documented operation of a service. `service` is the name with hyphens, `method` in upper
    case, `pointer` its place in that service's document (RFC 6901)."""

    service: str
    method: str
    path: str
    operation_id: str
    tags: tuple[str, ...] = ()
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    body_required: bool | None = None  # None: takes no body
    media_types: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    secured: bool = True  # whether its document asks for a key
    pointer: str = ""

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.method} {self.path} ({self.operation_id})"

    def path_schemas(self) -> dict[str, Mapping[str, Any]]:
        """Schema by name of the parameters in the path."""
        return {p.name: p.schema for p in self.parameters if p.place == "path"}


def operations(documents: Mapping[str, Document]) -> tuple[Operation, ...]:
    """Every operation of `{service: document}`, sorted by path and method.

    GatewayError for a method and path, or an operationId, that two services (or one, twice)
    claim; for an operation without an operationId; for security that the gateway cannot enforce.
    """
    found: list[Operation] = []
    shared: dict[tuple[str, str], tuple[Operation, Any]] = {}
    for service in sorted(documents):
        for operation, raw in _of_document(service, documents[service]):
            if operation.path not in SHARED_PATHS:
                found.append(operation)
                continue
            key = (operation.method, operation.path)
            first, same = shared.setdefault(key, (operation, raw))
            if raw != same:
                raise GatewayError(
                    f"{operation.label}: {first.service} and {service} describe it differently; "
                    "an address of every service needs the same words in each"
                )
    found += [operation for operation, _ in shared.values()]
    unambiguous(found)
    return tuple(sorted(found, key=lambda o: (o.path, o.method)))


def unambiguous(found: Iterable[Operation]) -> None:
    """GatewayError when two operations claim the same method and path, or the same id."""
    places: dict[tuple[str, str], Operation] = {}
    ids: dict[str, Operation] = {}
    for operation in found:
        other = places.setdefault((operation.method, operation.path), operation)
        if other is not operation:
            raise GatewayError(
                f"{operation.method} {operation.path} is claimed by {other.service} "
                f"({other.operation_id}) and {operation.service} ({operation.operation_id}); "
                "one of them needs another path"
            )
        other = ids.setdefault(operation.operation_id, operation)
        if other is not operation:
            raise GatewayError(
                f"operationId {operation.operation_id!r} is used by {other.service} "
                f"({other.method} {other.path}) and {operation.service} ({operation.method} "
                f"{operation.path}); route names must differ"
            )


def digest(documents: Mapping[str, Document]) -> str:
    """SHA-256 of the documents' content, whatever the order of their keys."""
    text = json.dumps(documents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_document(service: str, document: Document) -> Iterable[tuple[Operation, Any]]:
    for path, item in document.get("paths", {}).items():
        where = f"{service}: {path}"
        if not path.startswith("/") or "//" in path:
            raise GatewayError(f"{where}: a path starts with one / and has no empty segment")
        for method, raw in item.items():
            if method in _BESIDE or method.startswith("x-"):
                continue
            if method not in METHODS:
                raise GatewayError(
                    f"{where}: method {method!r} has no route; valid: {', '.join(METHODS)}"
                )
            yield _operation(service, document, path, method, raw), raw


def _operation(service: str, document: Document, path: str, method: str, raw: Any) -> Operation:
    if not raw.get("operationId"):
        raise GatewayError(f"{service}: {method.upper()} {path} has no operationId to name a route")
    body = _resolved(document, raw.get("requestBody") or {})
    given = [*document["paths"][path].get("parameters", ()), *raw.get("parameters", ())]
    return Operation(
        service=service,
        method=method.upper(),
        path=path,
        operation_id=raw["operationId"],
        tags=tuple(raw.get("tags", ())),
        summary=raw.get("summary", ""),
        parameters=_parameters(document, given),
        body_required=bool(body.get("required")) if body else None,
        media_types=tuple(sorted(body.get("content", ()))),
        response_headers=_response_headers(document, raw),
        secured=_secured(service, document, method, path, raw),
        pointer=f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}",
    )


def _parameters(document: Document, given: Sequence[Any]) -> tuple[Parameter, ...]:
    """The operation's own parameters win over those of its path item (OpenAPI 3.1, 4.8.9)."""
    found: dict[tuple[str, str], Parameter] = {}
    for raw in given:
        one = _resolved(document, raw)
        schema = _resolved(document, one.get("schema") or {})
        required = bool(one.get("required"))
        found[one["in"], one["name"]] = Parameter(one["name"], one["in"], required, schema)
    return tuple(found[key] for key in sorted(found))


def _response_headers(document: Document, raw: Any) -> tuple[str, ...]:
    names = {
        name
        for response in raw.get("responses", {}).values()
        for name in _resolved(document, response).get("headers", {})
    }
    return tuple(sorted(names))


def _secured(service: str, document: Document, method: str, path: str, raw: Any) -> bool:
    """Whether a key is asked for. Any other scheme would pass unchecked, so it is refused; several
    requirements mean "one of them" (OpenAPI 3.1, 4.8.30), an empty one among them "or nothing"."""
    wanted = raw.get("security", document.get("security", []))
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name in sorted({name for requirement in wanted for name in requirement}):
        scheme = _resolved(document, schemes.get(name, {}))
        kind = (scheme.get("type"), scheme.get("in"), str(scheme.get("name")).upper())
        if kind != ("apiKey", "header", KEY_HEADER):
            raise GatewayError(
                f"{service}: {method.upper()} {path} asks for security scheme {name!r}, which the "
                f"gateway cannot check; valid: apiKey in header {KEY_HEADER}"
            )
    return bool(wanted) and all(wanted)


def _resolved(document: Document, value: Any) -> Any:
    """`value`, or what its `$ref` points at inside the document."""
    seen: set[str] = set()
    while isinstance(value, Mapping) and "$ref" in value:
        reference = str(value["$ref"])
        if not reference.startswith("#/") or reference in seen:
            raise GatewayError(f"reference {reference!r} leads nowhere inside its document")
        seen.add(reference)
        value = document
        for part in reference[2:].split("/"):
            try:
                value = value[part.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise GatewayError(f"reference {reference!r} leads nowhere") from None
    return value

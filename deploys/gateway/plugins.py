"""The Kong plugins that carry out an operation's settings, as plain dicts. Pure.

Guarantees: a key never reaches a service, an open route never passes on who a client says it is,
and every plugin has an id of its own. Only fields that Kong OSS 3.9 has are written; whatever
protects something is written out even where Kong's default would do. No logging plugin is used:
what Kong serialises for them holds all request headers and the query (kong/pdk/log.lua), so a
key sent twice or a comment would end in a log; `access_log` writes the line instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploys.gateway.ids import entity_id
from deploys.gateway.operations import KEY_HEADER, Operation
from deploys.gateway.policy import Settings

Entity = dict[str, Any]

REQUEST_ID_HEADER = "X-Request-Id"
#: What Kong's key-auth tells services of a consumer (kong/constants.lua); a client must not.
CONSUMER_HEADERS = (
    "X-Anonymous-Consumer",
    "X-Consumer-Custom-ID",
    "X-Consumer-ID",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Credential-Username",
)
#: Headers of answers that browsers show to a page besides the harmless ones.
_EXPOSED = (
    "ETag",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Total-Count",
    REQUEST_ID_HEADER,
)
_PREFLIGHT_SECONDS = 600  # browsers ask again after it


def plugin(name: str, scope: tuple[str, ...], config: Entity) -> Entity:
    """One plugin; `scope` tells whose it is: empty for everything, else a route's names."""
    return {"id": entity_id("plugin", name, *scope), "name": name, "config": config}


def everywhere() -> list[Entity]:
    """Plugins of every request, unknown addresses included."""
    correlation = {
        "header_name": REQUEST_ID_HEADER,
        "generator": "uuid",
        "echo_downstream": True,
    }
    numbers = {
        "status_code_metrics": True,
        "latency_metrics": True,
        "bandwidth_metrics": True,
        "upstream_health_metrics": True,
        "per_consumer": False,
    }
    return [plugin("correlation-id", (), correlation), plugin("prometheus", (), numbers)]


def of_route(operation: Operation, settings: Settings, name: str) -> list[Entity]:
    """Plugins of the route `name`, sorted by name."""
    scope = ("route", name)
    keyed = settings.authentication == "key"
    found = [
        plugin("key-auth", scope, _key_auth())
        if keyed
        else plugin(
            "request-transformer",
            scope,
            {"remove": {"headers": sorted([*CONSUMER_HEADERS, KEY_HEADER])}},
        ),
        plugin("rate-limiting", scope, _rate_limit(settings, "consumer" if keyed else "ip")),
        plugin(
            "request-size-limiting",
            scope,
            {
                "allowed_payload_size": settings.max_body_kb,
                "size_unit": "kilobytes",
                "require_content_length": False,
            },
        ),
    ]
    if settings.cors:
        found.append(plugin("cors", scope, cors([operation], settings.cors)))
    if settings.cache_seconds:
        found.append(plugin("proxy-cache", scope, _cache(settings.cache_seconds)))
    return sorted(found, key=lambda each: str(each["name"]))


def of_preflight(
    operations: Iterable[Operation], origins: Iterable[str], name: str
) -> list[Entity]:
    """Plugins of a route that answers browsers' OPTIONS for an address, and sends nothing on: what
    is no preflight passes cors and is ended (cors runs at 2000, request-termination at 2)."""
    scope = ("route", name)
    ended = {"status_code": 405, "message": "OPTIONS is answered to preflight requests only"}
    return [
        plugin("cors", scope, cors(operations, origins)),
        plugin("request-termination", scope, ended),
    ]


def cors(operations: Iterable[Operation], origins: Iterable[str]) -> Entity:
    """The cors plugin's settings for these operations of one address."""
    asked = list(operations)
    sent = {p.name for o in asked for p in o.parameters if p.place == "header"}
    exposed = {header for o in asked for header in o.response_headers}
    return {
        "origins": sorted(set(origins)),
        "methods": sorted({o.method for o in asked}),
        "headers": sorted(sent | {"Content-Type", KEY_HEADER, REQUEST_ID_HEADER}),
        "exposed_headers": sorted(exposed | set(_EXPOSED)),
        "credentials": False,
        "preflight_continue": False,
        "max_age": _PREFLIGHT_SECONDS,
    }


def _key_auth() -> Entity:
    return {
        "key_names": [KEY_HEADER],
        "key_in_header": True,
        "key_in_query": False,
        "key_in_body": False,
        "hide_credentials": True,
        "run_on_preflight": True,
    }


def _rate_limit(settings: Settings, by: str) -> Entity:
    limits = settings.rate_limit.model_dump(exclude_none=True)
    # local: one gateway keeps its own count; the others would need a database or redis.
    return limits | {"limit_by": by, "policy": "local", "fault_tolerant": True}


def _cache(seconds: int) -> Entity:
    """Only whole answers; Kong keys the cache by consumer, address and these headers. The key of
    an entry is told to nobody."""
    return {
        "strategy": "memory",
        "cache_ttl": seconds,
        "cache_control": False,
        "content_type": ["application/json", "application/json; charset=utf-8"],
        "request_method": ["GET"],
        "response_code": [200],
        "response_headers": {"X-Cache-Key": False},
        "vary_headers": ["Accept"],
    }

"""Pure: the entities of Kong's declarative format 3.0 and their fields, as far as they are known.

From kong/db/schema/entities of Kong 3.9. What only Kong has is named as such, so that nobody takes
"the stand-in refuses it" for "Kong refuses it".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .kinds import (
    Check,
    boolean,
    header_conditions,
    host,
    identifier,
    integer,
    mapping,
    method,
    milliseconds,
    name,
    one_of,
    path,
    pem,
    plain_path,
    port,
    positive,
    protocol,
    record,
    refused,
    service_host,
    some,
    status,
    string,
    tags,
    target,
    upstream_name,
    within,
)


@dataclass(frozen=True)
class Entity:
    """Fields of a kind of entity; `refs` point to another kind, `children` are nested below it."""

    fields: dict[str, Check]
    required: tuple[str, ...] = ()
    refs: dict[str, str] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)  # kind -> its field for the parent
    unique: tuple[str, ...] = ()


_ALL: dict[str, Check] = {
    "id": identifier, "tags": tags, "created_at": integer, "updated_at": integer,
}  # fmt: skip
COMMON = {**_ALL, "_comment": string, "_ignore": some(lambda _: None)}
_STATUSES = some(status)
_COUNT = within(0, 255)
_SECONDS = positive
_HEALTHY: dict[str, Check] = {"http_statuses": _STATUSES, "successes": _COUNT}
_UNHEALTHY: dict[str, Check] = {
    "http_statuses": _STATUSES, "http_failures": _COUNT, "tcp_failures": _COUNT, "timeouts": _COUNT,
}  # fmt: skip


def interval(value: object) -> str | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return None if good else "value should be between 0 and 65535"


#: healthchecks.<active|passive>.<field> and, one level deeper, the conditions.
HEALTHCHECKS: dict[str, dict[str, Check | dict[str, Check]]] = {
    "passive": {
        "type": one_of("tcp", "http", "https"), "healthy": _HEALTHY, "unhealthy": _UNHEALTHY,
    },
    "active": {
        "type": one_of("tcp", "http", "https"), "timeout": _SECONDS, "concurrency": integer,
        "http_path": plain_path, "https_sni": string, "https_verify_certificate": boolean,
        "headers": mapping(some(string)), "healthy": {**_HEALTHY, "interval": interval},
        "unhealthy": {**_UNHEALTHY, "interval": interval},
    },
}  # fmt: skip

ENTITIES: dict[str, Entity] = {
    "services": Entity(
        {
            "name": name, "host": service_host, "port": port, "path": plain_path,
            "protocol": protocol,
            "connect_timeout": milliseconds, "write_timeout": milliseconds,
            "read_timeout": milliseconds, "retries": within(0, 32767), "tls_verify": boolean,
            "tls_verify_depth": within(0, 64), "ca_certificates": some(identifier),
            "enabled": boolean,
        },
        required=("host",), refs={"client_certificate": "certificates"},
        children={"routes": "service", "plugins": "service"}, unique=("name",),
    ),
    "routes": Entity(
        {
            "name": name, "protocols": some(protocol, 1), "methods": some(method),
            "hosts": some(host), "headers": header_conditions, "paths": some(path),
            "snis": some(host), "sources": refused("sources"),
            "destinations": refused("destinations"), "regex_priority": integer,
            "path_handling": one_of("v0"), "preserve_host": boolean, "strip_path": boolean,
            "request_buffering": boolean, "response_buffering": boolean,
            "https_redirect_status_code": within(301, 426),
        },
        refs={"service": "services"}, children={"plugins": "route"}, unique=("name",),
    ),
    "upstreams": Entity(
        {
            "name": upstream_name, "algorithm": string, "slots": within(10, 65536),
            "hash_on": one_of("none"), "hash_fallback": one_of("none"), "host_header": host,
            "hash_on_cookie_path": plain_path, "healthchecks": record, "use_srv_name": boolean,
        },
        required=("name",), refs={"client_certificate": "certificates"},
        children={"targets": "upstream"}, unique=("name",),
    ),
    "targets": Entity(
        {"target": target, "weight": within(0, 65535)}, ("target",), {"upstream": "upstreams"},
        unique=("target",),
    ),
    "consumers": Entity(
        {"username": string, "custom_id": string},
        children={
            "keyauth_credentials": "consumer", "acls": "consumer", "plugins": "consumer",
        },
        unique=("username", "custom_id"),
    ),
    "keyauth_credentials": Entity(
        {"key": string, "ttl": integer}, refs={"consumer": "consumers"}, unique=("key",),
    ),
    "acls": Entity({"group": string}, ("group",), {"consumer": "consumers"}),
    "certificates": Entity(
        {
            "cert": pem("certificate"), "key": pem("key"), "cert_alt": pem("certificate"),
            "key_alt": pem("key"),
        },
        ("cert", "key"), children={"snis": "certificate"},
    ),
    "snis": Entity({"name": host}, ("name",), {"certificate": "certificates"}, unique=("name",)),
    "ca_certificates": Entity({"cert": pem("certificate"), "cert_digest": string}, ("cert",)),
    "plugins": Entity(
        {
            "name": string, "instance_name": name, "config": record, "enabled": boolean,
            "protocols": some(one_of("http", "https", "grpc", "grpcs")),
        },
        ("name",), {"service": "services", "route": "routes", "consumer": "consumers"},
        unique=("instance_name",),
    ),
}  # fmt: skip
#: Kinds that Kong OSS also has, and this stand-in does not.
_ONLY_KONG = (
    "vaults keys key_sets basicauth_credentials hmacauth_credentials jwt_secrets oauth2_credentials"
    " filter_chains clustering_data_planes parameters workspaces"
)
ONLY_KONG = frozenset(_ONLY_KONG.split())

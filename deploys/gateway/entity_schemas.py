"""The declarative format 3.0 of Kong OSS 3.9: every entity, its fields, limits and rules.

Follows kong/db/schema/entities/*.lua and kong/db/schema/others/declarative_config.lua of 3.9.
`DOCUMENT` describes a whole file; references between entities are in `references`. Pure, stdlib
only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import schema_text as text
from .plugin_schemas import BUNDLED, CONFIGS, ENTERPRISE, NEEDS_CONFIG, NO_CONSUMER
from .schema_types import Field, Problem, shown, walk

_PROTOCOLS = ("http", "https", "grpc", "grpcs", "tcp", "tls", "udp", "tls_passthrough")
_HASHES = ("none", "consumer", "ip", "header", "cookie", "path", "query_arg", "uri_capture")
_LONG = 2**31 - 2

_ID = Field("string", check=text.uuid)
_NAME = Field("string", check=text.name)
_FLAG = Field("boolean")
_TEXT = Field("string")
_FOREIGN = Field("foreign")
_TAGS = Field("array", items=Field("string", check=text.tag))
_COMMON = {
    "id": _ID, "tags": _TAGS, "created_at": Field("integer"), "updated_at": Field("integer"),
    "_comment": _TEXT, "_ignore": Field("array"),
}  # fmt: skip
_TIMEOUT = Field("integer", low=1, high=_LONG)
_PROTOCOL_LIST = Field("array", least=1, items=Field("string", one_of=_PROTOCOLS))


def _entity(rule: Any = None, /, **fields: Field) -> Field:
    return Field("record", fields={**_COMMON, **fields}, rule=rule)


def _list(entity: Field) -> Field:
    return Field("array", items=entity)


def _service(path: str, service: Mapping[str, Any]) -> Iterator[Problem]:
    url = service.get("url")
    if service.get("host") is None and url is None:
        yield Problem(f"{path}.host", "required field missing", "the name of an upstream")
    protocol = service.get("protocol", "http" if url is None else url.partition(":")[0])
    if protocol not in ("https", "tls"):
        for name in ("client_certificate", "tls_verify", "tls_verify_depth", "ca_certificates"):
            if service.get(name) is not None:
                reason = f"not with protocol {shown(protocol)}"
                yield Problem(f"{path}.{name}", reason, "protocol https")
    if protocol not in ("http", "https") and service.get("path") is not None:
        yield Problem(f"{path}.path", f"not with protocol {shown(protocol)}", "leave it out")
    if service.get("tls_verify") is False:
        reason = "the upstream's certificate is not checked"
        yield Problem(f"{path}.tls_verify", reason, "true", "project")


def _route(path: str, route: Mapping[str, Any]) -> Iterator[Problem]:
    if not any(route.get(name) for name in ("methods", "hosts", "headers", "paths", "snis")):
        yield Problem(path, "it matches nothing", "at least one of methods, hosts, headers, paths")
    for index, one in enumerate(route.get("paths") or ()):
        if one:
            yield from text.route_path(f"{path}.paths[{index}]", one)
    for name in route.get("headers") or ():
        if name.lower() == "host":
            yield Problem(f"{path}.headers.{name}", "host is no header here", "use hosts")
    for name in ("sources", "destinations"):
        if route.get(name) is not None:
            yield Problem(f"{path}.{name}", "not for HTTP", "leave it out", "project")
    for index, one in enumerate(route.get("protocols") or ()):
        if one in _PROTOCOLS and one not in ("http", "https"):
            at = f"{path}.protocols[{index}]"
            yield Problem(at, f"{one} is not served here", "http, https", "project")
    number = route.get("regex_priority") or 0
    if not 0 <= number < 2**32:
        reason = f"{number} reaches into the other bits of the priority"
        yield Problem(f"{path}.regex_priority", reason, "0 to 4294967295", "project")
    if route.get("path_handling") == "v1":
        reason = "v1 is not for router_flavor traditional_compatible"
        yield Problem(f"{path}.path_handling", reason, "v0", "project")


def _plugin(path: str, plugin: Mapping[str, Any]) -> Iterator[Problem]:
    name = plugin.get("name")
    if name is None:
        return
    if name in CONFIGS:
        config = plugin.get("config")
        if config is None and name in NEEDS_CONFIG:
            config = {}
        if config is not None:
            yield from walk(config, CONFIGS[name], f"{path}.config")
        if name in NO_CONSUMER and plugin.get("consumer") is not None:
            reason = f"{name} cannot be set for one consumer"
            yield Problem(f"{path}.consumer", reason, "leave it out")
        return
    usable = f"usable here: {', '.join(sorted(CONFIGS))}"
    if name in ENTERPRISE:
        yield Problem(f"{path}.name", f"{name} is in Kong Enterprise only", usable)
    elif name in BUNDLED:
        reason = f"{name} is in Kong OSS 3.9, but its settings are not checked here"
        yield Problem(f"{path}.name", reason, usable, "project")
    else:
        yield Problem(f"{path}.name", f"{shown(name)} is no plugin of Kong OSS 3.9", usable)


def _consumer(path: str, consumer: Mapping[str, Any]) -> Iterator[Problem]:
    if consumer.get("username") is None and consumer.get("custom_id") is None:
        yield Problem(f"{path}.username", "required field missing", "username or custom_id")


def _key(path: str, credential: Mapping[str, Any]) -> Iterator[Problem]:
    key = credential.get("key")
    if key is None:
        reason = "Kong would make up a key that nobody knows"
        yield Problem(f"{path}.key", reason, "set the key", "project")
    elif key.startswith("{vault://"):
        reason = "keys are not looked up: this text would itself be the key"
        yield Problem(f"{path}.key", reason, "the key itself", "project")


def _upstream(path: str, upstream: Mapping[str, Any]) -> Iterator[Problem]:
    on, fallback = upstream.get("hash_on", "none"), upstream.get("hash_fallback", "none")
    for role, kind in (("hash_on", on), ("hash_fallback", fallback)):
        shared = kind == "cookie"  # both roles use the one cookie
        needed = f"hash_on_{kind}" if shared else f"{role}_{kind}"
        special = kind in ("header", "cookie", "query_arg", "uri_capture")
        if special and upstream.get(needed) is None:
            yield Problem(f"{path}.{needed}", f"required with {role} {kind}", f"set {needed}")
    if fallback != "none" and on in ("none", "cookie"):
        yield Problem(f"{path}.hash_fallback", f"not with hash_on {on}", "none")
    if on == fallback and on in ("consumer", "ip", "path"):
        yield Problem(f"{path}.hash_fallback", "the same as hash_on", "another one, or none")
    if upstream.get("algorithm") not in (None, "consistent-hashing") and on != "none":
        yield Problem(f"{path}.hash_on", f"not with {upstream['algorithm']}", "consistent-hashing")


def _counts(*names: str) -> dict[str, Field]:
    return {name: Field("integer", low=0, high=255) for name in names}


_STATUSES = {"http_statuses": Field("array", items=Field("integer", low=100, high=999))}
_SECONDS = Field("number", low=0, high=65535)
_KINDS = Field("string", one_of=("tcp", "http", "https", "grpc", "grpcs"))
_FAILURES = _counts("tcp_failures", "timeouts", "http_failures")
_PROBE = {"interval": _SECONDS, **_STATUSES}
_ACTIVE = Field("record", fields={
    "type": _KINDS, "timeout": _SECONDS, "concurrency": Field("integer", low=1, high=2**31),
    "http_path": Field("string", check=text.plain_path), "https_verify_certificate": _FLAG,
    "https_sni": Field("string", check=text.sni),
    "headers": Field("map", keys=text.header, items=Field("array", items=_TEXT)),
    "healthy": Field("record", fields={**_PROBE, **_counts("successes")}),
    "unhealthy": Field("record", fields={**_PROBE, **_FAILURES}),
})  # fmt: skip
_PASSIVE = Field("record", fields={
    "type": _KINDS,
    "healthy": Field("record", fields={**_STATUSES, **_counts("successes")}),
    "unhealthy": Field("record", fields={**_STATUSES, **_FAILURES}),
})  # fmt: skip
_HEALTH = Field("record", fields={
    "active": _ACTIVE, "passive": _PASSIVE, "threshold": Field("number", low=0, high=100),
})  # fmt: skip

_CERTIFICATE = Field("string", required=True, check=text.pem("certificate", "CERTIFICATE"))
_PEM_KEY = Field(
    "string", required=True, secret=True,
    check=text.pem("private key", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"),
)  # fmt: skip

PLUGIN = _entity(
    _plugin, name=Field("string", required=True), instance_name=_NAME,
    config=Field("map"), protocols=_PROTOCOL_LIST, enabled=_FLAG,
    service=_FOREIGN, route=_FOREIGN, consumer=_FOREIGN,
)  # fmt: skip
ROUTE = _entity(
    _route, name=_NAME, protocols=_PROTOCOL_LIST, service=_FOREIGN,
    methods=Field("array", items=Field("string", check=text.method)),
    hosts=Field("array", items=Field("string", check=text.route_host)),
    paths=Field("array", items=_TEXT),
    headers=Field("map", keys=text.header, items=Field("array", least=1, items=_TEXT)),
    snis=Field("array", items=Field("string", check=text.sni)),
    sources=Field("array"), destinations=Field("array"),
    https_redirect_status_code=Field("integer", one_of=(426, 301, 302, 307, 308)),
    regex_priority=Field("integer"), strip_path=_FLAG, preserve_host=_FLAG,
    path_handling=Field("string", one_of=("v0", "v1")), request_buffering=_FLAG,
    response_buffering=_FLAG, plugins=_list(PLUGIN),
)  # fmt: skip
SERVICE = _entity(
    _service, name=_NAME, url=_TEXT, host=Field("string", check=text.host),
    port=Field("integer", low=0, high=65535), protocol=Field("string", one_of=_PROTOCOLS),
    path=Field("string", check=text.plain_path), retries=Field("integer", low=0, high=32767),
    connect_timeout=_TIMEOUT, write_timeout=_TIMEOUT, read_timeout=_TIMEOUT,
    client_certificate=_FOREIGN, tls_verify=_FLAG,
    tls_verify_depth=Field("integer", low=0, high=64), ca_certificates=_list(_ID),
    enabled=_FLAG, routes=_list(ROUTE), plugins=_list(PLUGIN),
)  # fmt: skip
TARGET = _entity(
    target=Field("string", required=True, check=text.target),
    weight=Field("integer", low=0, high=65535),
    upstream=_FOREIGN,
)
UPSTREAM = _entity(
    _upstream, name=Field("string", required=True, check=text.host_name),
    algorithm=Field("string", one_of=("consistent-hashing", "least-connections", "round-robin",
                                      "latency")),
    hash_on=Field("string", one_of=_HASHES), hash_fallback=Field("string", one_of=_HASHES),
    hash_on_header=Field("string", check=text.header), hash_on_cookie=_TEXT,
    hash_fallback_header=Field("string", check=text.header),
    hash_on_cookie_path=Field("string", check=text.plain_path), hash_on_query_arg=_TEXT,
    hash_fallback_query_arg=_TEXT, hash_on_uri_capture=_TEXT, hash_fallback_uri_capture=_TEXT,
    slots=Field("integer", low=10, high=65536), healthchecks=_HEALTH,
    host_header=Field("string", check=text.target_or_host), client_certificate=_FOREIGN,
    use_srv_name=_FLAG, targets=_list(TARGET),
)  # fmt: skip
SNI = _entity(name=Field("string", required=True, check=text.sni), certificate=_FOREIGN)
CERTIFICATE = _entity(
    cert=_CERTIFICATE, key=_PEM_KEY, cert_alt=_TEXT, key_alt=Field("string", secret=True),
    snis=_list(SNI),
)  # fmt: skip
CA_CERTIFICATE = _entity(cert=_CERTIFICATE, cert_digest=_TEXT)
KEY = _entity(_key, key=Field("string", secret=True), ttl=Field("integer"), consumer=_FOREIGN)
GROUP = _entity(group=Field("string", required=True), consumer=_FOREIGN)
CONSUMER = _entity(
    _consumer, username=_TEXT, custom_id=_TEXT, keyauth_credentials=_list(KEY),
    acls=_list(GROUP), plugins=_list(PLUGIN),
)  # fmt: skip

ENTITIES = {
    "services": SERVICE, "routes": ROUTE, "upstreams": UPSTREAM, "targets": TARGET,
    "certificates": CERTIFICATE, "snis": SNI, "ca_certificates": CA_CERTIFICATE,
    "consumers": CONSUMER, "keyauth_credentials": KEY, "acls": GROUP, "plugins": PLUGIN,
}  # fmt: skip
#: Entities Kong knows and this project does not use: refused by us, not by Kong.
_UNUSED_NAMES = """vaults keys key_sets filter_chains parameters workspaces basicauth_credentials
    hmacauth_credentials jwt_secrets oauth2_credentials oauth2_tokens
    oauth2_authorization_codes sessions acme_storage"""
UNUSED = frozenset(_UNUSED_NAMES.split())
DOCUMENT = Field("record", fields={
    "_format_version": Field("string", required=True, one_of=("1.1", "2.1", "3.0")),
    "_transform": _FLAG, "_comment": _TEXT, "_ignore": Field("array"),
    **{name: _list(entity) for name, entity in ENTITIES.items()},
})  # fmt: skip

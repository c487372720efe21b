"""The settings of the plugins this project may use, as Kong OSS 3.9 declares them.

Fields, kinds, limits and the rules across fields follow kong/plugins/*/schema.lua of 3.9; the list
of bundled plugins is kong/constants.lua. Plugins of the Enterprise edition are known by name, so
that a file that needs them is refused with the reason. Pure, stdlib only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from . import schema_text as text
from .schema_types import Field, Problem, shown

_BUNDLED_NAMES = """
    jwt acl correlation-id cors oauth2 tcp-log udp-log file-log http-log key-auth hmac-auth
    basic-auth ip-restriction request-transformer response-transformer request-size-limiting
    rate-limiting response-ratelimiting syslog loggly datadog ldap-auth statsd bot-detection
    aws-lambda request-termination prometheus proxy-cache session acme grpc-gateway grpc-web
    pre-function post-function azure-functions zipkin opentelemetry ai-proxy ai-prompt-decorator
    ai-prompt-template ai-prompt-guard ai-request-transformer ai-response-transformer
    standard-webhooks redirect"""
BUNDLED = frozenset(_BUNDLED_NAMES.split())
_ENTERPRISE_NAMES = """
    request-validator oas-validation openid-connect rate-limiting-advanced mtls-auth
    request-transformer-advanced response-transformer-advanced proxy-cache-advanced key-auth-enc
    ldap-auth-advanced graphql-rate-limiting-advanced graphql-proxy-cache-advanced jwt-signer
    canary forward-proxy degraphql exit-transformer kafka-log kafka-upstream mocking opa
    route-by-header route-transformer-advanced statsd-advanced tls-handshake-modifier
    tls-metadata-headers vault-auth websocket-size-limit websocket-validator xml-threat-protection
    json-threat-protection header-cert-auth injection-protection service-protection
    application-registration konnect-application-auth upstream-timeout saml jq
    upstream-oauth"""
ENTERPRISE = frozenset(_ENTERPRISE_NAMES.split())
PERIODS = ("second", "minute", "hour", "day", "month", "year")
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT")

_FLAG = Field("boolean")
_TEXT = Field("string")
_TEXTS = Field("array", items=_TEXT)
_HEADER = Field("string", check=text.header)
_NUMBER = Field("number")
_POSITIVE = Field("number", above=0)
_HEADERS = Field("array", items=_HEADER)
_NETWORKS = Field("array", items=Field("string", check=text.address_or_network))
_LUA = Field("map", items=_TEXT)


def _missing(path: str, name: str, why: str) -> Problem:
    return Problem(f"{path}.{name}", f"required {why}", f"set {name}")


def _has(config: Mapping[str, Any], *names: str) -> bool:
    return any(config.get(name) is not None for name in names)


def _rate(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    if not _has(config, *PERIODS):
        yield Problem(path, "no limit is set", f"at least one of {', '.join(PERIODS)}")
    limits = [(p, config[p]) for p in PERIODS if config.get(p) is not None]
    for (short, less), (long, more) in itertools.pairwise(limits):
        if more < less:
            valid = f"at least the limit for {short} ({less})"
            yield Problem(f"{path}.{long}", f"{more} is lower than the limit for {short}", valid)
    for way, needed in (("header", "header_name"), ("path", "path")):
        if config.get("limit_by") == way and not _has(config, needed):
            yield _missing(path, needed, f"with limit_by {way}")
    if config.get("policy") != "redis" and config.get("sync_rate", -1) != -1:
        yield Problem(f"{path}.sync_rate", "only with the redis policy", "leave it out")
    if config.get("policy") == "redis" and not (config.get("redis") or {}).get("host"):
        yield _missing(path, "redis.host", "with the redis policy")


def _either(*names: str) -> Any:
    def rule(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
        if not _has(config, *names):
            yield Problem(path, f"neither {' nor '.join(names)} is set", "set one of them")

    return rule


def _acl(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _either("allow", "deny")(path, config)
    if _has(config, "allow") and _has(config, "deny"):
        yield Problem(path, "both allow and deny are set", "only one of them")


def _termination(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    if _has(config, "message") and _has(config, "content_type", "body"):
        yield Problem(f"{path}.message", "not with content_type or body", "one or the other")
    if _has(config, "content_type") and not _has(config, "body"):
        yield _missing(path, "body", "with content_type")
    if config.get("echo") and _has(config, "content_type", "body"):
        yield Problem(f"{path}.echo", "not with content_type or body", "one or the other")


def _cache(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Only a dictionary that nginx declares can be used; kong_db_cache always is one."""
    name = (config.get("memory") or {}).get("dictionary_name", "kong_db_cache")
    if name != "kong_db_cache":
        reason = f"{shown(name)} is no shared dictionary of a default Kong"
        yield Problem(f"{path}.memory.dictionary_name", reason, "kong_db_cache")


def _cors_origin(value: str) -> tuple[str, str] | None:
    """`*`, or what Kong takes for a regular expression when it is no plain origin."""
    from .pattern_rules import fault  # an origin is a pattern to Kong

    found = None if value == "*" else fault(value)
    return (found.reason, "an origin like https://example.org, or *") if found else None


def _pairs(headers: bool) -> Field:
    check = text.header_pair if headers else text.pair
    return Field("array", items=Field("string", check=check))


_REMOVED = Field("record", fields={"body": _TEXTS, "headers": _HEADERS, "querystring": _TEXTS})
_CHANGED = {"body": _pairs(False), "headers": _pairs(True), "querystring": _pairs(False)}
_JSON_TYPES = Field("array", items=Field("string", one_of=("boolean", "number", "string")))
_ADDED = {"json": _pairs(False), "json_types": _JSON_TYPES, "headers": _pairs(True)}


def _config(rule: Any = None, /, **fields: Field) -> Field:
    return Field("record", fields=fields, rule=rule)


CONFIGS: dict[str, Field] = {
    "key-auth": _config(
        key_names=_HEADERS, hide_credentials=_FLAG, anonymous=_TEXT, key_in_header=_FLAG,
        key_in_query=_FLAG, key_in_body=_FLAG, run_on_preflight=_FLAG, realm=_TEXT,
    ),
    "acl": _config(
        _acl, allow=_TEXTS, deny=_TEXTS, hide_groups_header=_FLAG,
        always_use_authenticated_groups=_FLAG,
    ),
    "rate-limiting": _config(
        _rate, **dict.fromkeys(PERIODS, _POSITIVE),
        limit_by=Field("string", one_of=("consumer", "credential", "ip", "service", "header",
                                         "path")),
        header_name=_HEADER, path=Field("string", check=text.plain_path),
        policy=Field("string", one_of=("local", "redis")),  # DB-less has no `cluster`
        fault_tolerant=_FLAG, redis=Field("map"), hide_client_headers=_FLAG,
        error_code=_POSITIVE, error_message=_TEXT, sync_rate=_NUMBER,
    ),
    "cors": _config(
        origins=Field("array", items=Field("string", check=_cors_origin)), headers=_TEXTS,
        exposed_headers=_TEXTS, methods=Field("array", items=Field("string", one_of=METHODS)),
        max_age=_NUMBER, credentials=_FLAG, private_network=_FLAG, preflight_continue=_FLAG,
    ),
    "request-size-limiting": _config(
        allowed_payload_size=Field("integer"),
        size_unit=Field("string", one_of=("megabytes", "kilobytes", "bytes")),
        require_content_length=_FLAG,
    ),
    "correlation-id": _config(
        header_name=_TEXT, echo_downstream=_FLAG,
        generator=Field("string", one_of=("uuid", "uuid#counter", "tracker")),
    ),
    "request-transformer": _config(
        http_method=Field("string", check=text.method), remove=_REMOVED,
        rename=Field("record", fields={**_CHANGED, "headers": Field(
            "array", items=Field("string", check=text.renamed_header))}),
        replace=Field("record", fields={**_CHANGED, "uri": _TEXT}),
        add=Field("record", fields=_CHANGED), append=Field("record", fields=_CHANGED),
    ),
    "response-transformer": _config(
        remove=Field("record", fields={"json": _TEXTS, "headers": _TEXTS}),
        rename=Field("record", fields={"json": _pairs(False), "headers": _pairs(True)}),
        replace=Field("record", fields=_ADDED), add=Field("record", fields=_ADDED),
        append=Field("record", fields=_ADDED),
    ),
    "proxy-cache": _config(
        _cache,
        response_code=Field("array", least=1, items=Field("integer", low=100, high=900)),
        request_method=Field("array", items=Field("string", one_of=METHODS[:5])),
        content_type=_TEXTS, cache_ttl=Field("integer", above=0),
        strategy=Field("string", required=True, one_of=("memory",)), cache_control=_FLAG,
        ignore_uri_case=_FLAG, storage_ttl=Field("integer"),
        memory=_config(dictionary_name=_TEXT),
        response_headers=Field("record", fields={
            "age": _FLAG, "X-Cache-Status": _FLAG, "X-Cache-Key": _FLAG}),
        vary_query_params=_TEXTS, vary_headers=_TEXTS,
    ),
    "file-log": _config(
        path=Field("string", required=True, check=text.file_name), reopen=_FLAG,
        custom_fields_by_lua=_LUA,
    ),
    "prometheus": _config(
        per_consumer=_FLAG, status_code_metrics=_FLAG, ai_metrics=_FLAG, latency_metrics=_FLAG,
        bandwidth_metrics=_FLAG, upstream_health_metrics=_FLAG,
    ),
    "request-termination": _config(
        _termination, status_code=Field("integer", low=100, high=599), message=_TEXT,
        content_type=_TEXT, body=_TEXT, echo=_FLAG, trigger=_HEADER,
    ),
    "ip-restriction": _config(
        _either("allow", "deny"), allow=_NETWORKS, deny=_NETWORKS, status=_NUMBER, message=_TEXT,
    ),
}  # fmt: skip
#: Plugins that may not be set for one consumer.
NO_CONSUMER = frozenset(["key-auth", "cors", "acl", "basic-auth", "jwt", "hmac-auth", "oauth2"])
#: Plugins whose configuration has no required field: `config` may be left out.
NEEDS_CONFIG = frozenset(["acl", "rate-limiting", "proxy-cache", "file-log", "ip-restriction"])

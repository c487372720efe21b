"""Pure: the settings of the plugins this stand-in has: names, kinds, defaults, cross-field rules.

From kong/plugins/*/schema.lua of Kong OSS 3.9; `BUNDLED` is everything that version ships, so that
"Kong has it, the stand-in does not" can be told from "no such plugin".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .kinds import (
    Check,
    boolean,
    file_name,
    header_name,
    integer,
    mapping,
    one_of,
    pair,
    positive,
    refused,
    some,
    status,
    string,
    within,
)

_BUNDLED = (
    "jwt acl correlation-id cors oauth2 tcp-log udp-log file-log http-log key-auth hmac-auth "
    "basic-auth ip-restriction request-transformer response-transformer request-size-limiting "
    "rate-limiting response-ratelimiting syslog loggly datadog ldap-auth statsd bot-detection "
    "aws-lambda request-termination prometheus proxy-cache session acme grpc-gateway grpc-web "
    "pre-function post-function azure-functions zipkin opentelemetry ai-proxy ai-prompt-decorator "
    "ai-prompt-template ai-prompt-guard ai-request-transformer ai-response-transformer "
    "standard-webhooks redirect"
)
BUNDLED = frozenset(_BUNDLED.split())
PERIODS = ("second", "minute", "hour", "day", "month", "year")
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT")


@dataclass(frozen=True)
class Settings:
    """Fields of one plugin; nested records as a table of their own."""

    fields: dict[str, Check | dict[str, Check]]
    defaults: dict[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    only_where: frozenset[str] = frozenset({"route", "service", "consumer", "global"})


def _ip(value: Any) -> str | None:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return "invalid ip or cidr range"
    return None


def _lua(value: Any) -> str | None:
    """The two forms that need no Lua: leave a field out, or set a text."""
    good = isinstance(value, str) and re.fullmatch(r"""\s*return (nil|'[^']*'|"[^"]*")\s*""", value)
    return None if good else "this stand-in runs no Lua: only 'return nil' or a text"


_LIMIT = some(string)
_NAMES: dict[str, Check] = {"headers": _LIMIT, "querystring": _LIMIT, "body": refused("body")}
_PAIRS: dict[str, Check] = {**_NAMES, "headers": some(pair), "querystring": some(pair)}
_RESPONSE: dict[str, Check] = {"headers": _LIMIT, "json": refused("json")}
_CHANGED: dict[str, Check] = {**_RESPONSE, "headers": some(pair)}
NO_CONSUMER = frozenset({"route", "service", "global"})
PLUGINS: dict[str, Settings] = {
    "key-auth": Settings(
        {
            "key_names": some(header_name, 1), "hide_credentials": boolean, "anonymous": string,
            "key_in_header": boolean, "key_in_query": boolean,
            "key_in_body": boolean, "run_on_preflight": boolean,
            "realm": string, "identity_realms": refused("identity_realms"),
        },
        {
            "key_names": ["apikey"], "hide_credentials": False, "key_in_header": True,
            "key_in_query": True, "key_in_body": False, "run_on_preflight": True,
        },
        only_where=NO_CONSUMER,
    ),
    "acl": Settings(
        {
            "allow": _LIMIT, "deny": _LIMIT, "hide_groups_header": boolean,
            "include_consumer_groups": refused("consumer groups"),
            "always_use_authenticated_groups": boolean,
        },
        {"hide_groups_header": False}, only_where=NO_CONSUMER,
    ),
    "ip-restriction": Settings(
        {"allow": some(_ip), "deny": some(_ip), "status": status, "message": string},
        {"status": 403, "message": "Your IP address is not allowed"},
    ),
    "rate-limiting": Settings(
        {
            **dict.fromkeys(PERIODS, positive), "policy": one_of("local"),
            "limit_by": one_of("consumer", "credential", "ip", "service", "header", "path"),
            "header_name": string, "path": string, "fault_tolerant": boolean,
            "hide_client_headers": boolean, "error_code": status, "error_message": string,
            "sync_rate": refused("sync_rate"), "redis": refused("redis"),
        },
        {
            "policy": "local", "limit_by": "consumer", "error_code": 429,
            "error_message": "API rate limit exceeded", "hide_client_headers": False,
        },
    ),
    "request-size-limiting": Settings(
        {
            "allowed_payload_size": positive, "require_content_length": boolean,
            "size_unit": one_of("megabytes", "kilobytes", "bytes"),
        },
        {
            "allowed_payload_size": 128, "size_unit": "megabytes",
            "require_content_length": False,
        },
    ),
    "correlation-id": Settings(
        {
            "header_name": string, "generator": one_of("uuid", "uuid#counter", "tracker"),
            "echo_downstream": boolean,
        },
        {
            "header_name": "Kong-Request-ID", "generator": "uuid#counter",
            "echo_downstream": False,
        },
    ),
    "cors": Settings(
        {
            "origins": some(string), "headers": _LIMIT, "exposed_headers": _LIMIT,
            "methods": some(one_of(*METHODS)), "max_age": integer, "credentials": boolean,
            "private_network": boolean, "preflight_continue": boolean,
            "allow_origin_absent": boolean,
        },
        {
            "methods": list(METHODS), "credentials": False, "private_network": False,
            "preflight_continue": False, "allow_origin_absent": True,
        },
        only_where=NO_CONSUMER,
    ),
    "request-transformer": Settings(
        {
            "http_method": string, "remove": _NAMES, "rename": _PAIRS,
            "replace": {**_PAIRS, "uri": refused("uri")}, "add": _PAIRS, "append": _PAIRS,
        },
    ),
    "response-transformer": Settings(
        {
            "remove": _RESPONSE, "rename": _CHANGED, "replace": _CHANGED, "add": _CHANGED,
            "append": _CHANGED,
        },
    ),
    "proxy-cache": Settings(
        {
            "response_code": some(within(100, 900), 1), "content_type": some(string, 1),
            "request_method": some(one_of("HEAD", "GET", "POST", "PATCH", "PUT"), 1),
            "cache_ttl": integer, "storage_ttl": integer, "strategy": one_of("memory"),
            "cache_control": boolean, "ignore_uri_case": boolean, "vary_headers": _LIMIT,
            "vary_query_params": _LIMIT, "memory": {"dictionary_name": string},
            "response_headers": mapping(boolean),
        },
        {
            "response_code": [200, 301, 404], "request_method": ["GET", "HEAD"],
            "content_type": ["text/plain", "application/json"], "cache_ttl": 300,
            "cache_control": False, "ignore_uri_case": False, "response_headers": {},
        },
        required=("strategy",),
    ),
    "prometheus": Settings(
        dict.fromkeys(
            ("per_consumer", "status_code_metrics", "ai_metrics", "latency_metrics",
             "bandwidth_metrics", "upstream_health_metrics"), boolean,
        ),
    ),
    "file-log": Settings(
        {"path": file_name, "reopen": boolean, "custom_fields_by_lua": mapping(_lua)},
        {"reopen": False}, required=("path",),
    ),
    "request-termination": Settings(
        {
            "status_code": within(100, 599), "message": string, "content_type": string,
            "body": string, "echo": refused("echo"), "trigger": string,
        },
        {"status_code": 503},
    ),
}  # fmt: skip


def crossed(name: str, config: dict[str, Any]) -> str | None:
    """Why settings that are each right do not go together; None when they do."""
    if name == "rate-limiting":
        return _limits(config)
    if name in ("acl", "ip-restriction"):
        if not (config.get("allow") or config.get("deny")):
            return "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"
        if name == "acl" and config.get("allow") and config.get("deny"):
            return "only one of these fields must be non-empty: 'config.allow', 'config.deny'"
    if name == "request-termination" and config.get("message"):  # noqa: SIM102 - reads better
        if config.get("body") or config.get("content_type"):
            return "message cannot be used with content_type or body"
    if name == "proxy-cache" and "dictionary_name" not in config.get(
        "memory", {"dictionary_name": ""}
    ):
        return "in 'memory': dictionary_name: required field missing"
    if name == "key-auth" and config.get("key_in_body"):
        return "in 'key_in_body': this stand-in does not read keys from bodies"
    return None


def _limits(config: dict[str, Any]) -> str | None:
    given = [(p, config[p]) for p in PERIODS if config.get(p) is not None]
    if not given:
        return f"at least one of these fields must be non-empty: {', '.join(PERIODS)}"
    for (short, low), (longer, high) in pairwise(given):
        if high < low:
            return f"The limit for {longer}({high}) cannot be lower than the limit for {short}"
    if config.get("limit_by") == "header" and not config.get("header_name"):
        return "in 'header_name': required field missing"
    if config.get("limit_by") == "path" and not config.get("path"):
        return "in 'path': required field missing"
    return None

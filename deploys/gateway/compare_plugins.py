"""What a changed Kong plugin means for a route: who may call it, how often, with how much. Pure.

`None` is a plugin that is not there or not enabled. Weaker is whatever lets more through than
before; a warning is what clients may notice; the rest is information. Defaults are those of Kong
OSS 3.9 (kong/plugins/*/schema.lua), so writing a default out changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How much a change asks for a second look."""

    INFO = 0
    WARNING = 1  # clients may notice
    WEAKER = 2  # lets through what was stopped before

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, order=True)
class Note:
    """One thing that changed, without saying where."""

    severity: Severity
    kind: str
    what: str


Config = Mapping[str, Any]
INFO, WARNING, WEAKER = Severity
_WINDOWS = ("second", "minute", "hour", "day", "month", "year")
_SIZES = {"bytes": 1, "kilobytes": 1000, "megabytes": 1_000_000}
_AUTHENTICATION = {
    "key-auth", "basic-auth", "jwt", "hmac-auth", "ldap-auth", "oauth2", "acl", "ip-restriction"
}  # fmt: skip
#: Plugins that only look on, and those that keep a record.
_LOOKING_ON = {"prometheus", "correlation-id", "datadog", "statsd", "zipkin", "opentelemetry"}
_RECORDS = {"file-log", "http-log", "tcp-log", "udp-log", "syslog", "loggly"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "key-auth": {
        "key_names": ["apikey"], "key_in_header": True, "key_in_query": True,
        "key_in_body": False, "hide_credentials": False, "run_on_preflight": True,
        "anonymous": None,
    },
    "rate-limiting": {"limit_by": "consumer", "policy": "local", "fault_tolerant": True},
    "request-size-limiting": {
        "allowed_payload_size": 128, "size_unit": "megabytes", "require_content_length": False,
    },
    "cors": {
        "origins": ["*"], "headers": [], "exposed_headers": [], "credentials": False,
        "preflight_continue": False, "private_network": False,
    },
}  # fmt: skip


def is_authentication(name: str, config: Config) -> bool:
    """Whether the plugin turns strangers away: with `anonymous` it lets them in."""
    return name in _AUTHENTICATION and not config.get("anonymous")


def notes(name: str, old: Config | None, new: Config | None) -> Iterator[Note]:
    """What the change of the plugin `name` means; nothing for equal ones."""
    before, after = (None if c is None else _full(name, c) for c in (old, new))
    if before == after:
        return
    if before is None or after is None:
        if name == "rate-limiting" or name == "request-size-limiting" or name == "cors":
            yield from _KNOWN[name](before, after)
        else:
            yield _come_or_gone(name, before, after)
        return
    known = list(_KNOWN[name](before, after)) if name in _KNOWN else []
    yield from known
    spoken = _SPOKEN.get(name, set())
    rest = [key for key in sorted(before.keys() | after.keys()) if key not in spoken]
    severity = INFO if name in _LOOKING_ON else WARNING
    for key in rest:
        if before.get(key) != after.get(key):
            what = f"{name} {key}: {_short(before.get(key))} -> {_short(after.get(key))}"
            yield Note(severity, "plugin-changed", what)


def _full(name: str, config: Config) -> dict[str, Any]:
    given = {key: value for key, value in config.items() if value is not None}
    return {**_DEFAULTS.get(name, {}), **given}


def _come_or_gone(name: str, before: Config | None, after: Config | None) -> Note:
    config = before or after or {}
    if name in _AUTHENTICATION:
        kind = "authentication"
        if after is None:
            return Note(WEAKER, f"{kind}-weakened", f"{name} is gone: anyone may call it")
        if not is_authentication(name, config):
            return Note(INFO, f"{kind}-added", f"{name} is new, but lets strangers in")
        return Note(WARNING, f"{kind}-strengthened", f"{name} is new: strangers are turned away")
    if after is not None:
        severity = INFO if name in _LOOKING_ON | _RECORDS else WARNING
        return Note(severity, "plugin-added", f"plugin {name} is new")
    if name in _LOOKING_ON:
        return Note(INFO, "plugin-removed", f"plugin {name} is gone")
    severity = WARNING if name in _RECORDS | {"proxy-cache"} else WEAKER
    return Note(severity, "plugin-removed", f"plugin {name} is gone")


def _key_auth(before: Config, after: Config) -> Iterator[Note]:
    if before["anonymous"] != after["anonymous"]:
        if after["anonymous"]:
            yield Note(WEAKER, "authentication-weakened", "key-auth lets strangers in (anonymous)")
        else:
            what = "key-auth turns strangers away (anonymous is gone)"
            yield Note(WARNING, "authentication-strengthened", what)
    for place in ("header", "query", "body"):
        was, now = before[f"key_in_{place}"], after[f"key_in_{place}"]
        if was != now:
            what = f"keys {'are' if now else 'are no longer'} taken from the {place}"
            # Addresses end in logs and histories, and a key with them.
            severity = WEAKER if now and place == "query" else WARNING
            yield Note(severity, "authentication-changed", what)
    if before["hide_credentials"] != after["hide_credentials"]:
        hides = after["hide_credentials"]
        what = f"services {'no longer ' if hides else ''}see the client's key"
        yield Note(INFO if hides else WEAKER, "authentication-changed", what)
    if before["run_on_preflight"] != after["run_on_preflight"]:
        runs = after["run_on_preflight"]
        what = f"OPTIONS {'needs' if runs else 'passes without'} a key"
        yield Note(WARNING if runs else WEAKER, "authentication-changed", what)


def _rate_limit(before: Config | None, after: Config | None) -> Iterator[Note]:
    for window in _WINDOWS:
        was, now = (before or {}).get(window), (after or {}).get(window)
        if was == now:
            continue
        if now is None:
            what = f"no rate limit per {window} any more (was {was})"
            yield Note(WEAKER, "rate-limit-removed", what)
        elif was is None:
            yield Note(WARNING, "rate-limit-added", f"rate limit {now} per {window} is new")
        else:
            raised = now > was
            kind = "rate-limit-raised" if raised else "rate-limit-lowered"
            what = f"rate limit per {window} {was} -> {now}"
            yield Note(WEAKER if raised else WARNING, kind, what)
    if before and after and before["limit_by"] != after["limit_by"]:
        what = f"rate limit counts by {after['limit_by']} instead of {before['limit_by']}"
        yield Note(WARNING, "rate-limit-changed", what)


def _size_limit(before: Config | None, after: Config | None) -> Iterator[Note]:
    was, now = _bytes(before), _bytes(after)
    if was != now:
        kind, severity = "body-limit-lowered", WARNING
        if now is None or (was is not None and now > was):
            kind, severity = "body-limit-raised", WEAKER
        yield Note(severity, kind, f"largest body {_size(was)} -> {_size(now)}")


def _bytes(config: Config | None) -> int | None:
    if config is None:
        return None
    return int(config["allowed_payload_size"]) * _SIZES.get(config["size_unit"], 1)


def _size(size: int | None) -> str:
    if size is None:
        return "unlimited"
    return f"{size // 1000} kB" if size % 1000 == 0 else f"{size} bytes"


def _cors(before: Config | None, after: Config | None) -> Iterator[Note]:
    was, now = (set(c["origins"]) if c else set() for c in (before, after))
    if more := now - was:
        kind = "cors-widened"
        yield Note(WEAKER, kind, f"browsers may call it from {', '.join(sorted(more))}")
    if less := was - now:
        what = f"browsers may no longer call it from {', '.join(sorted(less))}"
        yield Note(WARNING, "cors-narrowed", what)
    if bool((before or {}).get("credentials")) != bool((after or {}).get("credentials")):
        allowed = bool((after or {}).get("credentials"))
        what = f"browsers {'may' if allowed else 'may no longer'} send cookies along"
        yield Note(WEAKER if allowed else WARNING, "cors-changed", what)


_KNOWN: dict[str, Callable[[Any, Any], Iterator[Note]]] = {
    "key-auth": _key_auth, "rate-limiting": _rate_limit, "request-size-limiting": _size_limit,
    "cors": _cors,
}  # fmt: skip
#: Settings that the functions above speak about.
_SPOKEN = {
    "key-auth": {"anonymous", "key_in_header", "key_in_query", "key_in_body", "hide_credentials",
                 "run_on_preflight"},
    "rate-limiting": {*_WINDOWS, "limit_by"},
    "request-size-limiting": {"allowed_payload_size", "size_unit"},
    "cors": {"origins", "credentials"},
}  # fmt: skip


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."

"""What changed beside the routes: app hosts behind the gateway, consumers and their keys,
certificates. Pure; keys are told apart by the keyed digest that stands in the redacted
configuration, and never shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploys.gateway.compare_plugins import INFO, WARNING, WEAKER, Note

Kong = Mapping[str, Any]
Found = Iterator[tuple[Note, str]]
_UPSTREAM_DEFAULTS = {
    "algorithm": "round-robin", "slots": 10000, "hash_on": "none", "host_header": None,
    "client_certificate": None,
}  # fmt: skip
_SPOKEN = {
    "services", "routes", "plugins", "upstreams", "targets", "consumers", "keyauth_credentials",
    "certificates", "ca_certificates", "_comment", "_format_version", "_transform",
}  # fmt: skip


def entities(old: Kong, new: Kong) -> Found:
    """Every change with the name of what it is about."""
    yield from _upstreams(old, new)
    yield from _consumers(old, new)
    yield from _certificates(old, new)
    for word in sorted((old.keys() | new.keys()) - _SPOKEN):
        if old.get(word) != new.get(word):
            yield Note(WARNING, "other-changed", "changed in a way that has no words yet"), word


def _upstreams(old: Kong, new: Kong) -> Found:
    before, after = _named(old, "upstreams", "name"), _named(new, "upstreams", "name")
    for name in before.keys() - after.keys():
        yield Note(INFO, "upstream-removed", "upstream is gone"), name
    for name in after.keys() - before.keys():
        targets = ", ".join(sorted(_targets(after[name]))) or "no host"
        yield Note(INFO, "upstream-added", f"new upstream: {targets}"), name
    for name in before.keys() & after.keys():
        yield from ((note, name) for note in _upstream(before[name], after[name]))


def _upstream(old: Kong, new: Kong) -> Iterator[Note]:
    before, after = _targets(old), _targets(new)
    for target in sorted(after.keys() - before.keys()):
        yield Note(INFO, "target-added", f"app host {target} is new")
    for target in sorted(before.keys() - after.keys()):
        yield Note(WARNING, "target-removed", f"app host {target} is gone")
    for target in sorted(before.keys() & after.keys()):
        was, now = before[target], after[target]
        if was != now:
            what = f"app host {target} weight {was} -> {now}" + ("" if now else " (drained)")
            yield Note(WARNING if not now else INFO, "target-weight-changed", what)
    if before and not any(after.values()):
        yield Note(WARNING, "upstream-empty", "no app host is left")
    for word, default in _UPSTREAM_DEFAULTS.items():
        first, second = (one.get(word) or default for one in (old, new))
        if first != second:
            what = f"{word.replace('_', ' ')} {first} -> {second}"
            yield Note(INFO, "upstream-changed", what)
    if (old.get("healthchecks") or {}) != (new.get("healthchecks") or {}):
        yield Note(INFO, "healthchecks-changed", "health checks changed")


def _targets(upstream: Kong) -> dict[str, int]:
    return {str(t["target"]): int(t.get("weight", 100)) for t in upstream.get("targets") or ()}


def _consumers(old: Kong, new: Kong) -> Found:
    before, after = _named(old, "consumers", "username"), _named(new, "consumers", "username")
    for name in before.keys() - after.keys():
        what = f"consumer is gone, with {_count(len(_keys(before[name])))}"
        yield Note(WARNING, "consumer-removed", what), name
    for name in after.keys() - before.keys():
        what = f"new consumer with {_count(len(_keys(after[name])))}"
        yield Note(WARNING, "consumer-added", what), name
    for name in before.keys() & after.keys():
        was, now = _keys(before[name]), _keys(after[name])
        for digest in sorted(now - was):
            yield Note(INFO, "key-added", f"key {digest} is new"), name
        for digest in sorted(was - now):
            yield Note(WARNING, "key-removed", f"key {digest} is valid no more"), name
        if (was or now) and not now:
            yield Note(WARNING, "keys-gone", "has no key left"), name
        for word in ("acls", "basicauth_credentials", "jwt_secrets", "plugins", "custom_id"):
            if before[name].get(word) != after[name].get(word):
                yield Note(WARNING, "consumer-changed", f"{word} changed"), name


def _keys(consumer: Kong) -> set[str]:
    """What the keys are known by."""
    found = consumer.get("keyauth_credentials") or ()
    return {_label(key.get("key"), str(key.get("id", ""))[:8]) for key in found}


def _label(value: Any, otherwise: str) -> str:
    """The digest of a redacted secret; of anything else, nothing that could be the secret."""
    text = str(value or "")
    if text.startswith("secret:"):
        return text.removeprefix("secret:")
    return otherwise or "without id"


def _certificates(old: Kong, new: Kong) -> Found:
    for word, called in (("certificates", "client certificate"), ("ca_certificates", "CA")):
        before, after = _named(old, word, "id"), _named(new, word, "id")
        for key in after.keys() - before.keys():
            # Whoever holds a certificate of it can be an app host.
            severity = WEAKER if word == "ca_certificates" else INFO
            yield Note(severity, "certificate-added", f"{called} is new"), key[:8]
        for key in before.keys() - after.keys():
            yield Note(WARNING, "certificate-removed", f"{called} is gone"), key[:8]
        for key in before.keys() & after.keys():
            was, now = before[key], after[key]
            if was.get("cert") != now.get("cert"):
                what = f"{called} {_print(was)} -> {_print(now)}"
                severity = WARNING if word == "ca_certificates" else INFO
                yield Note(severity, "certificate-changed", what), key[:8]
            if _label(was.get("key"), "") != _label(now.get("key"), ""):
                yield Note(INFO, "certificate-key-changed", f"{called} has another key"), key[:8]


def _print(certificate: Kong) -> str:
    """Something short that differs with the certificate: it is no secret."""
    return hashlib.sha256(str(certificate.get("cert", "")).encode()).hexdigest()[:12]


def _named(kong: Kong, word: str, by: str) -> dict[str, Kong]:
    found: Iterable[Kong] = kong.get(word) or ()
    return {str(one.get(by) or one.get("id") or one.get("name")): one for one in found}


def _count(keys: int) -> str:
    return f"{keys} key{'' if keys == 1 else 's'}"

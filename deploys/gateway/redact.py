"""The gateway's configuration without its secrets: what people see, compare and keep. Pure.

Guarantees: no API key and no private key is in the twin; with a digest key (the environment's
record key) a changed secret shows as changed, and nobody without that key can test a guess.
"""

from __future__ import annotations

import copy
import hashlib
import hmac

from deploys.gateway.plugins import Entity

_HEX = 16  # 64 bits: enough to see a change


def redacted(kong: Entity, digest_key: bytes | None = None) -> Entity:
    """A copy with `secret:<digest>` for every secret; `<secret>` without a key to digest with."""
    twin = copy.deepcopy(kong)
    holders = [*twin.get("certificates", ())]
    for consumer in twin.get("consumers", ()):
        holders += consumer.get("keyauth_credentials", ())
    for holder in holders:
        if "key" in holder:
            holder["key"] = _shown(str(holder["key"]), digest_key)
    return twin


def _shown(value: str, digest_key: bytes | None) -> str:
    if digest_key is None:
        return "<secret>"
    return "secret:" + hmac.new(digest_key, value.encode(), hashlib.sha256).hexdigest()[:_HEX]

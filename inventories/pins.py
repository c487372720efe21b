"""Host keys against the pinned ones. Pure; it can say yes or raise an alarm, never accept."""

from __future__ import annotations

import base64
import hashlib

from inventories.errors import KeyAlarm
from inventories.loader import Host
from inventories.remote import HostKeyLine, Instance


def fingerprint(key: str) -> str:
    """SHA256:... of a base64 key, as ssh-keygen -l prints it."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def check_pins(instance: Instance, keys: list[HostKeyLine], pinned: Host | None, env: str) -> None:
    """KeyAlarm when the same instance (same ARN, same birth) shows another key than before.

    Another instance of that name has keys of its own: those are taken from the API anew. An
    algorithm that came or went is no alarm as long as one key is still the same.
    """
    if pinned is None or not pinned.host_keys or not keys:
        return
    if (pinned.arn, pinned.created_at) != (instance.arn, instance.created_at):
        return
    before = {k.algorithm: k.key for k in pinned.host_keys}
    changed = [k for k in keys if before.get(k.algorithm, k.key) != k.key]
    if not changed and any(k.algorithm in before for k in keys):
        return
    shown = "; ".join(
        f"{k.algorithm}: pinned "
        f"{fingerprint(before[k.algorithm]) if k.algorithm in before else 'none'}, "
        f"now {fingerprint(k.key)}"
        for k in changed or keys
    )
    raise KeyAlarm(
        f"ALARM: {instance.name} is the same instance as before (created {instance.created_at}) "
        f"but shows another SSH host key. {shown}. Nothing was accepted and no file was changed",
        "find out who changed it. Only if you did: delete "
        f"inventories/generated/{env}/hosts.json, then provision apply --env {env}",
    )

"""Which of the operator's secrets every host was last given, by fingerprint; never a value.

`note` is called when a run has gone through on a host. A rotation reads it before it takes
something away: what a host does not have yet must not be the only thing that is valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

from deploys.secrets import locked, write_private
from inventories import departed
from inventories.loader import read_pins
from inventories.worlds import World

_FILE = "applied.json"
Notes = dict[str, dict[str, str]]  # host -> item -> fingerprint


def fingerprint(value: bytes) -> str:
    """Short, and of no use without the value, which is random or a certificate."""
    return hashlib.sha256(b"fountainai\0" + value).hexdigest()[:32]


def noted(where: World) -> Notes:
    """Everything noted; empty when there is nothing usable, which delays a rotation at worst."""
    try:
        found = json.loads((where.secrets / _FILE).read_bytes())
        return {str(h): {str(k): str(v) for k, v in items.items()} for h, items in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def note(where: World, host: str, items: Mapping[str, str]) -> None:
    """Remember what a host has now. Hosts that left the inventory are forgotten."""
    with locked(where.secrets):
        before = noted(where)
        known = {host, *read_pins(where)}
        after = {name: old for name, old in before.items() if name in known} | {host: dict(items)}
        if after != before:
            text = json.dumps(after, indent=1, sort_keys=True) + "\n"
            write_private(where.secrets / _FILE, text.encode())


def lagging(where: World, item: str, wanted: str, among: Collection[str]) -> list[str]:
    """Hosts of `among`, roles or names, that were not given this state of the item yet. One that
    has left the site and that nobody needs any more is not waited for."""
    notes = noted(where)
    return sorted(
        host.name
        for host in read_pins(where).values()
        if {host.role, host.name} & set(among)
        and notes.get(host.name, {}).get(item) != wanted
        and not departed.finished(where, host)
    )

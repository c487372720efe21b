"""Which hosts have nothing left to do: noted by a site run, asked before one is destroyed.

One derived file of the environment, without secrets. Only what a run has seen is noted: a host of
another birth under the same name, or one that came back into the site file, is not finished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from inventories.loader import Host, read_pins
from inventories.worlds import World

_FILE = "departed.json"


def finished(where: World, host: Host) -> bool:
    """Whether a run has seen this very host idle after it left the site."""
    found = _read(where).get(host.name)
    return isinstance(found, dict) and found.get("created_at") == host.created_at


def note(where: World, host: Host, at: str) -> None:
    """Remember that the host was idle at this time, UTC."""
    _write(where, {**_read(where), host.name: {"created_at": host.created_at, "at": at}})


def forget(where: World, names: Collection[str]) -> None:
    """These hosts have work again, or are gone."""
    before = _read(where)
    after = {name: item for name, item in before.items() if name not in names}
    if after != before:
        _write(where, after)


def undrained(
    where: World, names: Collection[str], wanted: Collection[str], converged: Collection[str]
) -> list[str]:
    """Sentences about the hosts of `names` that a run has not seen idle yet; only of those that
    it ever converged. `wanted` are the hosts that the site file names."""
    out = []
    for name, host in sorted(read_pins(where).items()):
        if name not in names or name not in converged or finished(where, host):
            continue
        if name in wanted:
            out.append(
                f"{name} is in site.toml: take it out there, so that the others stop using it"
            )
        else:
            out.append(f"{name} may still have requests or data: no run has seen it idle yet")
    return out


def _read(where: World) -> dict[str, Any]:
    try:
        found = json.loads((where.generated / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(where: World, items: Mapping[str, Any]) -> None:
    temp = where.generated / f".{_FILE}.{os.getpid()}"
    temp.write_text(json.dumps(items, indent=2, sort_keys=True) + "\n")
    temp.replace(where.generated / _FILE)

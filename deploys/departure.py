"""A host that leaves, within a run: what the person is told, and what the run waits for.

Nothing is changed on it. It is finished when the whole site's run has made the others stop using
it and has seen it idle; that is noted for the one who destroys it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from pyinfra.context import host

from deploys import leaving
from deploys.observation import Observation, query
from deploys.run import Run
from inventories import departed

Look = Callable[..., Observation]


def gone(run: Run) -> frozenset[str]:
    """The hosts that the site file does not name any more."""
    return leaving.leaving(run.site.hosts, run.inventory.hosts.values())


def leave(entry: str, run: Run, look: Look) -> dict[str, Any]:
    """What to wait for on a host that leaves; nothing on it is changed. Empty when it is idle
    already, or when this run is not the one that makes the others stop using it."""
    me = run.inventory.hosts[host.name]
    staying = [h for h in host.state.inventory if h.name not in gone(run)]
    if entry != "site" or not all(host.state.is_host_in_limit(h) for h in staying):
        text = "leaves: run deploys/site.py for the whole site, so that the others stop using it"
        click.echo(f"[{host.name}] {text}", err=True)
        return {}
    needed = leaving.needed(me.name, me.role)
    seen = look({**query([]), "needed": needed}, settle=not run.dry)
    now = leaving.busy(seen.needed or {"callers": {}})
    if departed.finished(run.world, me) and not now:
        told = leaving.sentence(me.name, me.role, run.world.env)
        click.echo(f"[{host.name}] no changes ({told})", err=True)
        return {}
    text = "the others stop using it, then this waits until nobody does"
    click.echo(
        f"[{host.name}] 1 change\n[{host.name}]   > leaves: {text}" + (f" (now {now})" * bool(now)),
        err=True,
    )
    return needed


def left(run: Run) -> None:
    """It is idle: say so, and remember it for the one who destroys it."""
    me = run.inventory.hosts[host.name]
    departed.note(run.world, me, run.at)
    told = leaving.sentence(me.name, me.role, run.world.env)
    click.echo(f"[{host.name}] {told}", err=True)

"""A run with rollback=yes, on the hosts that have nothing to go back to.

A rollback concerns containers and nothing else. In a run of the whole site every other host stays
exactly as it is, drift included; a run without any host that could go back is refused, with the
command that was meant.
"""

from __future__ import annotations

import click
from pyinfra.context import host

from deploys import departure
from deploys.run import Run, StoppedBeforeChangeError

MEANT = "`make rollback ROLE=app` takes the app hosts back"


def leaves_alone(entry: str, run: Run) -> bool:
    """Whether this host has no part in the rollback that the run is; says so to the person.

    StoppedBeforeChangeError when no host of the run has one."""
    if not run.rollback:
        return False
    away = departure.gone(run)
    able = {h.name for h in run.inventory.by_role("app")} - away
    if host.name in able:
        return False
    if entry != "site" or not any(
        host.state.is_host_in_limit(h) for h in host.state.inventory if h.name in able
    ):
        raise StoppedBeforeChangeError(
            f"{host.name} has no containers that could go back by rollback=yes; {MEANT}. "
            "Nothing was changed"
        )
    click.echo(f"[{host.name}] left as it is: rollback=yes is for app hosts", err=True)
    return True

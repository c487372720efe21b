"""`python -m deploys.gateway.command`: what a converge would change at the gateways, in words, and
whether it breaks their clients. Reads hosts and this machine, changes no host.

Exit codes: 0 nothing differs, 1 failed, 2 changes pending or breaking.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click

from deploys import secrets, stamp
from deploys.gateway.breaking import Finding, compare, reachable
from deploys.gateway.compare_routes import routes
from deploys.gateway.diff import diff
from deploys.gateway.fetch import Applied, FetchError, fetch
from deploys.gateway.reading import parse
from deploys.gateway.render import render
from deploys.gateway.show import Comparison, exit_code, text
from deploys.model import RoleError
from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.loader import Inventory, load_hosts
from inventories.spec import load_site
from inventories.worlds import World, world

_AT_ONCE = 4  # hosts


@dataclass(frozen=True)
class Wanted:
    """What the project would apply: the redacted configuration and the documents."""

    twin: Mapping[str, Any] = field(repr=False)
    documents: Mapping[str, Any] = field(repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="gateway-diff",
        description="Compare the gateways' configuration and documents with the project's. "
        "Exit codes: 0 nothing differs, 1 failed, 2 changes pending or breaking.",
    )
    parser.add_argument("--env", help="production, or a lab's name; default: DEPLOY_ENV")
    parser.add_argument("--json", action="store_true", help="machine-readable result on stdout")
    given = parser.parse_args(arguments)
    try:
        where = world(given.env)
        inventory = load_hosts(where.env)
        if not inventory.by_role("kong"):
            raise ProvisionError(
                f"{where.env!r} has no gateway host",
                "give one the role kong under [[hosts]] in inventories/site.toml",
            )
        wanted = wanted_of(where, inventory)
    except ProvisionError as problem:
        told = f"{problem}. Next: {problem.next_step}" if problem.next_step else str(problem)
        click.echo(f"gateway-diff: {told}", err=True)
        return 1
    except (RoleError, SecretError) as problem:
        click.echo(f"gateway-diff: {problem}", err=True)
        return 1
    found = compared(wanted, inventory)
    if given.json:
        whole = {
            "env": where.env,
            "pending": any(one.is_pending for one in found),
            "breaking": any(one.is_breaking for one in found),
            "hosts": [one.as_json() for one in found],
        }
        click.echo(json.dumps(whole, indent=2))
    else:
        for line in text(found):
            click.echo(line)
    return exit_code(found)


def wanted_of(where: World, inventory: Inventory) -> Wanted:
    """The configuration that a converge of this site would apply, as it would write it.

    ProvisionError, RoleError or SecretError when there can be none."""
    from deploys.gateway_inputs import made  # the services' import takes a second
    from deploys.run import Run

    run = Run(
        world=where, inventory=inventory, site=load_site(where), dry=True, keep=frozenset(),
        rollback=False, allow_breaking=False, who=stamp.who(),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), commit=stamp.commit(),
        record_key=secrets.record_key(where.secrets).reveal(),
    )  # fmt: skip
    it = made(run)
    return Wanted(parse(render(it.twin)), json.loads(json.dumps(it.documents)))


def compared(wanted: Wanted, inventory: Inventory) -> list[Comparison]:
    """Every gateway host, asked side by side."""
    hosts = sorted(host.name for host in inventory.by_role("kong"))
    status = f"provision status --env {inventory.env}"

    def ask(host: str) -> Comparison:
        return comparison(
            host, wanted, lambda: fetch(host, inventory.paths.ssh_config, status=status)
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, hosts))


def comparison(host: str, wanted: Wanted, ask: Callable[[], Applied]) -> Comparison:
    """One host's difference; `ask` gives what it has."""
    try:
        applied = ask()
    except FetchError as problem:
        return Comparison(host, error=str(problem))
    new = applied.twin is None
    notes = list(applied.notes)
    findings: list[Finding] = []
    if applied.documents is not None:
        try:
            findings = compare(
                _seen_by_clients(applied.documents, applied.twin),
                _seen_by_clients(wanted.documents, wanted.twin),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            notes.append("the applied documents have not their form: they were changed by hand")
    return Comparison(
        host,
        is_new=new,
        differences=diff(applied.twin, wanted.twin),
        findings=findings,
        notes=notes,
    )


def _seen_by_clients(
    documents: Mapping[str, Any], twin: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The documents of what has a route; all of them when the routes are not known."""
    try:
        names = routes(twin or {})
    except (AttributeError, KeyError, TypeError, ValueError):  # told with the differences
        return documents
    return reachable(documents, names) if names else documents


if __name__ == "__main__":
    sys.exit(main())

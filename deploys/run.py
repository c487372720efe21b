"""What one pyinfra run knows before it looks at a host: its world, its flags, who runs it.

`begin` is called once by `inventory.py`, in pyinfra's main context; deploys read `current()`. It
fails closed: no inventory, a limit that matches nothing, or a flag that hides failures is one
sentence and exit 1, where pyinfra itself would go on or exit 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Any

import click
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State, StateStage
from pyinfra.context import state

from deploys import secrets, stamp, trust
from deploys.failing import sentence
from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.loader import Inventory, load_hosts
from inventories.spec import SiteSpec, load_site
from inventories.ssh import ssh_data
from inventories.worlds import World, world


class StoppedBeforeChangeError(PyinfraError):
    """An expected refusal: nothing was changed anywhere."""


@dataclass(frozen=True)
class Run:
    world: World
    inventory: Inventory
    site: SiteSpec
    dry: bool  # nothing will be executed: --dry, or --json without -y
    keep: frozenset[str]  # paths to leave as they are on the hosts
    rollback: bool  # containers go back to the image before the site file's
    allow_breaking: bool  # the gateway may get documents that break callers
    who: str
    at: str  # start, UTC
    commit: str
    record_key: bytes  # keys the digests of secrets in the hosts' records


_runs: list[Run] = []


def current() -> Run:
    """The run of this process; refuses when `inventory.py` was not what pyinfra loaded."""
    if not _runs:
        raise StoppedBeforeChangeError(
            "inventory.py was not loaded: run `pyinfra inventory.py deploys/<role>.py` from the "
            "project's root"
        )
    return _runs[0]


def _flags() -> Mapping[str, Any]:
    context = click.get_current_context(silent=True)
    return context.params if context else {}


def _refuse_flags(flags: Mapping[str, Any], inventory: Inventory) -> None:
    for flag, why in (
        ("no_wait", "--no-wait hides failing hosts"),
        ("serial", "--serial runs hosts in random order and past failures"),
    ):
        if flags.get(flag):
            raise StoppedBeforeChangeError(f"{why}; leave it out and run again")
    known = {*inventory.hosts, *inventory.groups(), "all"}
    for limit in (x for given in flags.get("limit") or () for x in given.split(",")):
        if not any(fnmatch(name, limit) for name in known):
            raise StoppedBeforeChangeError(
                f"--limit {limit} matches no host; there are {', '.join(sorted(inventory.hosts))}"
            )


def _said_yes(flags: Mapping[str, Any], name: str) -> bool:
    """`--data NAME=yes`; any other value is a slip."""
    given = [x.split("=", 1)[1] for x in flags.get("data") or () if x.startswith(f"{name}=")]
    if given and set(given) != {"yes"}:
        raise StoppedBeforeChangeError(f"{name}={given[0]} means nothing; use {name}=yes")
    return bool(given)


def _stop_for_failed(failing: State) -> bool:
    reached = failing.current_stage > StateStage.Connect
    names = [failed.name for failed in failing.failed_hosts]
    others = bool(failing.active_hosts)
    raise PyinfraError(sentence(names, world().env, reached=reached, others=others))


def watch_failures(running: State) -> None:
    """Any failed host stops the run, with our sentence for it instead of pyinfra's.

    pyinfra 3.10 asks its hook only while hosts remain (`State.fail_hosts`), so the last one's
    failure, "No hosts remaining!", is put into words where it is raised."""
    running.should_raise_failed_hosts = _stop_for_failed
    fail = running.fail_hosts

    def fail_hosts(failing: Collection[Any], activated_count: int | None = None) -> None:
        try:
            fail(failing, activated_count=activated_count)
        except PyinfraError:
            if not running.active_hosts:
                _stop_for_failed(running)
            raise

    running.fail_hosts = fail_hosts  # type: ignore[method-assign]


def begin() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Load the world that DEPLOY_ENV names; returns pyinfra's groups."""
    flags = _flags()
    try:
        where = world()
        inventory = load_hosts(where.env)
        site = load_site(where)
        trust.pki_for(where, site)  # an authority of the operator's own is there before all others
    except SecretError as problem:
        raise StoppedBeforeChangeError(f"{problem}. Nothing was changed") from None
    except ProvisionError as problem:
        told = f"{problem}. Next: {problem.next_step}" if problem.next_step else str(problem)
        raise StoppedBeforeChangeError(told) from None
    _refuse_flags(flags, inventory)
    keep = [x.split("=", 1)[1] for x in flags.get("data") or () if x.startswith("keep=")]
    # Any failure stops the run, also with a prompt: half a site is not what was asked for.
    watch_failures(state)
    _runs[:] = [
        Run(
            world=where,
            inventory=inventory,
            site=site,
            dry=bool(flags.get("dry") or (flags.get("json_output") and not flags.get("yes"))),
            keep=frozenset(path for given in keep for path in given.split(",")),
            rollback=_said_yes(flags, "rollback"),
            allow_breaking=_said_yes(flags, "allow_breaking"),
            who=stamp.who(),
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            commit=stamp.commit(),
            record_key=secrets.record_key(where.secrets).reveal(),
        )
    ]
    return {
        group: [(h.name, {**ssh_data(h, inventory.paths), "_sudo": True}) for h in hosts]
        for group, hosts in inventory.groups().items()
    }

"""One host from what it is to what its roles say: observe once, plan, show, carry out.

Runs inside pyinfra, once per host. Preparing makes exactly one round trip and changes nothing;
the operations below are the same for every host and in the same order, so that pyinfra's own
output stays the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click
from pyinfra.context import host

from deploys import departure, given, locking, requests, rollback
from deploys.artefacts import ArtefactError
from deploys.catalogue import assumed_machine, roles_for, source_of
from deploys.facts.observed import Observed
from deploys.model import Machine, Role, RoleError
from deploys.observation import Observation, covers, firewall_table, query
from deploys.ops import steps
from deploys.plan import Plan, changes
from deploys.preflight import problems, warnings
from deploys.report import report
from deploys.run import Run, StoppedBeforeChangeError, current
from deploys.secrets import SecretError
from inventories import departed
from inventories.loader import Host


def _look(asked: dict[str, Any], *, settle: bool) -> Observation:
    try:
        raw = host.get_fact(Observed, _stdin=requests.script({**asked, "settle": settle}))
    except EOFError:  # pyinfra asked for a sudo password, and nobody was there to type it
        raw = None
    if not raw:
        raise StoppedBeforeChangeError(
            f"{host.name} did not answer the observation; is python3 installed, and may "
            f"{host.data.get('ssh_user')} use sudo without a password?"
        )
    return Observation.from_json(raw)


Catalogue = Callable[[str, Run, Host, Machine], Sequence[Role]]


def _roles(entry: str, run: Run, machine: Machine, catalogue: Catalogue) -> Sequence[Role]:
    me = run.inventory.hosts[host.name]
    try:
        return catalogue(entry, run, me, machine)
    except (RoleError, SecretError) as problem:
        raise StoppedBeforeChangeError(f"{host.name}: {problem}") from None


def observe(entry: str, run: Run, catalogue: Catalogue) -> tuple[Sequence[Role], Observation]:
    """Roles and observation that fit each other; a second look only when the machine is not what
    the inventory said."""
    asked = query(_roles(entry, run, assumed_machine(run.inventory.hosts[host.name]), catalogue))
    seen = _look(asked, settle=not run.dry)
    roles = _roles(entry, run, seen.machine, catalogue)
    if not covers(asked, query(roles), seen):
        seen = _look(query(roles), settle=not run.dry)
    return roles, seen


def make_plan(entry: str, run: Run, catalogue: Catalogue) -> tuple[Sequence[Role], Plan]:
    """The plan of this host, shown to the person; refuses what must not begin."""
    roles, seen = observe(entry, run, catalogue)
    try:
        plan = changes(
            roles, seen, key=run.record_key, commit=run.commit, keep=run.keep, rollback=run.rollback
        )
    except RoleError as problem:
        raise StoppedBeforeChangeError(f"{host.name}: {problem}") from None
    show_diff = bool(host.state.config.DIFF)
    at = str((seen.applied or {}).get("at", ""))
    click.echo(report(host.name, plan, diff=show_diff, at=at), err=True)
    if seen.holder.strip():
        click.echo(f"[{host.name}] being changed right now by {seen.holder.strip()}", err=True)
    found = problems(roles, seen, time.time())
    for text in warnings(seen):
        click.echo(f"[{host.name}] warning: {text}", err=True)
    if found:
        text = "; ".join(found)
        if not run.dry:
            raise StoppedBeforeChangeError(f"{host.name}: {text}. Nothing was changed")
        click.echo(f"[{host.name}] would stop before the first change: {text}", err=True)
    return roles, plan


def fetched(run: Run, plan: Plan) -> dict[str, str]:
    """Checked archives this host has to be sent, by sha256; nothing is fetched for a dry run."""
    if run.dry:
        return {}
    try:
        return {
            c.payload["sha256"]: str(source_of(c.payload))
            for c in plan.step("artefacts")
            if not c.payload["staged"]
        }
    except ArtefactError as problem:
        raise StoppedBeforeChangeError(f"{host.name}: {problem}. Nothing was changed") from None


def converge(entry: str, catalogue: Catalogue = roles_for) -> None:
    """Plan this host under `entry` and queue the operations that carry the plan out.

    `catalogue` says which roles a host has; an entry of your own may bring its own."""
    run = current()
    if host.name not in run.inventory.hosts:
        raise StoppedBeforeChangeError(f"{host.name} is not in the inventory of {run.world.env}")
    if rollback.leaves_alone(entry, run):
        return
    needed: dict[str, Any] = {}
    if catalogue is roles_for and host.name in departure.gone(run):
        needed = departure.leave(entry, run, _look)
        if not needed:
            return
    elif not stay(entry, run, catalogue):
        return
    # What all hosts have here keeps a host that leaves behind those that have to stop using it.
    steps.carry_out(label="gateways", changes=[], name="Gateways are done")
    if needed:
        then = partial(departure.left, run)
        steps.idle(needed=needed, then=then, name="Wait until nobody needs a host that leaves")


def stay(entry: str, run: Run, catalogue: Catalogue) -> bool:
    """`converge` of a host that the site file names; whether there is anything to do."""
    given_now = _given(run)
    roles, plan = make_plan(entry, run, catalogue)
    if not run.dry:
        departed.forget(run.world, {host.name})
    if plan.empty:  # pyinfra inspects the whole stack for every operation, 13 ms each
        if not run.dry:
            _note(run, roles, given_now)
        return False
    archives = fetched(run, plan)
    locking.want(host, f"{run.who}, deploys/{entry}.py since {run.at}")
    opening = requests.begin(plan, run.who, run.at)
    closing = requests.finish(plan, run.who, run.at, run.commit, firewall_table(roles))
    steps.take_locks(name="Lock the hosts that change")
    steps.request(wanted=opening, name="Open the record")
    install(plan, archives)
    # Whoever is asked comes before whoever asks; a stage that fails keeps the next ones as they
    # are. pyinfra lets hosts with different operations go on side by side: what all of them have
    # between the stages is what keeps these apart.
    role = run.inventory.hosts[host.name].role
    if role == "opensearch":
        activate(run, plan, closing)
    steps.carry_out(label="search hosts", changes=[], name="Search hosts are done")
    if role == "app":
        activate(run, plan, closing)
    steps.carry_out(label="app hosts", changes=[], name="App hosts are done")
    if role == "kong":
        activate(run, plan, closing)
    steps.note(what=lambda: _note(run, roles, given_now), name="Remember what was given")
    return True


def _given(run: Run) -> Mapping[str, str]:
    """Fingerprints of the secrets that this host is about to have."""
    try:
        return given.snapshot(run.world, run.site, run.inventory.hosts[host.name])
    except SecretError as problem:
        raise StoppedBeforeChangeError(f"{host.name}: {problem}. Nothing was changed") from None


def _note(run: Run, roles: Sequence[Role], items: Mapping[str, str]) -> None:
    """The host has them now, if all its roles were part of the run: a rotation goes by that."""
    me = run.inventory.hosts[host.name]
    if me.role in {role.name for role in roles}:
        given.note(run.world, run.site, me, items)


def install(plan: Plan, archives: dict[str, str]) -> None:
    """What changes nothing that runs; on all hosts at once."""
    step = plan.step
    steps.carry_out(label="packages", changes=step("packages"), name="Install packages")
    steps.carry_out(label="accounts", changes=step("accounts"), name="Make users and groups")
    steps.carry_out(label="directories", changes=step("directories"), name="Make directories")
    steps.artefacts(
        changes=step("artefacts"), archives=archives, name="Upload and unpack artefacts"
    )


def activate(run: Run, plan: Plan, closing: dict[str, Any]) -> None:
    """Configuration and what runs by it, until it is healthy; then the record."""
    step = plan.step
    steps.carry_out(label="files", changes=step("files"), name="Write files")
    steps.carry_out(label="links", changes=step("links"), name="Switch links")
    steps.carry_out(label="sysctls", changes=step("sysctls"), name="Set kernel parameters")
    steps.firewall(changes=step("firewall"), name="Load the firewall")
    steps.carry_out(label="units", changes=step("units"), name="Start and restart units")
    for name in sorted(h.name for h in run.inventory.by_role("opensearch")):
        # One node of the cluster at a time, in order; each is a barrier for all hosts.
        mine = step("rolling") if name == host.name else []
        steps.carry_out(label="rolling", changes=mine, name=f"Restart cluster units of {name}")
    if away := step("drain"):
        steps.drain(changes=away, name="Move data off hosts that leave")
    steps.carry_out(label="containers", changes=step("containers"), name="Replace containers")
    steps.carry_out(
        label="gateway", changes=step("gateway"), name="Apply the gateway's configuration"
    )
    steps.request(wanted=closing, name="Close the record")

"""What each `provision` command does, apart from its command line. Returns the exit code.

Every command reads the site file before the first call, holds the environment's lock while it
changes anything, and raises `ProvisionError` for what it cannot do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from deploys import applied
from inventories import departed
from inventories.asking import confirm
from inventories.errors import PlanRefused, ProvisionError, SpecError
from inventories.execute import Executor
from inventories.generated import host_entry, leaving_entry, remove_files, write_files
from inventories.lightsail import Lightsail, connect
from inventories.limits import Limits, limits
from inventories.loader import Host, read_pins
from inventories.ownership import Owner
from inventories.plan import Plan, make_plan, usd_of
from inventories.plan_destroy import make_destroy
from inventories.plan_json import plan_json, status_json
from inventories.plan_text import billed_lines, plan_lines, status_lines
from inventories.progress import Progress
from inventories.ready import wait_host_keys, wait_ssh
from inventories.remote import HostKeyLine, Instance, Remote
from inventories.spec import SiteSpec, load_site
from inventories.sshkey import read_key
from inventories.waits import wait_operations, wait_state
from inventories.worlds import World

DONE, PENDING = 0, 2
#: Networks that documentation uses for examples: nobody's own address (RFC 5737).
_EXAMPLES = tuple(IPv4Network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))


@dataclass(frozen=True)
class Session:
    """One command on one environment."""

    where: World
    spec: SiteSpec
    owner: Owner
    limits: Limits
    client: Lightsail
    progress: Progress

    @property
    def api(self) -> str:
        """The API's address when it is not AWS's own."""
        own = os.environ.get("AWS_ENDPOINT_URL_LIGHTSAIL") or os.environ.get("AWS_ENDPOINT_URL")
        return self.where.endpoint_url or own or ""

    def remote(self) -> Remote:
        return self.client.remote(self.owner.tags)

    def plan(self, remote: Remote) -> Plan:
        key = read_key(self.where.secrets / "ssh" / "id_rsa")
        return make_plan(self.spec, self.owner, remote, key)


def open_session(where: World, progress: Progress, *, buying: bool) -> Session:
    """Read and check everything local; no call is made. `buying` refuses example addresses."""
    spec = load_site(where)
    if buying and not where.is_lab:
        _refuse_examples(spec)
    bounds = limits(is_lab=where.is_lab)
    owner = Owner(spec.site.name, where.env)
    client = connect(where, spec.site.region, bounds)
    return Session(where, spec, owner, bounds, client, progress)


def plan(session: Session, *, as_json: bool) -> int:
    """Show what apply would do. 2 when there is something to do."""
    found = session.plan(session.remote())
    if as_json:
        session.progress.raw(json.dumps(plan_json(found, session.spec, session.owner), indent=2))
    else:
        session.progress.show(plan_lines(found, session.spec, session.owner, session.api))
    return PENDING if found.steps else DONE


def apply(session: Session, *, yes: bool, as_json: bool) -> int:
    """Make what the plan says, wait until every host can be used, write the derived files."""
    found = session.plan(session.remote())
    if not as_json:
        session.progress.show(plan_lines(found, session.spec, session.owner, session.api))
    if found.steps:
        confirm("Type yes to do this", yes)
    names = {h.name for h in session.spec.hosts}
    _executor(session).run(found.steps, names)
    hosts = _ready(session)
    written = write_files(session.where, session.spec, hosts)
    if as_json:
        out = {"env": session.owner.env, "steps": len(found.steps), "usd_month": found.usd}
        session.progress.raw(json.dumps(out | {"hosts": [h.name for h in hosts]}, indent=2))
    else:
        files = "written" if written else "already as it should be"
        session.progress.show(
            ["", f"Hosts ready: {len(hosts)}; {session.where.generated} is {files}."]
            + [f"  {h.name:<12} {h.role:<11} {h.user}@{h.address} port {h.port}" for h in hosts]
        )
    return DONE


def status(session: Session, *, as_json: bool) -> int:
    """Show what exists, from the API alone."""
    remote = session.remote()
    if as_json:
        session.progress.raw(json.dumps(status_json(session.spec, session.owner, remote), indent=2))
    else:
        session.progress.show(status_lines(session.spec, session.owner, remote))
    return DONE


def destroy(session: Session, only: frozenset[str], *, yes: bool, undrained: bool = False) -> int:
    """Delete what is ours, or only the named hosts. Needs no local state.

    Hosts by name are refused while others still use them, unless `undrained` says so."""
    found = make_destroy(session.owner, session.remote(), only)
    if not undrained:
        _refuse_undrained(session, only)
    show = session.progress.show
    if not found.steps:
        show(["Nothing of ours exists, nothing is billed."])
        remove_files(session.where)
        return DONE
    show([f"Destroy in {session.owner.env}:", "", *(f"  {s}" for s in found.steps)])
    show([f"! {note}" for note in found.notes])
    word = session.owner.env
    confirm(f"Data on these hosts is lost. Type {word} to do this", yes, word=word)
    _executor(session).destroy(found.steps)
    remote = session.remote()
    if only:
        _rewrite(session, remote)
    else:
        remove_files(session.where)
    show(["", "Destroyed; this no longer costs anything.", *billed_lines(session.owner, remote)])
    return DONE


def _refuse_undrained(session: Session, only: frozenset[str]) -> None:
    """As far as this machine knows: what was never converged has nothing to lose."""
    wanted = {h.name for h in session.spec.hosts}
    converged = applied.noted(session.where)
    if reasons := departed.undrained(session.where, only, wanted, converged):
        env = session.owner.env
        raise PlanRefused(
            "; ".join(reasons),
            f"DEPLOY_ENV={env} pyinfra inventory.py deploys/site.py -y, then provision destroy "
            f"{' '.join(sorted(only))} --env {env}; a host that is broken for good goes at once "
            "with --undrained",
        )


def start(session: Session, name: str) -> int:
    """Start one host and wait until it can be used; its public address may be another one."""
    instance = _ours(session, name)
    if instance not in ("running", "pending"):
        if instance == "stopping":
            wait_state(session.client, name, "stopped", session.limits)
        wait_operations(session.client, session.client.start(name), session.limits)
    _executor(session).run((), {name})
    hosts = _ready(session, {name})
    write_files(session.where, session.spec, hosts)
    address = next(h.address for h in hosts if h.name == name)
    session.progress.show([f"{name} runs at {address}."])
    return DONE


def stop(session: Session, name: str) -> int:
    """Stop one host. It is billed in full until it is destroyed."""
    if _ours(session, name) not in ("stopped", "stopping"):
        wait_operations(session.client, session.client.stop(name), session.limits)
    with session.progress.waiting(f"Waiting until {name} is stopped"):
        found = wait_state(session.client, name, "stopped", session.limits)
    remote = session.remote()
    _rewrite(session, remote)
    session.progress.show(
        [
            f"{name} is stopped. It still costs ${usd_of(found, remote):.2f} a month; only "
            f"provision destroy {name} ends that. Its public address is another one after start, "
            "unless it has a static IP."
        ]
    )
    return DONE


def _executor(session: Session) -> Executor:
    return Executor(session.client, session.where, session.owner, session.limits, session.progress)


def _ours(session: Session, name: str) -> str:
    """The state of a host of ours."""
    instances = {i.name: i for i in session.owner.mine(session.client.instances())}
    if name not in instances:
        raise ProvisionError(
            f"{name}: no host of ours has that name (ours: {', '.join(instances) or 'none'})",
            f"provision status --env {session.owner.env}",
        )
    return instances[name].state


def _ready(session: Session, check: set[str] | None = None) -> list[Host]:
    """All wanted hosts that exist, with pinned keys; those in `check` (default all) answer SSH."""
    pins = read_pins(session.where)
    tables = {h.name: h for h in session.spec.hosts}
    ours = session.owner.mine(session.client.instances())
    instances = [i for i in ours if i.name in tables]
    gone = _leaving(session, ours)
    up = [i for i in instances if i.state == "running"]
    with session.progress.waiting("Reading the SSH host keys from the API"):
        keys = wait_host_keys(session.client, up, pins, session.owner.env, session.limits)
    hosts = []
    for instance in instances:
        pin = pins.get(instance.name)
        old = [HostKeyLine(k.algorithm, k.key) for k in pin.host_keys] if pin else []
        found = keys.get(instance.name, old)
        hosts.append(host_entry(session.where, tables[instance.name], instance, found))
    with session.progress.waiting("Waiting until SSH answers"):
        wait_ssh([h for h in hosts if h.name in (check or tables) and h.address], session.limits)
    return sorted([*hosts, *gone], key=lambda host: host.name)


def _leaving(session: Session, ours: Iterable[Instance]) -> list[Host]:
    """Hosts that the site file does not name any more, as they were known, until they are
    destroyed: a site run has to reach them, so that nothing is lost with them."""
    pins, named = read_pins(session.where), {h.name for h in session.spec.hosts}
    return [
        leaving_entry(session.where, pins[i.name], i)
        for i in ours
        if i.name not in named and i.name in pins and pins[i.name].created_at == i.created_at
    ]


def _rewrite(session: Session, remote: Remote) -> None:
    """Bring the derived files up to date without touching keys that are pinned."""
    pins = read_pins(session.where)
    tables = {h.name: h for h in session.spec.hosts}
    hosts = [
        host_entry(
            session.where,
            tables[i.name],
            i,
            [HostKeyLine(k.algorithm, k.key) for k in pins[i.name].host_keys],
        )
        for i in session.owner.instances(remote)
        if i.name in tables and i.name in pins and pins[i.name].created_at == i.created_at
    ]
    hosts += _leaving(session, session.owner.instances(remote))
    if hosts:
        write_files(session.where, session.spec, sorted(hosts, key=lambda host: host.name))
    else:
        remove_files(session.where)


def _refuse_examples(spec: SiteSpec) -> None:
    """The example address of site.toml would lock the operator out of real hosts."""
    for network in spec.site.operator_networks:
        if any(network.subnet_of(example) for example in _EXAMPLES):
            raise SpecError(
                f"inventories/site.toml: site.operator_networks: {network} is an example of "
                "documentation, nobody's own address",
                "put your public address there, for example with curl https://checkip.amazonaws.com",
            )

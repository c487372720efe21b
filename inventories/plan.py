"""Spec and remote state in, the list of steps out. Pure: no clock, no network, no files.

A plan applied to its own result is empty, does not depend on the order things are listed in, and
never names a resource that is not ours. Ours is what carries both tags, or a static IP whose name
only this module makes. What exists and does not fit is refused, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from inventories import instructions as do
from inventories.errors import PlanRefused
from inventories.ownership import Owner
from inventories.remote import ANYWHERE, UNATTACHED_IP_USD, Bundle, Instance, PortRule, Remote
from inventories.resolve import find_blueprint, find_bundle, find_existing
from inventories.spec import HostTable, SiteSpec


@dataclass(frozen=True)
class HostPlan:
    """One wanted host: what it is, or will be, sold as."""

    host: HostTable
    bundle: Bundle
    exists: Instance | None


@dataclass(frozen=True)
class Plan:
    """What apply would do, in order."""

    steps: tuple[do.Instruction, ...]
    hosts: tuple[HostPlan, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        """Price of all wanted hosts, USD a month."""
        return sum(h.bundle.usd for h in self.hosts)


@dataclass(frozen=True)
class LocalKey:
    """The operator's SSH key, as its fingerprints in every form the API is known to use."""

    fingerprints: frozenset[str]


def make_plan(spec: SiteSpec, owner: Owner, remote: Remote, local_key: LocalKey | None) -> Plan:
    """The steps from `remote` to `spec`; PlanRefused with every reason that forbids them."""
    problems: list[str] = []
    zone = spec.site.region + spec.site.zone
    if remote.zones and zone not in remote.zones:
        problems.append(f"zone {zone} does not exist; there are {', '.join(sorted(remote.zones))}")
    blueprint = find_blueprint(spec.site.blueprint, remote, problems)
    hosts: list[HostPlan] = []
    for table in sorted(spec.hosts, key=lambda h: h.name):
        bundle = find_bundle(table, blueprint, remote, problems)
        exists = find_existing(table, spec, owner, remote, problems)
        if bundle is not None:
            now = remote.bundle(exists.bundle_id) if exists else None
            hosts.append(HostPlan(table, now or bundle, exists))
    key_steps = _key_steps(owner, remote, local_key, problems)
    ip_steps = [s for h in hosts for s in _ip_steps(h, owner, remote, problems)]
    if problems:
        raise PlanRefused("\n".join(problems), "change site.toml or what is named here, then again")
    key = owner.key_name
    creates = [
        do.CreateInstance(
            h.host.name,
            zone,
            spec.site.blueprint,
            h.bundle.id,
            key,
            _tags(owner, h.host),
            h.bundle.usd,
        )
        for h in hosts
        if h.exists is None
    ]
    starts = [
        do.StartInstance(h.host.name)
        for h in hosts
        if h.exists and h.exists.state in ("stopped", "stopping")
    ]
    ports = [
        do.PutPorts(h.host.name, wanted)
        for h in hosts
        for wanted in [tuple(sorted(wanted_ports(h.host, spec)))]
        if h.exists is None or h.exists.open_ports != set(wanted)
    ]
    tags = [
        do.TagResource(h.host.name, missing)
        for h in hosts
        if h.exists and (missing := _missing(_tags(owner, h.host), h.exists.tags))
    ]
    steps = (*key_steps, *creates, *starts, *ports, *ip_steps, *tags)
    return Plan(steps, tuple(hosts), tuple(_notes(spec, owner, remote)))


def wanted_ports(host: HostTable, spec: SiteSpec) -> frozenset[PortRule]:
    """The complete public firewall of a host: 22 for operators, 443 on gateways, nothing else."""
    operators = tuple(sorted(map(str, spec.site.operator_networks)))
    rules = {PortRule(22, 22, "tcp", operators)}
    if host.role == "kong":
        rules.add(PortRule(443, 443, "tcp", (ANYWHERE,)))
    return frozenset(rules)


def _tags(owner: Owner, host: HostTable) -> do.Tags:
    return tuple(sorted((*owner.tags, ("role", host.role))))


def _missing(wanted: do.Tags, have: do.Tags) -> do.Tags:
    return tuple(t for t in wanted if t not in have)


def _key_steps(
    owner: Owner, remote: Remote, local: LocalKey | None, problems: list[str]
) -> list[do.Instruction]:
    name = owner.key_name
    have = remote.key_pair(name)
    hosts = owner.instances(remote)
    if local is None and hosts:
        problems.append(
            f"the private key of {', '.join(i.name for i in hosts)} is not on this machine: "
            "copy .secrets/<env>/ssh/id_rsa from where it was made, or provision destroy"
        )
        return []
    fresh: list[do.Instruction] = [do.ImportKey(name), do.TagResource(name, owner.tags)]
    if have is None:
        if remote.instance(name) or remote.static_ip(name):
            problems.append(f"{name}: another kind of resource has the key pair's name")
        return fresh
    matches = local is not None and have.fingerprint in local.fingerprints
    if not matches and not owner.owns(have.tags):
        problems.append(
            f"key pair {name} exists and is not ours; delete it "
            f"(aws lightsail delete-key-pair --key-pair-name {name}) or rename the site"
        )
        return []
    if not matches and not hosts:
        return [do.DeleteKey(name), *fresh]
    missing = _missing(owner.tags, have.tags)
    return [do.TagResource(name, missing)] if missing else []


def _ip_steps(
    plan: HostPlan, owner: Owner, remote: Remote, problems: list[str]
) -> list[do.Instruction]:
    host, name = plan.host.name, owner.ip_name(plan.host.name)
    have = remote.static_ip(name)
    if have is None and (remote.instance(name) or remote.key_pair(name)):
        problems.append(f"{name}: another kind of resource has the static IP's name")
        return []
    if have is not None and have not in owner.static_ips(remote):
        problems.append(f"static IP {name} is attached to {have.attached_to}, which is not ours")
        return []
    here = [s for s in remote.static_ips if s.attached_to == host]
    if plan.host.wants_static_ip:
        if here:
            return []
        steps: list[do.Instruction] = [] if have else [do.AllocateIp(name, host)]
        if have and have.attached_to:
            steps.append(do.DetachIp(name))
        return [*steps, do.AttachIp(name, host)]
    if have is None:
        return []
    detach: list[do.Instruction] = [do.DetachIp(name)] if have.attached_to else []
    return [*detach, do.ReleaseIp(name)]


def usd_of(instance: Instance, remote: Remote) -> float:
    """Price of an instance, USD a month; 0 for a bundle the API no longer lists."""
    bundle = remote.bundle(instance.bundle_id)
    return bundle.usd if bundle else 0.0


def _notes(spec: SiteSpec, owner: Owner, remote: Remote) -> list[str]:
    wanted = {h.name for h in spec.hosts}
    notes = [
        f"{i.name} is ours, {i.state}, no longer in site.toml and still costs "
        f"${usd_of(i, remote):.2f} a month: converge the site, so that nobody uses it, then "
        f"provision destroy {i.name}"
        for i in owner.instances(remote)
        if i.name not in wanted
    ]
    known = {owner.ip_name(name) for name in wanted}
    notes += [
        f"static IP {s.name} is ours, attached to nothing, and costs "
        f"${UNATTACHED_IP_USD:.2f} a month: provision destroy releases it"
        for s in owner.static_ips(remote)
        if s.name not in known and not s.attached_to
    ]
    return notes

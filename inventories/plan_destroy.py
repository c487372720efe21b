"""What `provision destroy` would do, from tags and names alone: no local state is needed. Pure."""

from __future__ import annotations

from inventories import instructions as do
from inventories.errors import PlanRefused
from inventories.ownership import Owner
from inventories.plan import Plan, usd_of
from inventories.remote import UNATTACHED_IP_USD, Remote


def make_destroy(owner: Owner, remote: Remote, only: frozenset[str] = frozenset()) -> Plan:
    """The steps that end every cost of ours, or of the hosts in `only`. Works from tags alone.

    PlanRefused when `only` names something that is not ours."""
    ours = owner.instances(remote)
    ips = owner.static_ips(remote)
    if only:
        known = {i.name for i in ours} | {n for n in only if remote.static_ip(owner.ip_name(n))}
        strangers = sorted(only - known)
        if strangers:
            raise PlanRefused(
                f"{', '.join(strangers)}: no host of ours has that name "
                f"(ours: {', '.join(i.name for i in ours) or 'none'})",
                f"provision status --env {owner.env}",
            )
        ours = [i for i in ours if i.name in only]
        wanted = {owner.ip_name(name) for name in only}
        ips = [s for s in ips if s.name in wanted]
    steps: list[do.Instruction] = [do.DeleteInstance(i.name, usd_of(i, remote)) for i in ours]
    steps += [do.ReleaseIp(s.name) for s in ips]
    key = remote.key_pair(owner.key_name)
    if key is not None and owner.owns(key.tags) and not only:
        steps.append(do.DeleteKey(key.name))
    attached = {s.attached_to: s.name for s in remote.static_ips if s not in ips}
    notes = [
        f"static IP {attached[i.name]} of {i.name} was not made here: it stays and will cost "
        f"${UNATTACHED_IP_USD:.2f} a month"
        for i in ours
        if i.name in attached
    ]
    return Plan(tuple(steps), (), tuple(notes))

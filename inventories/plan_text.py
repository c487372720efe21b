"""The exact text that `provision plan` and `status` show. Pure: values in, lines out."""

from __future__ import annotations

from deploys.heap import (
    NATIVE_C1_MB,
    NATIVE_C2_MB,
    OS_MB,
    expected_memory_mb,
)
from inventories.ownership import Owner
from inventories.plan import HostPlan, Plan
from inventories.remote import UNATTACHED_IP_USD, Remote
from inventories.spec import HostTable, SiteSpec

#: Measured, MiB: a whole app host at its peak, while a new image takes over from the old one.
APP_PEAK_MB = 320
KONG_MB = 180  # one worker


def plan_lines(plan: Plan, spec: SiteSpec, owner: Owner, api: str = "") -> list[str]:
    """The whole plan: steps, memory, cost, notes."""
    where = f"{spec.site.region}{spec.site.zone}"
    head = f"Plan for {owner.env}: site {owner.site} in {where}" + (f", API {api}" if api else "")
    lines = [head, ""]
    if plan.steps:
        lines += [f"  {step}" for step in plan.steps]
    else:
        lines.append("  nothing to do: everything is as site.toml says")
    lines += ["", "Memory in MiB, as sold and about usable; the host's own figure decides later"]
    lines += [memory_line(h.host, spec) for h in plan.hosts]
    lines += ["", "Cost in USD a month, before tax; billed by the hour, stopped hosts as well"]
    lines += [_cost_line(h) for h in plan.hosts]
    lines.append(f"  {'total':<12} {'':<11} {'':<8} {plan.usd:8.2f}")
    if plan.notes:
        lines += ["", *(f"! {note}" for note in plan.notes)]
    return lines


def memory_line(host: HostTable, spec: SiteSpec) -> str:
    """What the host's memory is meant for."""
    usable = expected_memory_mb(host.memory_mb)
    line = f"  {host.name:<12} {host.memory_mb:>6} {usable:>6}: "
    if host.role == "app":
        line += f"OS, Docker and services {APP_PEAK_MB} at most"
        return f"{line}, cache {usable - APP_PEAK_MB}"
    if host.role == "kong":
        return f"{line}OS {OS_MB}, Kong {KONG_MB}, cache {usable - OS_MB - KONG_MB}"
    heap = spec.heap(host)
    native = NATIVE_C1_MB if heap.c1_only else NATIVE_C2_MB
    line += f"OS {OS_MB}, OpenSearch {native} + heap {heap.heap_mb}"
    free = usable - OS_MB - native - heap.heap_mb
    line += f", cache {free}" if free >= 0 else f", {-free} in swap"
    return line + (f" ({heap.warning})" if heap.warning else "")


def status_lines(spec: SiteSpec, owner: Owner, remote: Remote) -> list[str]:
    """What exists and what it costs, and which wanted hosts do not exist."""
    lines = [f"{owner.env}: site {owner.site} in {spec.site.region}"]
    ours = owner.instances(remote)
    wanted = {h.name: h for h in spec.hosts}
    for instance in ours:
        bundle = remote.bundle(instance.bundle_id)
        role = wanted[instance.name].role if instance.name in wanted else "not in site.toml"
        address = instance.public_address or "no address"
        lines.append(
            f"  {instance.name:<12} {role:<11} {instance.bundle_id:<12} {instance.state:<9} "
            f"{address:<15} {bundle.usd if bundle else 0:7.2f}"
        )
    missing = sorted(wanted.keys() - {i.name for i in ours})
    lines += [f"! {name} does not exist yet" for name in missing]
    return lines + billed_lines(owner, remote)


def billed_lines(owner: Owner, remote: Remote) -> list[str]:
    """What costs money now, in USD a month; one line when nothing does."""
    usd = 0.0
    parts = []
    for instance in owner.instances(remote):
        bundle = remote.bundle(instance.bundle_id)
        price = bundle.usd if bundle else 0.0
        usd += price
        parts.append(f"{instance.name} ({instance.state}) ${price:.2f}")
    for ip in owner.static_ips(remote):
        if not ip.attached_to:
            usd += UNATTACHED_IP_USD
            parts.append(f"static IP {ip.name} (attached to nothing) ${UNATTACHED_IP_USD:.2f}")
    if not parts:
        return ["Nothing of ours exists, nothing is billed."]
    return [f"Exists and is billed now: {', '.join(parts)}: ${usd:.2f} a month."]


def _cost_line(plan: HostPlan) -> str:
    host = plan.host
    return f"  {host.name:<12} {host.role:<11} {host.size:<8} {plan.bundle.usd:8.2f}"

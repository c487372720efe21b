"""Names of a site file against what exists: blueprints, bundles, instances. Pure.

Each function returns what fits, or adds its reason to `problems` and returns None, so that a plan
can refuse with every reason at once.
"""

from __future__ import annotations

from inventories.ownership import Owner
from inventories.remote import Blueprint, Bundle, Instance, Remote
from inventories.spec import HostTable, SiteSpec

#: States an instance passes through on its way to running; any other one is refused.
LIVE_STATES = ("pending", "running", "starting", "stopping", "stopped", "rebooting")


def find_blueprint(wanted: str, remote: Remote, problems: list[str]) -> Blueprint | None:
    usable = [b for b in remote.blueprints if b.active and b.linux_os]
    found = next((b for b in usable if b.id == wanted), None)
    if found is None:
        valid = ", ".join(sorted(b.id for b in usable))
        problems.append(f"blueprint {wanted} is not on offer; valid: {valid}")
    return found


def find_bundle(
    host: HostTable, blueprint: Blueprint | None, remote: Remote, problems: list[str]
) -> Bundle | None:
    """The bundle on sale for a size: ids differ by region, so memory and kind decide."""
    usable = [b for b in remote.bundles if b.active and b.plain_linux]
    found = [b for b in usable if b.memory_mb == host.memory_mb and b.size in ("", host.size)]
    if not found:
        valid = ", ".join(b.size or b.id for b in sorted(usable, key=lambda b: b.usd))
        problems.append(f"{host.name}: size {host.size} is not sold in this region; valid: {valid}")
        return None
    best = min(found, key=lambda b: (b.usd, b.id))
    if blueprint is not None and blueprint.min_power > best.power:
        problems.append(f"{host.name}: {blueprint.id} needs a larger size than {host.size}")
    return best


def find_existing(
    host: HostTable, spec: SiteSpec, owner: Owner, remote: Remote, problems: list[str]
) -> Instance | None:
    """The instance of that name if it is ours and fits; every reason against it is a problem."""
    name = host.name
    found = remote.instance(name)
    if found is None:
        if remote.static_ip(name) or remote.key_pair(name):
            problems.append(f"{name}: another kind of resource has this name; rename the host")
        return None
    if not owner.owns(found.tags):
        tags = ", ".join(f"{k}={v}" for k, v in sorted(found.tags)) or "no tags"
        problems.append(
            f"{name}: an instance of that name exists and is not ours ({tags}; ours carry "
            f"{', '.join(f'{k}={v}' for k, v in owner.tags)}); it is left alone. Rename the host"
        )
        return None
    bundle = remote.bundle(found.bundle_id)
    if bundle is None or bundle.memory_mb != host.memory_mb:
        was = (bundle.size or bundle.id) if bundle else found.bundle_id
        problems.append(
            f"{name}: exists as {was}, site.toml says {host.size}; a size cannot be changed in "
            f"place. Set it back, or back up, provision destroy {name}, and apply"
        )
    if found.blueprint_id != spec.site.blueprint:
        problems.append(
            f"{name}: exists with {found.blueprint_id}, site.toml says {spec.site.blueprint}; "
            f"set it back, or back up, provision destroy {name}, and apply"
        )
    if found.state not in LIVE_STATES:
        problems.append(f"{name}: is {found.state}; wait until it is gone, then again")
    return found

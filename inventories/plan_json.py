"""Plans and states for programs, as `--json` prints them. Pure; keys are only ever added."""

from __future__ import annotations

from inventories.ownership import Owner
from inventories.plan import Plan, usd_of
from inventories.plan_text import billed_lines
from inventories.remote import Remote
from inventories.spec import SiteSpec


def plan_json(found: Plan, spec: SiteSpec, owner: Owner) -> dict[str, object]:
    """What apply would do: `pending`, `steps` in order, `hosts`, `usd_month`, `notes`."""
    return {
        "env": owner.env,
        "site": owner.site,
        "region": spec.site.region,
        "pending": bool(found.steps),
        "steps": [{"step": type(s).__name__, "name": s.name, "text": str(s)} for s in found.steps],
        "hosts": [
            {"name": h.host.name, "role": h.host.role, "size": h.host.size, "usd": h.bundle.usd}
            for h in found.hosts
        ],
        "usd_month": found.usd,
        "notes": list(found.notes),
    }


def status_json(spec: SiteSpec, owner: Owner, remote: Remote) -> dict[str, object]:
    """What exists: `hosts` with state and price, `missing`, `billed` in words."""
    ours = owner.instances(remote)
    wanted = {h.name for h in spec.hosts}
    return {
        "env": owner.env,
        "site": owner.site,
        "hosts": [
            {
                "name": i.name,
                "state": i.state,
                "address": i.public_address or None,
                "bundle": i.bundle_id,
                "usd": usd_of(i, remote),
                "wanted": i.name in wanted,
            }
            for i in ours
        ],
        "missing": sorted(wanted - {i.name for i in ours}),
        "billed": billed_lines(owner, remote),
    }

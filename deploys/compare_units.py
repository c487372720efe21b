"""Units: what starts, restarts, reloads or stops, derived from state and from planned changes.

Pure. A unit restarts when it is older than what it runs, which is read from the host and so
survives a run that died between writing and restarting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from deploys.change import Change
from deploys.model import Role, Unit
from deploys.observation import FIREWALL_TABLE, Observation, implied

RESTORE_AFTER_S = 20  # a firewall change is undone after this long unless it is confirmed


def touched(triggers: Iterable[str], paths: Iterable[str]) -> str:
    """The first planned path that is, or lies below, one of the triggers."""
    paths = list(paths)
    for trigger in triggers:
        for path in paths:
            below = trigger.endswith("/") and path.startswith(trigger)
            if path == trigger or below or trigger.startswith(path + "/"):
                return path
    return ""


def action(unit: Unit, seen: Observation, paths: Sequence[str]) -> tuple[str, str]:
    """(start | restart | reload | stop | wait | "", why)."""
    now = seen.units.get(unit.name)
    active = bool(now and now["active"])
    if not unit.running:
        return ("stop", "must not run") if active else ("", "")
    if not active or now is None:
        return "start", now["state"] if now else "not there yet"
    if path := touched(implied(unit), paths):
        return "restart", f"{path} changes"
    if now["newer"]:
        return "restart", f"older than {now['newer']}"
    if now["need_reload"]:
        return "restart", "its unit file was changed"
    if path := touched(unit.reload_on, paths):
        return "reload", f"{path} changes"
    if now["newer_reload"]:
        return "reload", f"older than {now['newer_reload']}"
    if unit.firewall and seen.applied and seen.firewall != seen.applied.get("firewall"):
        return "reload", f"the loaded rules were CHANGED ON THE HOST since run {seen.run}"
    if unit.check and now.get("healthy") is False:
        return "wait", f"not healthy: {now.get('said') or 'no answer'}"
    return "", ""


def unit_change(unit: Unit, seen: Observation, paths: Sequence[str]) -> Change | None:
    what, why = action(unit, seen, paths)
    state = (seen.units.get(unit.name) or {}).get("enabled", "")
    right = state in ("static", "generated", "alias", "enabled" if unit.enabled else "disabled", "")
    enable = None if right and state else unit.enabled
    if not what and enable is None:
        return None
    words = [what] if what else []
    if enable is not None:
        words.append("enable" if enable else "disable")
    payload: dict[str, Any] = {
        "name": unit.name, "action": what, "enable": enable, "before": list(unit.before),
        "check": {"argv": list(unit.check.argv), "timeout_s": unit.check.timeout_s}
        if unit.check else None, "links": [],
    }  # fmt: skip
    step = "firewall" if unit.firewall else "units"
    if unit.rolling and what == "restart" and not (seen.units.get(unit.name) or {}).get("down"):
        # One that serves nobody has nothing to lose, and those before it wait for it in their turn.
        step = "rolling"
    line = f"> {' and '.join(words)} {unit.name}" + (f": {why}" if why else "")
    drift = why if "CHANGED" in why else ""
    return Change(step, unit.name, line, payload, drift=drift)


def with_units(roles: Sequence[Role], seen: Observation, found: list[Change]) -> list[Change]:
    """The changes and the unit changes that follow from them. Links that belong to a unit move
    into its step, and so does the firewall's rule file."""
    out = list(found)
    for unit in (u for role in roles for u in role.units):
        mine = [c for c in out if c.step == "links" and c.payload["unit"] == unit.name]
        owned = {c.path for c in mine}
        now = replace(unit, restart_on=(*unit.restart_on, *sorted(owned)))
        change = unit_change(now, seen, [c.path for c in out if c.path])
        if change is None:
            continue
        if mine:
            links = [dict(c.payload) for c in mine]
            payload = {**change.payload, "links": links}
            change = replace(change, payload=payload)
            out = [replace(c, step=change.step, payload={}) if c in mine else c for c in out]
        if unit.firewall:
            out, change = firewall_step(unit, change, out)
        out.append(change)
    return out + removed_units(roles, seen)


def firewall_step(unit: Unit, change: Change, out: list[Change]) -> tuple[list[Change], Change]:
    """The rule file is written in the step that can take it back."""
    files = [c for c in out if c.step == "files" and c.path in unit.reload_on]
    rules = files[0] if files and "content" in files[0].payload else None
    payload = {
        "table": FIREWALL_TABLE, "path": unit.reload_on[0], "seconds": RESTORE_AFTER_S,
        "file": dict(rules.payload) if rules else None, "unit": dict(change.payload),
    }  # fmt: skip
    out = [replace(c, step="firewall", payload={}) if c is rules else c for c in out]
    return out, replace(change, payload=payload)


def removed_units(roles: Sequence[Role], seen: Observation) -> list[Change]:
    """Units an earlier run managed that no role of this run names any more."""
    names, wanted = {r.name for r in roles}, {u.name for r in roles for u in r.units}
    out = []
    for key, entry in (seen.applied or {}).get("entries", {}).items():
        kind, _, name = key.partition(":")
        if kind == "unit" and entry["role"] in names and name not in wanted:
            payload = {
                "name": name, "action": "remove", "enable": None, "check": None, "links": [],
            }  # fmt: skip
            out.append(Change("units", name, f"- unit {name}: no longer wanted", payload))
    return out

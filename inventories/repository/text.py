"""The exact text and JSON of `provision github plan`: names and reasons, never a value. Pure."""

from __future__ import annotations

from collections import Counter

from inventories.repository.plan import Item, Plan

_SIGNS = {"add": "+", "change": "~", "remove": "-", "unknown": "?", "unchanged": " "}


def plan_lines(plan: Plan, repository: str) -> list[str]:
    """The whole plan; what is as it should be is only counted."""
    lines = [f"Plan for the GitHub repository {repository}", ""]
    shown = [i for i in plan.items if i.kind != "unchanged"]
    lines += [f"  {item_line(i)}" for i in shown]
    same = sum(i.kind == "unchanged" for i in plan.items)
    if not plan.pending:
        lines.append(f"  nothing to do: {same} as site.toml says")
    else:
        count = Counter(i.will for i in plan.pending)
        lines += ["", f"{count['write']} to write, {count['remove']} to remove, {same} unchanged"]
    if any(i.kind == "remove" and not i.will for i in plan.items):
        lines.append("! what left site.toml stays at GitHub until apply --prune removes it")
    if any(i.kind == "unknown" and not i.will for i in plan.items):
        lines.append("! what was not written from here is never removed from here")
    if any(i.sort == "environment" for i in plan.pending):
        lines.append("! making an environment needs a token with Administration: write")
    return lines


def item_line(item: Item) -> str:
    """One name and what becomes of it."""
    told = {
        ("unknown", "write"): "unknown, will be written",
        ("unknown", ""): "unknown, left alone",
        ("remove", ""): "left alone without --prune",
    }.get((item.kind, item.will), item.kind)
    place = f" of {item.level}" if item.level and item.sort != "environment" else ""
    why = f" ({item.why})" if item.why else ""
    return f"{_SIGNS[item.kind]} {item.sort} {item.name}{place}: {told}{why}"


def plan_json(plan: Plan, env: str, repository: str) -> dict[str, object]:
    """For programs: `pending` and every item; `environment` is null for the repository's own."""
    return {
        "env": env,
        "repository": repository,
        "pending": bool(plan.pending),
        "items": [
            {
                "environment": i.level or None,
                "sort": i.sort,
                "name": i.name,
                "kind": i.kind,
                "will": i.will or None,
                "why": i.why,
            }
            for i in plan.items
        ],
    }

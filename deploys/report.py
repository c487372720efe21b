"""A plan as text for the person at the terminal. Pure; secrets never reach it."""

from __future__ import annotations

from deploys.plan import Plan


def hint(path: str) -> list[str]:
    return [
        f"      keep it this time: add --data keep={path}",
        "      keep it for good: put the change into its file under templates/ or into site.toml",
    ]


def report(host: str, plan: Plan, *, diff: bool, at: str = "") -> str:
    """Lines of one host, each with its name in front: changes, what was changed by hand and how
    to keep it, which units restart, and with `diff` every difference in full."""
    if plan.empty:
        since = f"run {plan.run}, {at}" if at else f"run {plan.run}"
        lines = [f"no changes (as left by {since})"]
    else:
        count = len(plan.lines())
        lines = [f"{count} change{'' if count == 1 else 's'}"]
        for change in plan.changes:
            lines.append(f"  {change.line}")
            if change.drift and change.step == "files":
                lines += hint(change.path)
            if diff and change.diff:
                lines += [f"      {x}" for x in change.diff.rstrip("\n").split("\n")]
        if plan.stale_record:
            lines.append(f"  record: {plan.stale_record}")
        restarts = [
            c.target
            for c in plan.changes
            if c.line.startswith(("> restart", "> start", "> reload"))
        ]
        if restarts:
            lines.append(f"  units that start, restart or reload: {', '.join(restarts)}")
    lines += [f"  kept as it is on the host: {path}" for path in plan.kept]
    lines += [f"  note: {note}" for note in plan.notes]
    return "\n".join(f"[{host}] {line}" for line in lines)

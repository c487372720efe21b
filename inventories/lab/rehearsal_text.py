"""What the rehearsal reads from its commands' output, and what it says at the end. Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path

from inventories.lab.errors import LabError
from inventories.lab.step import Outcome
from inventories.lab.transcript import LOG

_PLANNED = re.compile(r"\[([a-z0-9-]+)\] (?:(\d+) changes?|no changes.*)$")
_READY = re.compile(r"\s*\[([a-z0-9-]+)\]\s+Ready: ")
_DETAIL = re.compile(r"\[[a-z0-9-]+\] +(units that start|note:|kept as it is|would stop)")
_LINES = re.compile(r"^Read back .* ([0-9,]+) spoken lines")
_IMPORTED = re.compile(r"Already imported|Imported in [0-9.]+ m?s")
_IMAGE = re.compile(r"@sha256:([0-9a-f]{64})")
_PASSED = re.compile(r"(\d+) passed.* in ")


def provision_plan(outcome: Outcome) -> str:
    total = next((x.split()[-1] for x in outcome.lines if x.split()[:1] == ["total"]), "?")
    pending = "changes pending" if outcome.code else "nothing to change"
    return f"{pending}, USD {total} a month"


def image(outcome: Outcome) -> str:
    """Which image the services will run, short enough for a table."""
    found = [m[1] for line in outcome.lines if (m := _IMAGE.search(line))]
    if not found:
        raise LabError("it did not say which image it made")
    return f"sha256:{found[-1][:12]}"


def dry_line(line: str) -> bool:
    """Of a dry run: how much changes on each host, and what restarts; the rest is in the file."""
    return bool(_PLANNED.match(line) or _DETAIL.match(line) or "rror" in line)


def dry_run(outcome: Outcome) -> str:
    counts = {m[1]: int(m[2] or 0) for line in outcome.lines if (m := _PLANNED.match(line))}
    if not counts:
        raise LabError("it showed no plan for any host")
    return f"changes: {_per_host(counts)}"


def converged(outcome: Outcome) -> str:
    return f"operations done: {_per_host(_changed(outcome))}"


def unchanged(outcome: Outcome) -> str:
    """The proof of a repeat: each host's plan said so, and no operation ran. A host without
    changes has no operations at all."""
    changed = _changed(outcome)
    said = {m[1]: int(m[2] or 0) for line in outcome.lines if (m := _PLANNED.match(line))}
    there = {m[1] for line in outcome.lines if (m := _READY.match(line))} | set(changed)
    if any(changed.values()) or any(said.values()) or not said or not there <= set(said):
        raise LabError(
            f"a second apply was to change nothing, but these operations did: {_per_host(changed)}"
        )
    return f"0 changes on {len(said)} hosts"


def _changed(outcome: Outcome) -> dict[str, int]:
    """Host -> operations that changed something on it, from pyinfra's JSON."""
    try:
        operations = json.loads(outcome.data[-1])["results"]["operations"]
        hosts = {h for op in operations for h in (*op["success"], *op["no_change"])}
        return {h: sum(h in op["success"] for op in operations) for h in hosts}
    except (IndexError, KeyError, TypeError, ValueError):
        raise LabError("pyinfra printed no result") from None


def verified(outcome: Outcome) -> str:
    found = [m[1] for line in outcome.lines if (m := _PASSED.search(line))]
    if not found:
        raise LabError("no test ran")
    return f"{found[-1]} tests passed"


def imported(outcome: Outcome) -> str:
    """How many lines were read back, and whether it was this run that brought them in; the
    command itself has checked the counts and the answer."""
    lines = next((m[1] for line in outcome.lines if (m := _LINES.search(line))), None)
    how = next((m[0] for line in outcome.lines if (m := _IMPORTED.match(line))), None)
    if lines is None or how is None:
        raise LabError("it did not say what it imported or read back")
    return f"{lines} lines, {how.lower()}"


def _per_host(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def next_steps(name: str, logs: Path | None) -> list[str]:
    """What to try on the hosts that are running now."""
    lab = "" if name == "lab" else f" LAB={name}"
    commands = {
        f".venv/bin/rehearse status --name {name}": "what is up, and where",
        f".venv/bin/rehearse ssh search-1 --name {name}": "log in (then edit a file by hand)",
        f"DEPLOY_ENV={name} .venv/bin/pyinfra inventory.py deploys/site.py --dry --diff": (
            "see what you edited"
        ),
        f"DEPLOY_ENV={name} make verify": "test the hosts again",
        f".venv/bin/story read 1 --section 2 --env {name}": "or search, export, changes, undo",
        f"DEPLOY_ENV={name} make gateway-diff": "what a change of policy or services would do",
        f"DEPLOY_ENV={name} .venv/bin/secrets list": "what is secret here, and how to replace it",
        f"make rehearse-down{lab}": "remove all of it",
    }
    width = max(len(command) for command in commands)
    return [
        "",
        f"The hosts of lab '{name}' keep running. Try next:",
        *(f"  {command:{width}}  {what}" for command, what in commands.items()),
        *([f"The whole output of this rehearsal: {logs / LOG}"] if logs else []),
    ]

"""A plan's steps as requests to the agent, and the script that carries one. Pure apart from
reading the agent's own source files once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from deploys.change import Change
from deploys.plan import Plan

AGENT = Path(__file__).resolve().parent / "agent"
LOOKING = ("look", "docker", "gateway_look", "drain_look", "observe")
ACTING = (
    "look",
    "docker",
    "write",
    "apt",
    "system",
    "units",
    "images",
    "containers",
    "gateway_look",
    "gateway",
    "drain_look",
    "drain",
    "act",
)
_IMPORT = re.compile(r"^from deploys\.agent\.\w+ import (\([^)]*\)|[^\n]*)\n", re.MULTILINE)


@cache
def _source(modules: tuple[str, ...]) -> str:
    return "".join(_IMPORT.sub("", (AGENT / f"{name}.py").read_text()) for name in modules)


def script(request: Mapping[str, Any]) -> str:
    """What `python3 -IS -` reads on the host. The request travels as one JSON literal."""
    literal = f"json.loads({json.dumps(json.dumps(request, sort_keys=True))})"
    if request["do"] == "observe":
        return _source(LOOKING) + f"\nprint(json.dumps(observe({literal})))\n"
    return _source(ACTING) + f"\nact({literal})\n"


def begin(plan: Plan, who: str, at: str) -> dict[str, Any]:
    pending = {"run": plan.run + 1, "at": at, "by": who, "entries": dict(plan.entries)}
    return {"do": "begin", "base_run": plan.run, "pending": pending}


def finish(plan: Plan, who: str, at: str, commit: str, firewall: str) -> dict[str, Any]:
    return {
        "do": "finish", "verify": dict(plan.verify), "roles": list(plan.roles),
        "entries": dict(plan.entries), "at": at, "by": who, "commit": commit,
        "changes": plan.lines(), "firewall": firewall,
    }  # fmt: skip


def step(name: str, changes: Sequence[Change]) -> dict[str, Any]:
    """One request for all changes of one step; a change without payload rides with another."""
    payloads = [dict(c.payload) for c in changes if c.payload]
    if name == "packages":
        return {
            "do": name, "repair": any("repair" in p for p in payloads),
            "install": [p["install"] for p in payloads if "install" in p],
        }  # fmt: skip
    if name == "accounts":
        return {
            "do": name, "groups": [[p["group"], p["gid"]] for p in payloads if "group" in p],
            "users": [p["user"] for p in payloads if "user" in p],
        }  # fmt: skip
    if name == "files":
        return {
            "do": name, "files": [p for p in payloads if "remove" not in p],
            "remove": [p["remove"] for p in payloads if "remove" in p],
        }  # fmt: skip
    if name == "containers":
        return {"do": name, "groups": payloads[0]["groups"], name: payloads}
    if name == "firewall":
        return {"do": name, **payloads[0]} if payloads else {"do": name}
    if name in ("units", "rolling"):
        return {"do": "units", "units": payloads}
    return {"do": name, name: payloads}

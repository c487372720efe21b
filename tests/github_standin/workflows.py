"""Workflows, their dispatch and their runs; a dispatch that arrived is a run, whatever was told.

Sources: docs.github.com/rest/actions/workflows and .../workflow-runs; the answer with the run's
address: GitHub's changelog of 2026-02-19 (`return_run_details`; without it 204 as before).
"""

from __future__ import annotations

import itertools
from typing import Any

from tests.github_standin.access import Need
from tests.github_standin.routes import Call, route
from tests.github_standin.wire import Refused, Reply, error, invalid, not_found
from tests.github_standin.world import Workflow

READ = Need("actions", "read", public=True)
WRITE = Need("actions", "write")
ACTIONS = "/repos/{owner}/{repo}/actions"
_runs = itertools.count(30433642)


def wanted(call: Call) -> Workflow:
    """By file name or by number, as the route allows both."""
    asked = call.parameters["workflow"]
    for known in call.repository.workflows.values():
        if asked in (known.file, str(known.id)):
            return known
    raise Refused(not_found())


def shown(call: Call, known: Workflow) -> dict[str, Any]:
    name = call.repository.full_name
    return {
        "id": known.id,
        "node_id": f"W_{known.id}",
        "name": known.name,
        "path": f".github/workflows/{known.file}",
        "state": known.state,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "url": f"{call.base}/repos/{name}/actions/workflows/{known.id}",
        "html_url": f"https://github.com/{name}/blob/main/.github/workflows/{known.file}",
        "badge_url": f"https://github.com/{name}/workflows/{known.name}/badge.svg",
    }


@route("GET", ACTIONS + "/workflows", READ)
def listed(call: Call) -> Reply:
    rows = [shown(call, known) for known in call.repository.workflows.values()]
    return call.listing("workflows", rows)


@route("GET", ACTIONS + "/workflows/{workflow}", READ)
def get(call: Call) -> Reply:
    return Reply(200, shown(call, wanted(call)))


@route("POST", ACTIONS + "/workflows/{workflow}/dispatches", WRITE)
def dispatch(call: Call) -> Reply:
    """A run is made, and told of with its address only to those who ask."""
    known = wanted(call)
    ref = call.text("WorkflowDispatch", "ref")
    inputs = call.fields.get("inputs") or {}
    branch = ref.removeprefix("refs/heads/")
    if branch not in call.repository.branches:
        raise Refused(error(422, f"No ref found for: {ref}"))
    if not known.dispatchable:
        raise Refused(error(422, "Workflow does not have 'workflow_dispatch' trigger"))
    if known.state != "active":
        raise Refused(error(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"))
    if unknown := sorted(set(inputs) - set(known.inputs)):
        raise Refused(error(422, f"Unexpected inputs provided: {unknown}"))
    run = start(call, known, branch)
    if call.fields.get("return_run_details") and call.repository.run_details:
        told = {
            "workflow_run_id": run["id"], "run_url": run["url"], "html_url": run["html_url"],
        }  # fmt: skip
        return Reply(200, told, effect=True)
    return Reply(204, effect=True)


def start(call: Call, known: Workflow, branch: str) -> dict[str, Any]:
    name, number = call.repository.full_name, next(_runs)
    now = call.world.clock.stamp()
    run = {
        "id": number,
        "name": known.name,
        "workflow_id": known.id,
        "path": f".github/workflows/{known.file}",
        "run_number": len(known.runs) + 1,
        "run_attempt": 1,
        "event": "workflow_dispatch",
        "status": "queued",
        "conclusion": None,
        "head_branch": branch,
        "head_sha": call.repository.branches[branch],
        "actor": {"login": call.token.login if call.token else None, "type": "User"},
        "created_at": now,
        "updated_at": now,
        "url": f"{call.base}/repos/{name}/actions/runs/{number}",
        "html_url": f"https://github.com/{name}/actions/runs/{number}",
        "workflow_url": f"{call.base}/repos/{name}/actions/workflows/{known.id}",
    }
    known.runs.append(run)
    known.late[number] = known.lag
    return run


def filtered(call: Call, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first, by the filters that GitHub knows; `created` as `>=TIME` or `A..B`."""
    query = call.query
    kept = sorted(runs, key=lambda run: -int(run["id"]))
    for name, key in {"branch": "head_branch", "event": "event", "head_sha": "head_sha"}.items():
        if name in query:
            kept = [run for run in kept if run[key] == query[name]]
    if "status" in query:
        kept = [run for run in kept if query["status"] in (run["status"], run["conclusion"])]
    if "actor" in query:
        kept = [run for run in kept if run["actor"]["login"] == query["actor"]]
    created = query.get("created", "")
    if created.startswith(">="):
        kept = [run for run in kept if run["created_at"] >= created[2:].replace("+00:00", "Z")]
    elif ".." in created:
        first, last = created.split("..", 1)
        kept = [run for run in kept if first <= run["created_at"] <= last]
    elif created:
        raise Refused(invalid("WorkflowRun", "created"))
    return kept


@route("GET", ACTIONS + "/workflows/{workflow}/runs", READ)
def runs_of_one(call: Call) -> Reply:
    """A new run may be missing from the first lists; what was once seen stays."""
    known = wanted(call)
    there = [run for run in known.runs if not known.late.get(run["id"])]
    known.late = {number: left - 1 for number, left in known.late.items() if left > 1}
    return call.listing("workflow_runs", filtered(call, there))


@route("GET", ACTIONS + "/runs", READ)
def runs(call: Call) -> Reply:
    every = [run for known in call.repository.workflows.values() for run in known.runs]
    return call.listing("workflow_runs", filtered(call, every))


@route("GET", ACTIONS + "/runs/{run}", READ)
def run(call: Call) -> Reply:
    for known in call.repository.workflows.values():
        for made in known.runs:
            if str(made["id"]) == call.parameters["run"]:
                return Reply(200, made)
    raise Refused(not_found())

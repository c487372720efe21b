"""Environments with their protection rules, and the PUT that replaces all of them.

Source: docs.github.com/rest/deployments/environments. What a PUT leaves out counts as its
default, so a PUT of defaults takes every protection away: the trap clients must avoid.
"""

from __future__ import annotations

from typing import Any

from tests.github_standin.access import Need
from tests.github_standin.routes import Call, route
from tests.github_standin.wire import Refused, Reply, error, invalid
from tests.github_standin.world import Environment

LONGEST_WAIT = 43200  # minutes: 30 days
MOST_REVIEWERS, LONGEST_NAME = 6, 255
READ = Need("actions", "read", public=True)
WRITE = Need("administration", "write")
PATH = "/repos/{owner}/{repo}/environments"


def shown(call: Call, there: Environment) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    if there.wait_timer:
        rules.append({"type": "wait_timer", "wait_timer": there.wait_timer})
    if there.reviewers:
        people = [
            {"type": r["type"], "reviewer": {"id": r["id"], "login": f"user-{r['id']}"}}
            for r in there.reviewers
        ]
        rules.append(
            {
                "type": "required_reviewers",
                "prevent_self_review": there.prevent_self_review,
                "reviewers": people,
            }
        )
    if there.deployment_branch_policy:
        rules.append({"type": "branch_policy"})
    numbered = [
        {"id": there.id * 10 + n, "node_id": f"GA_{there.id}_{n}"} | rule
        for n, rule in enumerate(rules)
    ]
    name = there.name.replace("/", "%2F")
    return {
        "id": there.id,
        "node_id": f"EN_{there.id}",
        "name": there.name,
        "url": f"{call.base}/repos/{call.repository.full_name}/environments/{name}",
        "html_url": f"https://github.com/{call.repository.full_name}/deployments",
        "created_at": there.created_at,
        "updated_at": there.updated_at,
        "protection_rules": numbered,
        "deployment_branch_policy": there.deployment_branch_policy,
    }


@route("GET", PATH, READ)
def listed(call: Call) -> Reply:
    rows = sorted(call.repository.environments.values(), key=lambda e: e.name)
    return call.listing("environments", [shown(call, e) for e in rows])


@route("GET", PATH + "/{environment}", READ)
def get(call: Call) -> Reply:
    return Reply(200, shown(call, call.environment))


@route("PUT", PATH + "/{environment}", WRITE)
def put(call: Call) -> Reply:
    """Create or replace: the rules become what the body says, and nothing stays of the others."""
    name = call.parameters["environment"]
    if not 0 < len(name) <= LONGEST_NAME:
        raise Refused(invalid("Environment", "name"))
    wait = call.fields.get("wait_timer") or 0
    reviewers = call.fields.get("reviewers") or []
    policy = call.fields.get("deployment_branch_policy")
    if not isinstance(wait, int) or not 0 <= wait <= LONGEST_WAIT:
        raise Refused(invalid("Environment", "wait_timer"))
    if len(reviewers) > MOST_REVIEWERS:
        raise Refused(invalid("Environment", "reviewers"))
    if policy is not None and (
        policy.get("protected_branches") is policy.get("custom_branch_policies")
    ):
        # "protected_branches and custom_branch_policies cannot have the same value" (the docs)
        raise Refused(error(422, "The deployment branch policy is invalid"))
    now = call.world.clock.stamp()
    there = call.repository.environments.get(name.lower())
    if there is None:
        there = call.repository.environments[name.lower()] = Environment(name, now, now)
    there.updated_at = now
    there.wait_timer = wait
    there.reviewers = [{"type": r["type"], "id": r["id"]} for r in reviewers]
    there.prevent_self_review = bool(call.fields.get("prevent_self_review"))
    there.deployment_branch_policy = policy
    if not (policy or {}).get("custom_branch_policies"):
        there.branch_patterns = []
    return Reply(200, shown(call, there), effect=True)


@route("DELETE", PATH + "/{environment}", WRITE)
def delete(call: Call) -> Reply:
    del call.repository.environments[call.environment.name.lower()]
    return Reply(204, effect=True)


@route("GET", PATH + "/{environment}/deployment-branch-policies", READ)
def patterns(call: Call) -> Reply:
    names = call.environment.branch_patterns
    rows = [{"id": n, "name": name, "type": "branch"} for n, name in enumerate(names, 1)]
    return call.listing("branch_policies", rows)

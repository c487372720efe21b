"""Environments keep their rules, and a dispatch is a run with its address."""

from __future__ import annotations

from typing import Any

import pytest
from github.Environment import Environment
from github.EnvironmentDeploymentBranchPolicy import EnvironmentDeploymentBranchPolicyParams
from github.EnvironmentProtectionRuleReviewer import ReviewerParams
from github.Repository import Repository

from tests.contract.github_support import ask, refusal, repo
from tests.github_standin import Hub


def reviewed(hub: Hub, there: Repository) -> Environment:
    return there.create_environment(
        "Publish/main",
        wait_timer=30,
        reviewers=[ReviewerParams("User", 7)],
        prevent_self_review=True,
        deployment_branch_policy=EnvironmentDeploymentBranchPolicyParams(False, True),
    )


def test_environments_keep_their_rules_until_a_put_replaces_them(hub: Hub) -> None:
    """Names with a slash, in any case; secrets stay when the rules go."""
    there = repo(hub)
    reviewed(hub, there).create_secret("KEY", "v")
    hub.repository.environments["publish/main"].branch_patterns = ["main"]
    read = there.get_environment("publish/MAIN")
    kinds = {rule.type for rule in read.protection_rules}
    assert kinds == {"wait_timer", "required_reviewers", "branch_policy"}
    assert read.deployment_branch_policy.custom_branch_policies
    there.create_environment("publish/main")
    after = there.get_environment("Publish/main")
    assert (after.name, after.protection_rules) == ("Publish/main", [])
    assert hub.repository.environments["publish/main"].branch_patterns == []
    assert [s.name for s in after.get_secrets()] == ["KEY"]
    there.delete_environment("publish/main")
    assert refusal(there.get_environment, "publish/main").status == 404


def test_an_environment_that_is_not_there_has_no_secrets_to_set(hub: Hub) -> None:
    path = f"/repos/{hub.repository.full_name}/environments/none/secrets/public-key"
    assert ask(hub, "GET", path, hub.token).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"wait_timer": 43201},
        {"wait_timer": -1},
        {"reviewers": [{"type": "User", "id": n} for n in range(7)]},
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
    ],
)
def test_rules_out_of_range_are_refused_and_change_nothing(hub: Hub, body: Any) -> None:
    reviewed(hub, repo(hub))
    path = f"/repos/{hub.repository.full_name}/environments/publish%2Fmain"
    assert ask(hub, "PUT", path, hub.token, json=body).status_code == 422
    assert hub.repository.environments["publish/main"].wait_timer == 30


def test_a_dispatch_is_a_run_with_its_address(hub: Hub) -> None:
    """200 with the run for who asks, 204 otherwise and from servers that do not know the field."""
    images = repo(hub).get_workflow("images.yml")
    run = images.create_dispatch("main", throw=True, return_run_details=True)
    assert run.html_url == hub.repository.workflows["images.yml"].runs[0]["html_url"]
    assert (run.status, run.head_branch, run.event) == ("queued", "main", "workflow_dispatch")
    assert images.create_dispatch("refs/heads/main", throw=True) is True
    hub.repository.run_details = False
    assert images.create_dispatch("main", throw=True, return_run_details=True) is True
    assert [e.status for e in hub.requests("POST")] == [200, 204, 204]
    assert repo(hub).get_workflow(images.id).get_runs(branch="main").totalCount == 3
    assert images.get_runs(event="push").totalCount == 0


def test_dispatches_that_cannot_be_are_refused_without_a_run(hub: Hub) -> None:
    workflow = hub.repository.workflows["images.yml"]
    images = repo(hub).get_workflow("images.yml")
    assert "No ref found" in str(refusal(images.create_dispatch, "gone", throw=True))
    assert refusal(images.create_dispatch, "main", {"x": "1"}, throw=True).status == 422
    workflow.state = "disabled_manually"
    assert "disabled" in str(refusal(images.create_dispatch, "main", throw=True))
    workflow.dispatchable = False
    assert "workflow_dispatch" in str(refusal(images.create_dispatch, "main", throw=True))
    assert refusal(repo(hub).get_workflow, "gone.yml").status == 404
    assert (workflow.runs, hub.writes) == ([], 0)


def test_a_new_run_may_be_late_in_the_list(hub: Hub) -> None:
    """Who looks for a run in the list has to look again, and never sees an older one go."""
    images = repo(hub).get_workflow("images.yml")
    images.create_dispatch("main", throw=True)
    hub.repository.workflows["images.yml"].lag = 2
    assert len(list(images.get_runs())) == 1
    images.create_dispatch("main", throw=True)
    assert [len(list(images.get_runs())) for _ in range(4)] == [1, 1, 2, 2]

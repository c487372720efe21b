"""`provision github dispatch`: one run, its address, and nothing that is not known is claimed."""

from __future__ import annotations

import pytest

from tests.provision.github_support import Desk


def address(desk: Desk) -> str:
    run = desk.repo.workflows["images.yml"].runs[-1]
    return f"https://github.com/Fountain/story/actions/runs/{run['id']}"


@pytest.mark.parametrize("details", [True, False], ids=["told", "looked for"])
def test_it_prints_the_address_of_the_run(desk: Desk, details: bool) -> None:
    """Servers that know `return_run_details` tell it; for others the list of runs is watched."""
    desk.repo.run_details = details
    desk.run("dispatch")  # an older run must not be taken for the new one
    said = desk.run("dispatch")
    assert said.code == 0, said.all
    assert f"Started images.yml on main: {address(desk)}" in said.out
    assert "provision images use DIGEST" in said.out
    assert len(desk.repo.workflows["images.yml"].runs) == 2


def test_another_workflow_and_another_branch(desk: Desk) -> None:
    desk.want('workflow = "other.yml"\n')
    desk.hub.world.add_workflow(desk.repo, "other.yml")
    desk.repo.branches["next"] = "b" * 40
    said = desk.run("dispatch", "--ref", "next")
    assert said.code == 0, said.all
    assert [r["head_branch"] for r in desk.repo.workflows["other.yml"].runs] == ["next"]
    assert desk.repo.workflows["images.yml"].runs == []


def test_a_lost_answer_and_a_run_that_shows_late(desk: Desk) -> None:
    """The run is made after the answer was lost; a second POST would build and publish twice."""
    desk.hub.drop("POST", "/dispatches$", 1, after_effect=True)
    desk.repo.workflows["images.yml"].lag = 5
    said = desk.run("dispatch")
    assert said.code == 0, said.all
    assert address(desk) in said.out
    assert len(desk.hub.requests("POST")) == 1


@pytest.mark.parametrize("ref", ["refs/heads/main", "main"])
def test_a_branch_in_full_is_not_started_twice(desk: Desk, ref: str) -> None:
    """Runs carry the short name: looked for by the other, the run of a lost answer never shows."""
    desk.hub.fail("POST", "/dispatches$", 502, 1, after_effect=True)
    said = desk.run("dispatch", "--ref", ref)
    assert said.code == 0, said.all
    assert len(desk.repo.workflows["images.yml"].runs) == 1
    assert address(desk) in said.out


@pytest.mark.parametrize("ref", ["", " ", "a b", "main\nx", "-x", "a:b", "main\x1b[2J"])
def test_what_is_no_branch_is_refused_before_any_call(desk: Desk, ref: str) -> None:
    said = desk.run("dispatch", f"--ref={ref}")
    assert said.code == 1
    assert "is no name of a branch or tag\nNext: provision github dispatch" in said.err
    assert desk.hub.log == []


def test_a_run_that_shows_late_without_being_told(desk: Desk) -> None:
    desk.repo.run_details = False
    desk.repo.workflows["images.yml"].lag = 5
    said = desk.run("dispatch")
    assert said.code == 0, said.all
    assert address(desk) in said.out


def test_what_cannot_be_known_is_not_repeated(desk: Desk) -> None:
    """Neither the answer nor the list of runs: the person looks before anything else is sent."""
    desk.hub.fail("POST", "/dispatches$", 502, 1)
    desk.hub.fail("GET", "/runs", 502, 99, skip=1)
    said = desk.run("dispatch")
    assert said.code == 1
    assert "whether images.yml of Fountain/story on main was started is not known" in said.err
    assert "look at https://github.com/Fountain/story/actions first" in said.err
    assert len(desk.hub.requests("POST")) == 1


def test_a_branch_or_workflow_that_is_not_there(desk: Desk) -> None:
    said = desk.run("dispatch", "--ref", "nowhere")
    assert said.code == 1
    assert "GitHub answers 422 (No ref found for: nowhere) to: start images.yml" in said.err
    desk.want('workflow = "absent.yml"\n')
    said = desk.run("dispatch")
    assert said.code == 1
    assert "GitHub answers 404 (Not Found) to: list the runs of absent.yml" in said.err


def test_a_workflow_that_nobody_may_start_by_hand(desk: Desk) -> None:
    desk.repo.workflows["images.yml"].dispatchable = False
    said = desk.run("dispatch")
    assert said.code == 1
    assert "does not have 'workflow_dispatch' trigger" in said.err

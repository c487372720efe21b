"""New firewall rules that would lock the operator out are taken back, on a fresh host as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import OVERLAY, Site, site, until

pytestmark = pytest.mark.lab
RIGHT = OVERLAY.read_text()
WRONG = RIGHT.replace("[site]\n", '[site]\noperator_networks = ["203.0.113.7/32"]\n', 1)
RULES = "/etc/fountainai/host.nft"


def rules_and_file(lab: Site) -> str:
    return lab.ssh(
        "app-1", f"nft list table inet host 2>/dev/null; cat {RULES} 2>/dev/null", check=False
    )


def reachable(lab: Site) -> bool:
    return "up" in lab.ssh("app-1", "echo up", check=False)


def locked_out_then_back(lab: Site, before: str) -> None:
    run = lab.pyinfra("deploys/base.py", "-y")
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert "a new SSH connection failed under the new firewall rules" in said
    assert "operator_networks" in said
    assert "Traceback" not in said
    until(lambda: reachable(lab), 60)
    until(lambda: rules_and_file(lab) == before, 30)
    # The connection was cut, not closed: the host only learns from missing heartbeats.
    until(lambda: not lab.ssh("app-1", "cat /run/fountainai/holder"), 90)


def converged(lab: Site) -> str:
    """The rules after a run that went through."""
    done = lab.pyinfra("deploys/base.py", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    rules = rules_and_file(lab)
    assert "dport 22 accept" in rules
    return rules


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site.toml").write_text(RIGHT)
    with site("t-canary", {"app-1": ("app", 512)}, overlay=tmp_path / "site.toml") as made:
        yield made


@pytest.mark.long
def test_the_first_rules_of_all_that_lock_the_operator_out_are_taken_back(
    tmp_path: Path, lab: Site
) -> None:
    (tmp_path / "site.toml").write_text(WRONG)
    locked_out_then_back(lab, rules_and_file(lab))
    (tmp_path / "site.toml").write_text(RIGHT)
    converged(lab)


def test_rules_that_lock_the_operator_out_return_to_what_was(tmp_path: Path, lab: Site) -> None:
    good = converged(lab)
    (tmp_path / "site.toml").write_text(WRONG)
    locked_out_then_back(lab, good)
    (tmp_path / "site.toml").write_text(RIGHT)
    assert converged(lab) == good
    last = lab.pyinfra("deploys/base.py", "--dry")
    assert "no changes (as left by" in last.stderr, last.stderr
    # Rules changed by hand are noticed although no file differs, and put right.
    lab.ssh("app-1", "nft add rule inet host input tcp dport 8080 accept")
    drift = lab.pyinfra("deploys/base.py", "-y")
    assert "the loaded rules were CHANGED ON THE HOST" in drift.stderr
    assert rules_and_file(lab) == good

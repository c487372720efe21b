"""New firewall rules that would lock the operator out are taken back, on a fresh host as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labs import OVERLAY, Site, site, until

pytestmark = pytest.mark.lab
ELSEWHERE = '\noperator_networks = ["203.0.113.7/32"]\n'
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


def test_rules_that_lock_the_operator_out_return_to_what_was(tmp_path: Path) -> None:
    overlay = tmp_path / "site.toml"
    right = OVERLAY.read_text()
    wrong = right.replace("[site]\n", "[site]" + ELSEWHERE, 1)
    overlay.write_text(wrong)
    with site("t-canary", {"app-1": ("app", 512)}, overlay=overlay) as lab:
        locked_out_then_back(lab, rules_and_file(lab))  # the first deploy of all
        overlay.write_text(right)
        done = lab.pyinfra("deploys/base.py", "-y")
        assert done.returncode == 0, done.stdout + done.stderr
        good = rules_and_file(lab)
        assert "dport 22 accept" in good
        overlay.write_text(wrong)
        locked_out_then_back(lab, good)
        overlay.write_text(right)
        assert lab.pyinfra("deploys/base.py", "-y").returncode == 0
        last = lab.pyinfra("deploys/base.py", "--dry")
        assert "no changes (as left by" in last.stderr, last.stderr
        assert rules_and_file(lab) == good
        # Rules changed by hand are noticed although no file differs, and put right.
        lab.ssh("app-1", "nft add rule inet host input tcp dport 8080 accept")
        drift = lab.pyinfra("deploys/base.py", "-y")
        assert "the loaded rules were CHANGED ON THE HOST" in drift.stderr
        assert rules_and_file(lab) == good

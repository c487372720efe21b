"""What stops a run before its first change, and what only warns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploys.model import Artefact, Machine, Port, Role
from deploys.preflight import problems, warnings
from tests.unit.test_plan import MACHINE, fresh

ZIP = Artefact("search", "1", "ab" * 32, "/opt/search/1")
NODE = Role("node", disk_mb=1000, memory_mb=600, ports=(Port(9200, "nginx"),), artefacts=(ZIP,))


def test_a_host_that_fits_has_no_problem() -> None:
    assert problems([NODE], fresh(), 0.0) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ({"machine": replace(MACHINE, os_version="12")}, "runs debian 12; supported are debian 13"),
        ({"clock": 3700.0}, "its clock is +3700 s off"),
        ({"clock": -3600.0}, "its clock is -3600 s off"),
        ({"disk_free_mb": 999}, "999 MB free on /, 1000 MB needed"),
        ({"machine": replace(MACHINE, memory_mb=512)}, "512 MB of memory, 750 MB needed"),
        ({"listeners": {"9200": ["python3"]}}, "port 9200 is held by python3, not nginx"),
    ],
)
def test_each_misfit_is_one_sentence_with_a_way_out(seen: dict[str, Any], says: str) -> None:
    (sentence,) = problems([NODE], fresh(**seen), 0.0)
    assert says in sentence


def test_the_port_s_own_process_is_no_stranger() -> None:
    assert problems([NODE], fresh(listeners={"9200": ["nginx", "nginx"]}), 0.0) == []


def test_a_host_that_has_its_archive_is_not_asked_for_room_again() -> None:
    """A search host with a filled disk must still take a changed setting."""
    done = fresh(
        disk_free_mb=100, artefacts={ZIP.directory: {"sha256": ZIP.sha256}},
        applied={"run": 3, "entries": {}},
    )  # fmt: skip
    assert problems([NODE], done, 0.0) == []


def test_all_problems_are_told_at_once() -> None:
    odd = Machine(256, 1, "amd64", "alpine", "3", "", False)
    assert len(problems([NODE], fresh(machine=odd, clock=999.0, disk_free_mb=1), 0.0)) == 4


def test_a_slow_login_shell_is_a_warning() -> None:
    assert warnings(fresh(login_ms=40)) == []
    assert "takes 380 ms before every command" in warnings(fresh(login_ms=380))[0]

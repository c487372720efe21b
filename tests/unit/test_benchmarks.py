"""What a benchmark may claim: only unchanged runs count, and ratios pair runs of one round."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.items import OPERATIONS, Items
from benchmarks.outcome import ansible_unchanged, ours_unchanged, stock_unchanged
from benchmarks.results import Results, as_json, rival, show, verdicts

OURS = "[a] no changes (as left by run 1, 2026)\n[b] no changes (as left by run 4)\n"
DRY = """--> Detected changes:
    Operation          Change   Conditional Change
    Install packages   -        -
    Make the user      -        -

    Detected changes may not include every change
"""
DONE = """--> Results:
    Operation          Hosts   Success   Error   No Change
    Install packages   2       -         -       2
    Grand total        4       -         -       4
"""
RECAP = """PLAY RECAP *****
a  : ok=9    changed=0    unreachable=0    failed=0    skipped=0
b  : ok=9    changed=0    unreachable=0    failed=0    skipped=0
"""


def test_every_contender_has_24_operations_of_its_own() -> None:
    ours, stock = Items("ours"), Items("stock")
    packages_group_user = 3
    groups = (ours.directories, ours.templates, ours.lines, ours.links, ours.services)
    assert packages_group_user + sum(map(len, groups)) == OPERATIONS
    assert not {t.path for t in ours.templates} & {t.path for t in stock.templates}


def test_the_playbook_says_the_same_as_the_items() -> None:
    items = Items("ansible")
    text = (Path(__file__).parents[2] / "benchmarks/ansible/playbook.yml").read_text()
    assert f"root: {items.root}\n" in text
    assert f"name: {items.account}\n" in text
    assert "dest: /etc/systemd/system/bench-ansible-{{ number }}.service" in text
    assert text.count("loop: [1, 2, 3]\n") == 4  # units, lines, links, services
    assert "loop: [1, 2, 3, 4, 5]\n" in text


def test_a_run_of_ours_counts_only_when_every_host_is_unchanged() -> None:
    assert ours_unchanged(OURS, 2)
    assert ours_unchanged(f"\x1b[1m{OURS}", 2)
    assert not ours_unchanged(OURS, 3)
    assert not ours_unchanged(OURS.replace("[b] no changes", "[b] 1 change"), 2)


def test_a_stock_run_counts_only_when_every_operation_ran_and_changed_nothing() -> None:
    assert stock_unchanged(DRY, 2, 2)
    assert stock_unchanged(DRY.replace("\n", "\r\n") + DONE, 2, 2)
    assert not stock_unchanged(DRY, 2, 3)
    assert not stock_unchanged(DRY.replace("user      -     ", "user      1 (a) "), 2, 2)
    assert not stock_unchanged(DRY + DONE.replace("4       -", "4       1", 1), 2, 2)
    assert not stock_unchanged("--> Connecting to hosts...\n", 2, 2)


@pytest.mark.parametrize("wrong", ["changed=1", "unreachable=1", "failed=1", "ok=0"])
def test_an_ansible_run_counts_only_when_its_recap_is_clean(wrong: str) -> None:
    assert ansible_unchanged(RECAP, 2)
    assert not ansible_unchanged(RECAP, 3)
    word = wrong.partition("=")[0]
    right = {"changed": "changed=0", "unreachable": "unreachable=0", "failed": "failed=0"}
    assert not ansible_unchanged(RECAP.replace(right.get(word, "ok=9"), wrong, 1), 2)


def test_ratios_pair_runs_of_one_round_so_that_a_slow_minute_does_not_tilt_them() -> None:
    results = Results()
    for slow in (1, 10, 1):  # the machine was ten times as slow in the second round
        results.add(0, "ours dry", 1.0 * slow)
        results.add(0, "stock dry", 3.0 * slow)
    assert results.ratio(0, "stock dry", "ours dry") == pytest.approx(3)
    assert results.ratio(0, "ansible run", "ours -y") is None
    results.channels[0] = {"ours dry": 5, "stock dry": 46}
    assert [(m, met) for _, m, met in verdicts(results)] == [("3.0x", True), ("5", False)]


def test_a_bar_that_is_missed_is_shown_as_missed() -> None:
    results = Results()
    results.add(0, "ours dry", 1.0)
    results.add(0, "stock dry", 2.0)
    console = Console(record=True, width=100)
    show(results, console)
    assert "MISSED  ours dry against stock dry, 0 ms: at least 2.5x" in console.export_text()
    assert json.loads(json.dumps(as_json(results)))["bars"][0]["met"] is False


def test_a_run_stands_beside_the_same_kind_of_run() -> None:
    assert rival("stock interactive") == "ours interactive"
    assert rival("ansible run") == "ours -y"
    assert rival("ansible check") == "ours dry"

"""The benchmark measures: that it runs and judges is tested, its figures are not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.labs import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]


def test_the_benchmark_prints_ratios_of_one_run(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    few = f"--rounds 1 --rtt 0 --json {out}"
    run = subprocess.run(
        ["make", "bench", f"BENCH={few}"], cwd=ROOT, capture_output=True, text=True, timeout=1700
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "x" in run.stdout
    assert json.loads(out.read_text())


def test_the_story_benchmark_prints_ratios_of_one_run(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    run = subprocess.run(
        ["make", "bench-stories", f"BENCH=--rounds 3 --json {out}"],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    figures = json.loads(out.read_text())
    assert figures["elements"] == 4247
    assert figures["memory_mb"] <= 200

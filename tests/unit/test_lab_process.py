"""Processes are known by pid and start time: nobody else's is ever signalled."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from inventories.lab import process
from inventories.lab.process import BOOT_ID, Recorded
from tests.labs import until


def test_a_spawned_process_outlives_its_starter_and_is_ended_by_its_record(tmp_path: Path) -> None:
    record = tmp_path / "it.pid"
    running = process.spawn(["sleep", "600"], record=record, log=tmp_path / "log")
    try:
        assert process.alive(record) == running
        assert os.getsid(running.pid) == running.pid, "its own session"
        comm = Path(f"/proc/{running.pid}/comm")  # the starter's name until it has become sleep
        until(lambda: comm.read_text() == "sleep\n")
    finally:
        process.end(record, grace_s=5)
    assert not running.alive()
    assert not record.exists()


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    record = tmp_path / "it.pid"
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    running = process.spawn(stubborn, record=record, log=tmp_path / "log")
    while "ready" not in (tmp_path / "log").read_text():
        assert running.alive()
    process.end(record, grace_s=0.3)
    assert not running.alive()


@pytest.mark.parametrize(
    "forge",
    [
        lambda pid, start, boot: f"{pid} {start + 1} {boot}",
        lambda pid, start, boot: f"{pid} {start} 00000000-0000-0000-0000-000000000000",
        lambda pid, start, boot: f"{pid}",
        lambda pid, start, boot: "",
        lambda pid, start, boot: "x y z",
    ],
)
def test_a_reused_pid_is_not_signalled(tmp_path: Path, forge) -> None:  # type: ignore[no-untyped-def]
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        start = start_of(bystander.pid)
        record = tmp_path / "it.pid"
        record.write_text(forge(bystander.pid, start, BOOT_ID.read_text().strip()) + "\n")
        process.signal_recorded(record, signal.SIGKILL)
        process.end(record, grace_s=0)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        running = Recorded(child.pid, start_of(child.pid), BOOT_ID.read_text().strip())
        assert running.alive()
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, not yet fetched
        assert not running.alive()
    finally:
        child.kill()
        child.wait()


def test_without_a_place_for_its_record_nothing_is_started(tmp_path: Path) -> None:
    # `down` may remove the lab between the fork and the record: then nothing may go on
    marker = tmp_path / "ran"
    gone = str(tmp_path / "gone" / "it.pid")
    done = subprocess.run(
        ["sh", "-c", process.RECORD, "sh", gone, "touch", str(marker)],
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert not marker.exists()

"""Processes of a lab: started detached, known by pid, start time and boot, never by a name.

Guarantees: a process records itself before it becomes what was asked for, and does not start when
its record cannot be written; a signal goes only to a process whose start time is the recorded one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from inventories.lab.errors import LabError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# Runs as the child itself: writes "pid start boot" (rename, so never half), then becomes the
# command. Field 22 of /proc/PID/stat is the start time; after the command name it is the 20th.
RECORD = r"""
set -eu
record=$1; shift
stat=$(cat /proc/$$/stat)
start=$(set -- ${stat##*) }; echo "${20}")
echo "$$ $start $(cat /proc/sys/kernel/random/boot_id)" > "$record.new"
mv "$record.new" "$record"
exec "$@"
"""


@dataclass(frozen=True)
class Recorded:
    """One process as its record names it."""

    pid: int
    start: int  # clock ticks after boot
    boot: str

    def alive(self) -> bool:
        """Whether that very process still runs (a zombie does not)."""
        return BOOT_ID.read_text().strip() == self.boot and _start_of(self.pid) == self.start


def _start_of(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def recorded(record: Path) -> Recorded | None:
    """Read a record; None when there is none."""
    try:
        pid, start, boot = record.read_text().split()
        return Recorded(int(pid), int(start), boot)
    except (FileNotFoundError, ValueError):
        return None


def alive(record: Path) -> Recorded | None:
    """The recorded process when it still runs."""
    process = recorded(record)
    return process if process and process.alive() else None


def spawn(
    argv: list[str], *, record: Path, log: Path, env: dict[str, str] | None = None
) -> Recorded:
    """Start a command in a session of its own that outlives us; output is appended to `log`."""
    record.unlink(missing_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", RECORD, "sh", str(record), *argv],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            env=env,
            check=True,
        )
    finally:
        os.close(descriptor)
    deadline = time.monotonic() + 20
    while (process := recorded(record)) is None:
        if time.monotonic() > deadline:
            raise LabError(f"{argv[0]} did not start: read {log}.")
        time.sleep(0.005)
    return process


def signal_recorded(record: Path, number: int) -> None:
    """Send a signal to the recorded process, and to nobody who got its pid later."""
    process = recorded(record)
    if process is None:
        return
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.alive():  # checked while the pidfd holds it, so the pid cannot be reused
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def end(record: Path, *, grace_s: float) -> None:
    """Ask the recorded process to end, insist after `grace_s`, and drop the record."""
    for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        if not gone(record, 0) and patience > 0:
            signal_recorded(record, number)
            if gone(record, patience):
                break
    record.unlink(missing_ok=True)


def gone(record: Path, patience_s: float) -> bool:
    """Wait until the recorded process has ended; false when it has not in time."""
    deadline = time.monotonic() + patience_s
    while alive(record):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True

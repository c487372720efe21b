"""Control groups of a lab: the memory limit that really kills, and the handle on every process.

Two worlds. Version 1 (or hybrid), where the groups are made by hand below `fountainai-lab/` in
every controller, so that groups a Docker inside the host makes are below ours too. Version 2 under
systemd, where each host is a scope with MemoryMax; written from the documentation and not tried.
Never touches a group that is not the lab's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from inventories.lab.errors import LabError

MOUNT = Path("/sys/fs/cgroup")
TOP = "fountainai-lab"
MB = 1024 * 1024


class Groups(Protocol):
    """What the driver needs of control groups; `lab/host` names a group."""

    tried: ClassVar[bool]  # whether this path has been run by the project's own tests

    def make(self, lab: str, host: str, memory_mb: int) -> tuple[list[str], list[Path]]:
        """Make the groups; gives a command prefix and the directories to enter."""

    def kill(self, lab: str, host: str) -> None:
        """End every process of the host at once and remove its groups; fine if there are none."""

    def remove(self, lab: str) -> None:
        """Remove what is left of the whole lab."""


def of_machine() -> Groups:
    """The kind of control groups this machine has, or why hosts cannot be limited on it."""
    if (MOUNT / "memory").is_dir():
        return Version1(tuple(p for p in sorted(MOUNT.iterdir()) if p.is_dir() and _real(p)))
    if (MOUNT / "cgroup.controllers").exists():
        if Path("/run/systemd/system").is_dir():
            return Version2()
        raise LabError(
            "This machine has control groups version 2 but no systemd as process 1, so a host's "
            "memory cannot be limited here: use a Debian machine booted with systemd."
        )
    raise LabError(
        "Control groups are not mounted in /sys/fs/cgroup, so a host's memory cannot be limited: "
        "use a Debian machine (not an unprivileged container)."
    )


def _real(path: Path) -> bool:
    """Whether it is a mounted hierarchy (cpu may be a link to cpu,cpuacct)."""
    return not path.is_symlink() and (path / "cgroup.procs").exists()


@dataclass(frozen=True)
class Version1:
    """Groups made by hand in each mounted hierarchy."""

    hierarchies: tuple[Path, ...]
    tried: ClassVar[bool] = True

    def make(self, lab: str, host: str, memory_mb: int) -> tuple[list[str], list[Path]]:
        groups = []
        for hierarchy in self.hierarchies:
            group = hierarchy
            for part in (TOP, lab, host):
                group = group / part
                group.mkdir(exist_ok=True)
                _inherit_cpuset(group)
            groups.append(group)
        (MOUNT / "memory" / TOP / lab / host / "memory.limit_in_bytes").write_text(
            str(memory_mb * MB)
        )
        return [], groups

    def kill(self, lab: str, host: str) -> None:
        for hierarchy in self.hierarchies:
            clear(hierarchy / TOP / lab / host)

    def remove(self, lab: str) -> None:
        for hierarchy in self.hierarchies:
            clear(hierarchy / TOP / lab)
            with contextlib.suppress(OSError):  # other labs are still there
                (hierarchy / TOP).rmdir()


def _inherit_cpuset(group: Path) -> None:
    """A new cpuset group is empty and refuses processes until it names processors and memory."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        setting = group / name
        if setting.exists() and not setting.read_text().strip():
            setting.write_text((group.parent / name).read_text())


def clear(group: Path) -> None:
    """Kill all processes in a group and below until none is left, and remove the directories."""
    deadline = time.monotonic() + 20
    while group.exists():
        for directory, _, _ in os.walk(group, topdown=False):
            for pid in _members(Path(directory)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):  # busy until its last process is gone
                os.rmdir(directory)
        if not group.exists():
            return
        if time.monotonic() > deadline:
            raise LabError(f"Processes in {group} do not end; look with 'ps', then run this again.")
        time.sleep(0.02)


def _members(group: Path) -> list[int]:
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


@dataclass(frozen=True)
class Version2:
    """One systemd scope per host. Untried: see docs/adr/0001-rehearsal-hosts.md."""

    tried: ClassVar[bool] = False

    def unit(self, lab: str, host: str) -> str:
        return f"{TOP}-{lab}-{host}.scope"

    def make(self, lab: str, host: str, memory_mb: int) -> tuple[list[str], list[Path]]:
        prefix = [
            "systemd-run",
            "--scope",
            "--quiet",
            "--collect",
            f"--unit={self.unit(lab, host)}",
        ]
        for setting in (f"MemoryMax={memory_mb}M", "MemorySwapMax=0", "Delegate=yes"):
            prefix += ["--property", setting]
        return prefix, []

    def kill(self, lab: str, host: str) -> None:
        unit = self.unit(lab, host)
        shown = subprocess.run(
            ["systemctl", "show", "--property=ControlGroup", "--value", unit],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        if shown:
            clear(MOUNT / shown.lstrip("/"))
        subprocess.run(["systemctl", "stop", "--quiet", unit], capture_output=True, check=False)

    def remove(self, lab: str) -> None:
        """Scopes vanish with their last process."""

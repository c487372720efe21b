"""The virtual machine that all tests run in at GitHub: what it passes on, and what it leaves.

The machine is made and booted for real, by emulation where there is no KVM that works. That takes
minutes, and installs QEMU where it is missing, so these are long tests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.long]
SCRIPT = Path(__file__).resolve().parents[2] / ".github/debian-machine.sh"
COMMAND = """
id -u; cat file; test -d /sys/fs/cgroup/memory && cat /proc/1/comm
echo "$1" >&2
test -t 1 || printf 'no terminal'
exit 7
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "file").write_text("of the project\n")
    return made


def alive(text: str) -> list[str]:
    """Command lines that have the text in them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [line] if text in line and int(process.name) != os.getpid() else []
    return found


def until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


@pytest.mark.timeout(3000)
def test_output_and_exit_code_come_from_the_machine(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "machine"
    done = subprocess.run(
        [SCRIPT, folder, "sh", "-c", COMMAND, "sh", "it's  b;$(c)"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    console = folder / "console"
    assert done.returncode == 7, done.stdout + done.stderr
    assert done.stdout.partition(" s\n")[2] == (
        "0\nof the project\nsystemd\nit's  b;$(c)\nno terminal"
    )
    assert "Booting with" in done.stdout
    assert "Linux version" in console.read_text(errors="replace")
    assert until(lambda: not alive(str(tmp_path)), 10), alive(str(tmp_path))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_runs_on_when_it_is_killed(project: Path, tmp_path: Path, how: int) -> None:
    folder = tmp_path / "machine"
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [SCRIPT, folder, "true"],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        assert until(lambda: any("mmdebstrap" in line for line in alive(str(folder))), 120)
    finally:
        running.send_signal(how)
        assert running.wait(20) != 0
    assert until(lambda: not alive(str(folder)), 10), alive(str(folder))


def test_a_folder_that_has_something_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine/kept").write_text("kept")
    done = subprocess.run(
        [SCRIPT, tmp_path / "machine", "true"], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "is not empty: name a new folder" in done.stderr
    assert [path.name for path in (tmp_path / "machine").iterdir()] == ["kept"]

"""The node that a whole run of pytest shares, and what remains of it: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from inventories.lab import process
from tests.labs import ROOT, until
from tests.services import node_support

# One worker ends long before the other has asked for the node.
SESSION = """
import os, time
from pathlib import Path
import httpx
out = Path({out!r})

def test_it(node_url, index_prefix):
    if {late}:
        while not (out / "first").exists():
            time.sleep(0.05)
    made = httpx.put(f"{{node_url}}/{{index_prefix}}things-v1", trust_env=False, timeout=60)
    assert made.status_code == 200
    (out / "{name}").write_text(f"{{node_url}} {{os.getpid()}} {{index_prefix}}")

def test_the_indices_of_the_last_test_are_gone(node_url):
    prefix = (out / "{name}").read_text().split()[2]
    found = httpx.get(f"{{node_url}}/_cat/indices/{{prefix}}*", trust_env=False, timeout=60)
    assert (found.status_code, found.text) == (200, "")
"""


def session(tmp_path: Path, *flags: str) -> subprocess.Popen[str]:
    """A run of pytest of its own, with the fixtures of this folder."""
    for name, late in (("first", False), ("second", True)):
        text = SESSION.format(out=str(tmp_path), late=late, name=name)
        (tmp_path / f"test_{name}.py").write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "FOUNTAINAI_TEST"))}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.services.conftest"),
            *("-p", "no:cacheprovider", "--rootdir", str(tmp_path), *flags, str(tmp_path)),
        ],
        env={**env, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def folder_of(pid: int) -> Path | None:
    """The folder of test nodes of the run with that process id."""
    return next(node_support.BASE.glob(f"{pid}_*"), None)


def test_workers_share_one_node_and_nothing_of_it_remains(tmp_path: Path) -> None:
    with session(tmp_path, "-n", "2", "--dist", "loadfile") as run:
        said, _ = run.communicate(timeout=240)
    assert run.returncode == 0, said
    first, second = ((tmp_path / name).read_text().split() for name in ("first", "second"))
    assert first[0] == second[0], "one node"
    assert first[1] != second[1], "two workers"
    until(lambda: folder_of(run.pid) is None, node_support.END_LIMIT_S)
    port = int(first[0].rpartition(":")[2])
    listening = [c for c in psutil.net_connections("tcp") if c.status == "LISTEN"]
    assert port not in {connection.laddr.port for connection in listening}


def test_a_node_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with session(tmp_path, "-n", "0") as run:
        node = _node(run)
        run.kill()
    until(lambda: not node.alive(), node_support.END_LIMIT_S)
    until(lambda: folder_of(run.pid) is None, node_support.END_LIMIT_S)


def test_the_next_run_removes_what_a_run_left_whose_keeper_was_killed_too(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with session(tmp_path, "-n", "0") as run:
        node = _node(run)
        left = folder_of(run.pid)
        assert left
        keeper = process.recorded(left / "shared/keeper.pid")
        assert keeper
        os.kill(run.pid, signal.SIGSTOP)  # so that it cannot see its keeper die
        os.kill(keeper.pid, signal.SIGKILL)
        run.kill()
    until(lambda: not (node.alive() or keeper.alive()), node_support.END_LIMIT_S)
    assert left.exists(), "nobody was there to remove it"
    with node_support.private_folder(node_support.the_run(request.config)):
        assert not left.exists()


def _node(run: subprocess.Popen[str]) -> process.Recorded:
    """The shared node's process of a run, as soon as there is one."""
    found: list[process.Recorded] = []

    def there() -> bool:
        assert run.poll() is None, run.stdout and run.stdout.read()
        folder = folder_of(run.pid)
        node = process.recorded(folder / "shared/node/node.pid") if folder else None
        found.extend([node] if node else [])
        return bool(found)

    until(there, 120)
    return found[0]

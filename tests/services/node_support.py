"""Real search nodes for tests: one shared by a whole run, private ones for failures.

Guarantees: all processes of one pytest run (xdist's workers too) use one node; it is kept by a
process of its own that ends node and files when the run ends, also by SIGKILL. What a run left that
was killed together with its keeper is removed at the next start. `python -m` of this module is the
keeper.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path

import httpx
import pytest

from inventories.lab import process
from inventories.lab.process import BOOT_ID, Recorded
from inventories.lab.state import locked
from story_services.local import LocalNode, LocalNodeError

ROOT = Path(__file__).resolve().parents[2]
BASE = Path(tempfile.gettempdir()) / f"fountainai-test-nodes-{os.geteuid()}"
SHARED = "shared"  # the folder of a run's shared node and its keeper
START_LIMIT_S = 300.0
END_LIMIT_S = 30.0


def the_run(config: pytest.Config) -> Recorded:
    """The process that is this pytest run: the controller, for xdist's workers."""
    pid = os.getppid() if hasattr(config, "workerinput") else os.getpid()
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return Recorded(pid, int(stat[19]), BOOT_ID.read_text().strip())


def folder_of(run: Recorded) -> Path:
    """Where the nodes of a run live; its name says whose it is."""
    return BASE / "_".join(map(str, astuple(run)))


def run_of(folder: Path) -> Recorded:
    """The run that a folder belongs to."""
    pid, start, boot = folder.name.split("_")
    return Recorded(int(pid), int(start), boot)


def shared_node(run: Recorded) -> str:
    """Address of the run's one node, started by whoever asks first."""
    folder = _place(run, SHARED)
    record, address = folder / "keeper.pid", folder / "address"
    with locked(folder, what="the shared test node", wait_s=START_LIMIT_S):
        if not process.alive(record):
            address.unlink(missing_ok=True)
            process.spawn(
                [sys.executable, "-m", "tests.services.node_support", str(folder)],
                record=record,
                log=folder / "keeper.log",
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not address.exists():
            if not process.alive(record) or time.monotonic() > deadline:
                said = (folder / "keeper.log").read_text(errors="replace")
                raise AssertionError(f"the shared test node did not start:\n{said}")
            time.sleep(0.05)
    return address.read_text()


def end_shared_node(run: Recorded) -> None:
    """End the run's node now and wait until nothing of it is left; fine when there is none."""
    record = folder_of(run) / SHARED / "keeper.pid"
    keeper = process.recorded(record)
    process.signal_recorded(record, signal.SIGTERM)
    deadline = time.monotonic() + END_LIMIT_S
    while keeper and keeper.alive():
        assert time.monotonic() < deadline, "the keeper of the test node does not end"
        time.sleep(0.02)


@contextmanager
def private_folder(run: Recorded) -> Iterator[Path]:
    """A folder for nodes that any user may enter; it and nodes left in it are gone afterwards."""
    folder = _place(run, f"own-{secrets.token_hex(4)}")
    try:
        yield folder
    finally:
        _remove(folder)
        _remove_empty(run)


@contextmanager
def private_node(run: Recorded) -> Iterator[LocalNode]:
    """A started node that nobody else uses; its data is gone afterwards."""
    with private_folder(run) as folder:
        node = LocalNode(folder / "node")
        try:
            node.start()
            yield node
        finally:
            node.stop(grace_s=0)


def delete_indices(url: str, prefix: str) -> None:
    """Remove every index whose name starts with the prefix, with its aliases."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        query = {"format": "json", "h": "index", "expand_wildcards": "all"}
        found = client.get(f"/_cat/indices/{prefix}*", params=query).raise_for_status().json()
        for entry in found:  # the node deletes by whole names only
            client.delete(f"/{entry['index']}").raise_for_status()


def remove_left_behind() -> None:
    """Remove nodes and files of runs that are no more."""
    for folder in BASE.iterdir():
        if not run_of(folder).alive() and not process.alive(folder / SHARED / "keeper.pid"):
            _remove(folder)


def _place(run: Recorded, name: str) -> Path:
    """A folder of the run, made when it is missing; what other runs left is removed first."""
    with locked(BASE, what="the folder of test nodes", wait_s=END_LIMIT_S):
        assert BASE.lstat().st_uid == os.geteuid(), f"{BASE} belongs to somebody else"
        place = folder_of(run) / name
        remove_left_behind()
        for folder in (BASE, place.parent, place):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # the node's user must get through
    return place


def _remove(folder: Path) -> None:
    """Remove a folder with the nodes in it."""
    for record in folder.rglob("node.pid"):
        with suppress(LocalNodeError):  # somebody else is at it
            LocalNode(record.parent).stop(grace_s=0)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(run: Recorded) -> None:
    with locked(BASE, what="the folder of test nodes", wait_s=END_LIMIT_S):
        for folder in (folder_of(run), BASE):
            with suppress(OSError):  # there is more in it
                folder.rmdir()


def keep(folder: Path) -> None:
    """Run the shared node of a run until that ends, the node ends, or SIGTERM comes."""
    run = run_of(folder.parent)

    def watch() -> None:
        with suppress(ProcessLookupError):
            ended = select.poll()
            ended.register(os.pidfd_open(run.pid), select.POLLIN)
            if run.alive():
                ended.poll()
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(_number: int, _frame: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=watch, daemon=True).start()
    node = LocalNode(folder / "node")
    try:
        unfinished = folder / "address.new"
        unfinished.write_text(node.start())
        unfinished.rename(folder / "address")
        while node.running:
            time.sleep(1)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        node.stop(grace_s=0)
        _remove(folder if run.alive() else folder.parent)
        _remove_empty(run)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))

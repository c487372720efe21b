"""For every test run: remove what a killed run left, and stay out of the way of a live one."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

import pytest

from inventories.lab import lifecycle, state

ALIVE = Path("/run/lock/fountainai-tests.lock")  # held, shared, by every live run with root
#: What takes longest begins first, so that nobody waits for it alone in the end.
LONGEST = ("test_rehearse.py", "test_site.py", "test_site_grow.py", "test_image_suite.py")
LEFT_BEHIND = re.compile(r"t-[a-z0-9-]+")  # what tests call their labs


def pytest_configure(config: pytest.Config) -> None:
    """Labs of tests are removed at the start when no other run is alive that may own them."""
    if os.geteuid() != 0 or hasattr(config, "workerinput"):  # one process per run decides
        return
    handle = ALIVE.open("a")
    config.stash[pytest.StashKey[object]()] = handle  # lives as long as the run
    fcntl.flock(handle, fcntl.LOCK_SH)
    if os.environ.get("FOUNTAINAI_KEEP_LABS"):
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(handle, fcntl.LOCK_SH)
        return
    for name in state.names():
        if LEFT_BEHIND.fullmatch(name):
            lifecycle.down(name)
    fcntl.flock(handle, fcntl.LOCK_SH)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole sites first; the order within a file stays."""
    items.sort(key=lambda item: item.path.name not in LONGEST)

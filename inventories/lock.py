"""One run at a time per environment, and a second one is told who is at work.

The lock is a flock on a file: the kernel drops it with its holder, however that ends, so it is
never stale and never removed by hand. The file's content only names the holder.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from inventories.errors import Locked
from inventories.worlds import World


def lock_file(where: World) -> Path:
    return where.secrets / "provision.lock"


@contextmanager
def env_lock(where: World, command: str) -> Iterator[None]:
    """Hold the environment's lock, or raise `Locked` naming the holder, since when and for what."""
    path = lock_file(where)
    make_private(path.parent)
    with path.open("a+", encoding="utf-8") as file:
        path.chmod(0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"another run is at work on {where.env}: {_holder(path)}",
                f"wait for it, then run {command} again",
            ) from None
        file.truncate(0)
        file.write(json.dumps(_myself(command)) + "\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def make_private(folder: Path) -> None:
    """`folder` and what it lies in below .secrets, readable by its owner alone (0700)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while ".secrets" in folder.parts:
        folder.chmod(0o700)
        folder = folder.parent


def _myself(command: str) -> dict[str, str]:
    return {
        "holder": f"{_user()}@{socket.gethostname()}, process {os.getpid()}",
        "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "command": command,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text())
        return f"{who['holder']}, since {who['since']}, running '{who['command']}'"
    except (OSError, ValueError, KeyError):
        return "it began this moment"

"""Which commit a host was converged from, and by whom."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("deploys", "templates", "inventories", "inventory.py", "config.py")  # what hosts get


def _git(*argv: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *argv], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def commit() -> str:
    """The commit, with `+` and a digest of what differs from it; `unversioned` without git.

    `FOUNTAINAI_COMMIT` names it for a tree that came without its history."""
    if given := os.environ.get("FOUNTAINAI_COMMIT"):
        return given
    head = _git("rev-parse", "HEAD")
    if head is None:
        return "unversioned"
    difference = (_git("diff", "HEAD", "--", *PARTS) or "") + (
        _git("ls-files", "--others", "--exclude-standard", "--", *PARTS) or ""
    )
    if not difference:
        return head.strip()
    return f"{head.strip()}+{hashlib.sha256(difference.encode()).hexdigest()[:12]}"


def who() -> str:
    """user@machine and process, as the lock and the log name the holder."""
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()})"

"""Ends a recorded process of many threads, and waits until the last of them is gone.

Guarantees: a signal goes only to the process that the record names (pid, start time, boot) and that
its caller recognises; on return nothing of it holds a port, a lock or a file any more. /proc alone
cannot tell that: it calls a process dead as soon as its first thread is.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

from inventories.lab.process import BOOT_ID, Recorded

KILL_LIMIT_S = 20.0
DEAD = "ZX"  # states of a process whose first thread has ended


def ended(node: Recorded, is_ours: Callable[[int], bool], grace_s: float) -> bool:
    """Ask the process to end, insist after `grace_s` (at once when 0); false when it still runs.

    True as well when there is none, or when it is somebody else's by now.
    """
    try:
        descriptor = os.pidfd_open(node.pid)
    except ProcessLookupError:
        return True
    try:
        # Looked at while the pidfd keeps its number from being reused.
        state = _state(node)
        if not state or (state not in DEAD and not is_ours(node.pid)):
            return True
        gone = select.poll()
        gone.register(descriptor, select.POLLIN)
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_LIMIT_S)):
            if patience_s > 0:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
                if gone.poll(patience_s * 1000):
                    return True
        return False
    finally:
        os.close(descriptor)


def _state(node: Recorded) -> str:
    """The kernel's letter for its state; empty when there is no such process."""
    try:
        fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(") ")[2].split()
        same_boot = BOOT_ID.read_text().strip() == node.boot
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return fields[0] if same_boot and int(fields[19]) == node.start else ""

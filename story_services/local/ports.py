"""A free port of loopback for the node.

Never one that the kernel hands out by itself: a client that dials such a port again and again while
the node is away can end up connected to itself.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 20000, 32767
TRIES = 200


def is_free(port: int) -> bool:
    """Whether nobody listens there; connections that are only ending do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free() -> int:
    """A port that was free just now; another process may still be faster."""
    try:
        kernel_first = int(RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        kernel_first = LAST + 1
    last = min(LAST, kernel_first - 1) if kernel_first > FIRST + TRIES else LAST
    for _ in range(TRIES):
        port = random.randint(FIRST, last)  # noqa: S311
        if is_free(port):
            return port
    raise OSError("no free port on 127.0.0.1")

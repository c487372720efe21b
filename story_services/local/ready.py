"""Waits until the node serves, and reads its last words when it does not.

Guarantees: nobody else's answer on the same port counts; the wait ends with the process or with
the limit, whichever is first.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from story_services.local.config import CLUSTER
from story_services.local.errors import LocalNodeError

PAUSE_S = 0.05
ANSWER_LIMIT_S = 5.0
LINES, WIDTH = 12, 240  # of the last words


class PortTaken(LocalNodeError):
    """Somebody else was faster at the port."""


class LastWords:
    """What a node that is started now will have printed and logged; made before the start."""

    def __init__(self, state: Path) -> None:
        self._console = state / "console.log"
        self._log = state / "logs" / f"{CLUSTER}.log"
        self._before = self._log.stat().st_size if self._log.exists() else 0

    def __str__(self) -> str:
        lines = _lines(self._log, self._before) + _lines(self._console, 0)
        return "\n".join(lines) or "(it said nothing)"


def wait(
    port: int,
    name: str,
    *,
    running: Callable[[], bool],
    words: LastWords,
    what: str,
    limit_s: float,
) -> None:
    """Return when the node `name` answers at `port` and all its data can be read.

    PortTaken or LocalNodeError, with its last words, when it ends or takes too long.
    """
    deadline = time.monotonic() + limit_s
    while True:
        seen = _seen(port, name)
        if seen == "":
            return
        if not running():
            kind = PortTaken if "BindHttpException" in str(words) else LocalNodeError
            raise kind(f"{what} ended before it served:\n{words}")
        if time.monotonic() > deadline:
            raise LocalNodeError(f"{what} did not serve within {limit_s:.0f} s ({seen}):\n{words}")
        time.sleep(PAUSE_S)


def _lines(path: Path, after: int) -> list[str]:
    """The last lines of a file, of those that were written after that many bytes."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    if len(content) >= after:  # else it was begun anew meanwhile
        content = content[after:]
    return [line[:WIDTH] for line in content.decode(errors="replace").splitlines()[-LINES:]]


def _seen(port: int, name: str) -> str:
    """Empty when the node serves, else what is missing."""
    try:
        who = _get(port, "/")
        if who.get("name") != name:
            return f"another node answers at port {port}"
        health = _get(port, "/_cluster/health?wait_for_status=yellow&timeout=2s")
    except (OSError, ValueError, http.client.HTTPException):
        return "no answer"
    if health.get("timed_out", True):
        return f"its cluster is {health.get('status', 'not formed')}"
    return ""


def _get(port: int, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", path)
        found = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}

"""The API stand-in of a lab as a process of its own.

Guarantees: at most one per lab, on the port it had before; "started" means that it answers.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from inventories.lab import process
from inventories.lab.errors import LabError
from inventories.lab.state import Lab

API_LIMIT_S = 60.0


def api_record(lab: Lab) -> Path:
    return lab.directory / "api.pid"


def start_api(lab: Lab) -> Lab:
    """Start the stand-in unless it runs, and record where it answers."""
    running = process.alive(api_record(lab))
    if running and lab.api and answers(lab.api):
        return lab
    process.end(api_record(lab), grace_s=5)
    url_file, log = lab.directory / "api.url", lab.directory / "log/api.log"
    before = _stamp(url_file)
    running = process.spawn(
        [sys.executable, "-m", "inventories.lab.lightsail", "--lab", lab.name],
        record=api_record(lab),
        log=log,
    )
    deadline = time.monotonic() + API_LIMIT_S
    while _stamp(url_file) == before:
        if not running.alive() or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-4:])
            raise LabError(
                f"The API stand-in of lab '{lab.name}' did not start; {log} ends with:\n{tail}"
            )
        time.sleep(0.05)
    return lab.changed(api=url_file.read_text().strip(), pids={"api": running.pid})


def _stamp(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def answers(url: str) -> bool:
    """Whether something accepts connections at the url's host and port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=1):
            return True
    except OSError:
        return False

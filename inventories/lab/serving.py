"""The story services of this machine on an environment's search host, for as long as needed.

Guarantees: a process of its own, as `story serve --env` starts it, at a free port of loopback; it
ends in order when it is no longer needed, and with us whatever ends us. What it says is kept in
the lab's `log/story-services.log`, for the owner alone, and told when it does not start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from inventories.lab.errors import LabError
from inventories.worlds import World, labs_root, project_root
from story_services.client.api import Api, Connection
from story_services.client.errors import ClientError
from story_services.local import ports

READY_S, END_S = 120.0, 45.0
LOOK_S = 0.1


@contextmanager
def services(where: World, say: Callable[[str], None]) -> Iterator[str]:
    """The services as a process while this is open, ready; their address."""
    port = ports.free()
    url, log = f"http://127.0.0.1:{port}", labs_root() / where.env / "log/story-services.log"
    argv = [sys.executable, "-m", "story_services.cli", "serve"]
    say(f"$ story serve --env {where.env} --port {port}")
    began = time.monotonic()
    with _private(log) as file:
        process = subprocess.Popen(
            # Whatever ends us ends it, in order.
            ["setpriv", "--pdeathsig", "TERM", *argv, f"--env={where.env}", f"--port={port}"],
            cwd=project_root(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, url, log)
        say(f"Ready after {since(began)} at {url}, through the door of the search host")
        yield url
    finally:
        code = _end(process)
    if code != 0:
        raise LabError(f"the services ended with exit {code} instead of 0; they said: {log}")


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until the services and their store work; LabError with their own words when not."""
    deadline = time.monotonic() + READY_S
    with Api(Connection(url, patience_s=0)) as api:
        while True:
            try:
                api.get("/health")
                return
            except ClientError as missing:
                why = missing.what
            if process.poll() is not None:
                said = log.read_text(errors="replace").strip().splitlines()[-5:]
                words = "\n".join(said) or "nothing"
                raise LabError(f"the services did not start; the last they said:\n{words}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"the services are not ready after {READY_S:.0f} s: {why} 'make verify' says "
                    "what is wrong with the hosts."
                )
            time.sleep(LOOK_S)


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the services in order, by force when that takes too long; their exit status."""
    process.terminate()
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _private(path: Path) -> IO[bytes]:
    """An empty file for its owner alone."""
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def since(began: float) -> str:
    """The time from a moment of the monotonic clock to now, in words."""
    seconds = time.monotonic() - began
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"

"""A container of the image, with the rights and limits that it has in production.

Guarantees: the flags are those that the agent sets on a host (one of the tests compares them as
the engine understood them), but for the network: the container has the machine's own, listens on
loopback alone, and so reaches the search node there without that being open to anybody. It is gone
when the context ends.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deploys.roles.app import UID
from deploys.settings import AppSettings
from story_services.local import ports
from tests.image.engine import Image, ask, run

LIMITS = AppSettings()
RIGHTS = (
    "--read-only", "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=32m",
    "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
    "--memory", f"{LIMITS.memory_mb}m", "--memory-swap", f"{LIMITS.memory_mb}m",
    "--pids-limit", str(LIMITS.pids), "--init", "--user", f"{UID}:{UID}",
)  # fmt: skip
PYTHON = "/opt/story/bin/python3"
LABEL = "fountainai.image-test"
READY_S = 90.0
STOP_S = 5.0  # what a container has to end in


@dataclass
class Running:
    """A started container and the address of its services."""

    name: str
    url: str

    def client(self, timeout: float = 30.0) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ask("inspect", "-f", "{{json .State}}", self.name))
        return found

    def log(self) -> str:
        done = run("logs", self.name)
        return (done.stdout + done.stderr).decode(errors="replace")

    def python(self, program: str) -> str:
        """What a program prints that runs in the container as its own user."""
        argv = ("exec", "--interactive", self.name, PYTHON, "-I", "-")
        return ask(*argv, stdin=program.encode())

    def health(self) -> str:
        """The engine's verdict: starting, healthy or unhealthy."""
        return str(self.state()["Health"]["Status"])

    def ready(self) -> None:
        """Wait until the services can work."""

        def works() -> bool:
            state = self.state()
            assert state["Running"], f"it ended with {state['ExitCode']}:\n{self.log()[-2000:]}"
            try:
                with self.client(timeout=5) as client:
                    return client.get("/health").status_code == 200
            except httpx.TransportError:
                return False

        until(works, READY_S, lambda: f"not ready: {self.log()[-2000:]}")

    def signal_term(self) -> float:
        """Send SIGTERM as `docker stop` does; when, by the monotonic clock."""
        began = time.monotonic()
        ask("kill", "--signal", "TERM", self.name)
        return began

    def ended(self, limit_s: float) -> int | None:
        """Its exit status, None when it still runs after that time."""
        deadline = time.monotonic() + limit_s
        while (state := self.state())["Running"]:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
        return int(state["ExitCode"])


def until(what: Callable[[], bool], limit_s: float, said: Callable[[], str]) -> float:
    """Poll; seconds that it took. AssertionError with `said` when it never comes."""
    began, pause = time.monotonic(), 0.1
    while not what():
        assert time.monotonic() - began < limit_s, f"after {limit_s:.0f} s: {said()}"
        time.sleep(pause)
        pause = min(pause * 1.3, 1.0)
    return time.monotonic() - began


@contextmanager
def running(
    image: Image,
    *command: str,
    env: dict[str, str],
    flags: Sequence[str] = (),
    rights: Sequence[str] = RIGHTS,
) -> Iterator[Running]:
    """A container that was just started, with these arguments and variables."""
    port = ports.free()
    name = f"story-image-test-{os.getpid()}-{secrets.token_hex(4)}"
    given = {"STORY_HOST": "127.0.0.1", "STORY_PORT": str(port), **env}
    variables = [part for pair in given.items() for part in ("--env", "=".join(pair))]
    try:
        ask(
            "run", "--detach", "--name", name, "--label", LABEL, "--network", "host",
            *rights, *variables, *flags, image.name, *command,
        )  # fmt: skip
        yield Running(name, f"http://127.0.0.1:{port}")
    finally:
        run("rm", "--force", "--volumes", name)


def once(image: Image, *command: str, env: dict[str, str]) -> tuple[int, str]:
    """Status and stderr of a container that is to end by itself."""
    variables = [part for pair in env.items() for part in ("--env", "=".join(pair))]
    done = run(
        "run", "--rm", "--label", LABEL, "--network", "none", *RIGHTS, *variables,
        image.name, *command, limit_s=60,
    )  # fmt: skip
    return done.returncode, done.stderr.decode(errors="replace")


def answer(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    """Status and whole body of the answer to what was asked on this connection."""
    found = connection.getresponse()
    return found.status, found.read()

"""The container engine that the image is in, asked through the `docker` command.

Guarantees: whatever the engine says no to becomes one sentence (`EngineError`) with its own last
line; the engine's address is checked before anything is asked of it, because the image has to
reach a search node on this very machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER_LIMIT_S = 120.0
DEFAULT_SOCKET = "/var/run/docker.sock"


class EngineError(Exception):
    """The engine cannot be had, or refused; one sentence."""


def socket() -> str:
    """Path of the engine's socket: DOCKER_HOST's, else Docker's own place."""
    given = os.environ.get("DOCKER_HOST", "") or f"unix://{DEFAULT_SOCKET}"
    if not given.startswith("unix://"):
        raise EngineError(
            f"The engine at DOCKER_HOST={given} is not of this machine, so its containers cannot "
            "reach the search node here: use an engine with a unix:// socket."
        )
    return given.removeprefix("unix://")


def command(*arguments: str) -> list[str]:
    return ["docker", "--host", f"unix://{socket()}", *arguments]


def ask(*arguments: str, stdin: bytes | None = None, limit_s: float = ANSWER_LIMIT_S) -> str:
    """What `docker <arguments>` prints on stdout."""
    done = run(*arguments, stdin=stdin, limit_s=limit_s)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise EngineError(f"'docker {' '.join(arguments[:2])}' failed: {said[-1][:300]}")
    return done.stdout.decode(errors="replace").strip()


def run(
    *arguments: str, stdin: bytes | None = None, limit_s: float = ANSWER_LIMIT_S
) -> subprocess.CompletedProcess[bytes]:
    """The same with status and stderr."""
    if not shutil.which("docker"):
        raise EngineError("There is no 'docker' command on this machine: install Docker first.")
    try:
        return subprocess.run(
            command(*arguments), input=stdin or b"", capture_output=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"'docker {' '.join(arguments[:2])}' gave no answer within {limit_s:.0f} s."
        ) from None


@dataclass(frozen=True)
class Image:
    """An image in the engine. `found` is what the engine knows of it."""

    name: str
    found: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """User, command, environment, health check."""
        config: dict[str, Any] = self.found["Config"]
        return config

    def history(self) -> str:
        """The commands that made it, as the engine shows them to everybody."""
        return ask("history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", self.name)


def image(given: str) -> Image:
    """The image of that reference; a file is one that `docker save` or a builder wrote and is
    loaded first. EngineError when there is no such image or no engine."""
    ask("version", "--format", "{{.Server.Version}}", limit_s=20)
    name = _loaded(Path(given)) if Path(given).is_file() else given
    if run("image", "inspect", name).returncode != 0:
        raise EngineError(
            f"The engine has no image {name}: build or pull it first, or name the file of one."
        )
    (found,) = json.loads(ask("image", "inspect", name))
    return Image(name, found)


def _loaded(path: Path) -> str:
    said = ask("load", "--input", str(path))
    names = re.findall(r"^Loaded image(?: ID)?: (\S+)$", said, re.MULTILINE)
    if len(names) != 1:
        raise EngineError(f"{path} should hold one image, it holds {len(names)}.")
    return str(names[0])

"""Runs the services' image without a container engine.

The lab's own builder makes it; it is run by what a container is made of: its file system
read-only, a tmpfs on /tmp, its own user, no capabilities.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from story_services.local import ports

# What a container is: the arguments are the root, the user and the command.
CONTAINER = """
set -eu
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec="$user" "$root" "$@"
"""


class Container:
    """A running image. `env` is laid over what the image sets."""

    def __init__(self, root: Path, config: Mapping[str, Any], **env: str) -> None:
        self.root, self.config = root, config
        own = dict(pair.split("=", 1) for pair in config["Env"])
        self.port = ports.free()
        self.env = {**own, "STORY_PORT": str(self.port), **env}
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = self._start(config["Entrypoint"])

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        argv = [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
            "sh", "-c", CONTAINER, "sh", str(self.root), self.config["User"], *command,
        ]  # fmt: skip
        return subprocess.Popen(argv, env=self.env, cwd="/")

    def run(self, *command: str) -> int:
        """Run a command inside; its status."""
        return self._start(list(command)).wait(60)

    def ready(self) -> None:
        """Wait until the services can work."""
        deadline = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < deadline
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)

    def kill(self) -> None:
        """End it, with all that runs in it."""
        # Its first process (unshare's child): the signal for a lost parent goes with root's rights.
        for first in psutil.Process(self.process.pid).children():
            first.kill()
        self.process.wait(30)

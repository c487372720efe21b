"""Builds the services' image on this machine and runs it, without a container engine.

The base is Debian 13 from the machine's own archive; buildah builds as root without a daemon. The
image is run by what a container is made of: its file system read-only, a tmpfs on /tmp, its own
user, no capabilities. Everything is kept below one folder and removed at the end, but the base.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from inventories.lab import apt_sources, rootfs
from inventories.lab.state import locked
from story_services.local import ports

ROOT = Path(__file__).resolve().parents[2]
CACHE = rootfs.CACHE
PACKAGES = "python3,python3-venv,ca-certificates"
LIMIT_S = 900.0
# The machine's own names must not become part of the image.
CLEAN = 'rm -f "$1/etc/resolv.conf" "$1/etc/hostname" "$1/etc/hosts"'


def run(*argv: str, env: Mapping[str, str] | None = None, limit: float = LIMIT_S) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=limit, env={**os.environ, **(env or {})}
    )
    assert done.returncode == 0, f"{argv[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def require_tools() -> None:
    """buildah and mmdebstrap, by apt when they are missing."""
    wanted = ("buildah", "mmdebstrap")
    if os.geteuid() != 0:
        pytest.fail("building an image needs root: sudo make test-long")
    if not all(map(shutil.which, wanted)):
        apt = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=apt)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted, env=apt)


def base() -> Path:
    """A tar of the base system, made once per machine (about a minute)."""
    found = apt_sources.mirror(_apt_texts())
    assert found is not None, "the machine has no Debian archive"
    lines = apt_sources.lines(found)
    digest = hashlib.sha256("\n".join([PACKAGES, CLEAN, *lines]).encode()).hexdigest()[:16]
    target = CACHE / f"python-base-{digest}.tar"
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE, what="the cache of images", wait_s=LIMIT_S):
        if not target.exists():
            unfinished = CACHE / f".{target.name}"
            unfinished.unlink(missing_ok=True)
            run(
                "mmdebstrap", "--quiet", "--format=tar", "--variant=essential",
                f"--include={PACKAGES}", f"--keyring={apt_sources.KEYRING}",
                "--dpkgopt=path-exclude=/usr/share/doc/*", f"--customize-hook={CLEAN}",
                apt_sources.SUITE, str(unfinished), *lines,
            )  # fmt: skip
            unfinished.rename(target)
    return target


def _apt_texts() -> list[str]:
    apt = Path("/etc/apt")
    return [
        path.read_text(errors="replace")
        for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
        if path.is_file() and path.suffix in (".list", ".sources")
    ]


class Builder:
    """buildah with storage of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        config = folder / "storage.conf"
        config.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\n'
            f'runroot = "{folder}/run"\n'
        )
        self._env = {"CONTAINERS_STORAGE_CONF": str(config), "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *arguments: str) -> str:
        return run("buildah", *arguments, env=self._env).strip()

    def base(self) -> str:
        """The base as an image; its name."""
        container = self("from", "scratch")
        self("add", container, str(base()), "/")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self("config", "--env", path, container)
        self("commit", "--quiet", container, "localhost/python-base:test")
        self("rm", container)
        return "localhost/python-base:test"

    def build(self) -> str:
        """The services' image; its name."""
        name = "localhost/story-services:test"
        self(
            "build", "--quiet", "--format", "docker", "--tag", name,
            "--file", str(ROOT / "story_services/Dockerfile"),
            "--build-arg", f"BASE_IMAGE={self.base()}",
            "--secret", f"id=pip_ca,src={rootfs.CA_BUNDLE}",
            str(ROOT),
        )  # fmt: skip
        return name

    def config(self, image: str) -> dict[str, Any]:
        """What the image says of itself."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))
        docker: dict[str, Any] = found["Docker"]["config"]
        return docker

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The image's file system."""
        container = self("from", "--pull-never", image)
        try:
            yield Path(self("mount", container))
        finally:
            self("umount", container)
            self("rm", container)

    def remove(self) -> None:
        """All images and containers."""
        self("rm", "--all")
        self("rmi", "--all", "--force")


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

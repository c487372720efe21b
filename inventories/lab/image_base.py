"""What the services' image stands on in a lab: Debian 13 with Python, from the machine's archive.

Guarantees: made once per machine and set of sources, never used half made; nothing in it names the
machine, its archive or an authority of its own. A production image has another base, by digest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from inventories.lab import apt_sources, rootfs
from inventories.lab.errors import LabError
from inventories.lab.rootfs import CACHE

PACKAGES = "python3,python3-venv,ca-certificates"
#: Seconds since 1970 that all files of base and image carry: the same sources, the same bytes.
TIMESTAMP = 1735689600
CLEAN = (
    'cd "$1" && rm -f etc/resolv.conf etc/hostname etc/hosts etc/apt/sources.list '
    "var/cache/debconf/*-old && rm -rf var/log/apt"
)
KEEP = 2  # bases of other sources that stay


def tar(say: Callable[[str], None] = lambda _: None) -> Path:
    """The base system as a tar, made when it is not there (a minute); hold the cache's lock."""
    lines = apt_sources.lines(rootfs.mirror("the base of the image"))
    digest = hashlib.sha256("\n".join([PACKAGES, CLEAN, *lines]).encode()).hexdigest()[:16]
    target = CACHE / f"python-base-{digest}.tar"
    if not target.exists():
        say(f"Making the base system of the image (once, into {CACHE})")
        _make(target, lines)
    os.utime(target)
    old = sorted(CACHE.glob("python-base-*.tar"), key=lambda path: -path.stat().st_mtime)
    for path in old[KEEP + 1 :]:
        path.unlink()
    return target


def _make(target: Path, lines: list[str]) -> None:
    rootfs.remove_unfinished()
    work = CACHE / f".build-{os.getpid()}-base"
    (work / "tmp").mkdir(mode=0o755, parents=True)
    try:
        done = subprocess.run(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child"),
                *("--mount", "--mount-proc", "mmdebstrap", "--quiet", "--format=tar"),
                *("--variant=essential", f"--include={PACKAGES}"),
                f"--keyring={apt_sources.KEYRING}",
                *("--dpkgopt=path-exclude=/usr/share/doc/*", f"--customize-hook={CLEAN}"),
                *(apt_sources.SUITE, str(work / "base.tar"), *lines),
            ],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(TIMESTAMP), "TMPDIR": str(work / "tmp")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise LabError(
                "The base system of the image could not be made; check that 'apt-get update' "
                f"works on this machine, then run this again:\n{tail}"
            )
        os.replace(work / "base.tar", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)

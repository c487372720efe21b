"""The way out for a machine without a fitting Java: the rehearsal hosts' Debian 13, plus Java 21.

Guarantees: the image is built once, beside its place and then renamed; it is only ever mounted
read-only and in the private mount namespace of the process that runs in it, so nothing remains of
it when that ends. Needs root and a Debian machine; says so otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from deploys import versions
from inventories.lab import disk, machine, rootfs
from inventories.lab.errors import LabError
from inventories.lab.state import locked
from story_services.local.errors import LocalNodeError

SCRIPTS = Path(__file__).parent / "scripts"
BUILD_LIMIT_S = 900.0
KEEP = 1  # older images that stay
#: Where things are inside.
JAVA = PurePosixPath("/usr/bin/java")
HOME = PurePosixPath("/opt")
STATE = PurePosixPath("/srv")


def image(say: Callable[[str], None] = lambda _: None) -> Path:
    """The image with Java, built when it is not there (10 s, and 40 s for what it stands on).

    LocalNodeError when this machine cannot build or run it.
    """
    try:
        machine.need_root()
        base = _base(say)
        target = rootfs.CACHE / f"java-{base.stem}-{versions.JAVA_PACKAGE}.img"
        if not target.exists():
            with locked(rootfs.CACHE, what="the images of this machine", wait_s=BUILD_LIMIT_S):
                if not target.exists():
                    say(f"Installing {versions.JAVA_PACKAGE} into a copy of {base} (once)")
                    _build(base, target)
    except LabError as error:
        raise LocalNodeError(str(error)) from None
    os.utime(target)
    return target


def command(image: Path, mount_point: Path, home: Path, state: Path) -> list[str]:
    """Command prefix: becomes the rest of the line inside the image, as root, with the same pid."""
    script = str(SCRIPTS / "rootfs-run.sh")
    places = (str(image), str(mount_point), str(home), str(state))
    return [*disk.private(), "sh", script, *places]


def _base(say: Callable[[str], None]) -> Path:
    if shutil.which("mmdebstrap") is None:  # its image may still be to be built
        machine.check()
        machine.install(say)
    return rootfs.image(say)


def _build(base: Path, target: Path) -> None:
    # This name, so that the lab removes what a killed build left.
    work = rootfs.CACHE / f".build-{os.getpid()}"
    work.mkdir(mode=0o755)
    try:
        done = subprocess.run(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child"),
                *("--mount", "--propagation", "private", "--mount-proc"),
                *("sh", str(SCRIPTS / "rootfs-build.sh")),
                *(str(base), str(work), versions.JAVA_PACKAGE),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(done.stdout.strip().splitlines()[-8:])
            raise LocalNodeError(
                f"{versions.JAVA_PACKAGE} could not be installed into the Debian 13 image; check "
                f"that 'apt-get update' works on this machine, then try again:\n{tail}"
            )
        os.replace(work / "disk.img", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    images = sorted(rootfs.CACHE.glob("java-*.img"), key=lambda path: -path.stat().st_mtime)
    for old in images[KEEP + 1 :]:
        old.unlink()

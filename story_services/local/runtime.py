"""What runs the node: a Java of this machine, or the one inside the lab's root file system.

Guarantees: whatever is chosen was tried as the user that the node will run as, before anything of
an earlier run is touched.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from story_services.local import home, jdk, rootfs
from story_services.local.config import Places
from story_services.local.errors import LocalNodeError
from story_services.local.launch import User


@dataclass(frozen=True)
class Runtime:
    """Paths as the node sees them, and what leads its command line (before its user)."""

    places: Places
    prefix: tuple[str, ...] = ()


def choose(
    state: Path, user: User, java_home: Path | None, inside: bool, say: Callable[[str], None]
) -> Runtime:
    """The given Java, else one of this machine, else the root file system (`inside`: that only).

    LocalNodeError when none can be had, with what to install.
    """
    if inside:
        return _inside(state, say)
    if java_home is not None:
        return _here(state, user, jdk.checked(java_home, user.command()))
    found = jdk.find(user.command())
    if found is not None:
        return _here(state, user, found)
    try:
        return _inside(state, say)
    except LocalNodeError as error:
        raise jdk.none_found(str(error)) from None


def _here(state: Path, user: User, java: jdk.Jdk) -> Runtime:
    folder = home.home()
    for path in (state, folder):
        _refuse_unreachable(path, user)
    return Runtime(Places(*(PurePosixPath(path) for path in (java.java, folder, state))))


def _inside(state: Path, say: Callable[[str], None]) -> Runtime:
    image = rootfs.image(say)
    mount_point = state / "rootfs"
    mount_point.mkdir(exist_ok=True, mode=0o755)
    return Runtime(
        Places(rootfs.JAVA, rootfs.HOME, rootfs.STATE),
        tuple(rootfs.command(image, mount_point, home.home(), state)),
    )


def _refuse_unreachable(path: Path, user: User) -> None:
    """Root can use folders that the node's user cannot enter: say so instead of a Java error."""
    argv = [*user.command(), "test", "-x", str(path)]
    if user.uid is not None and subprocess.run(argv, cwd="/", check=False).returncode != 0:
        raise LocalNodeError(
            f"OpenSearch does not run as root, and the user it would run as (number {user.uid}) "
            f"cannot enter {path}: name a folder that everybody may enter, such as one below "
            "/var/lib, or one that belongs to the user who shall run it."
        )

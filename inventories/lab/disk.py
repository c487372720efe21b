"""A host's own disk: a sparse ext4 image of the size of its bundle, so that full is really full.

Guarantees: the disk is mounted only in private mount namespaces, so no mount and no loop device
outlives the process that needed it; an image appears under its name only when it is complete.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from inventories.lab import tree
from inventories.lab.errors import LabError

SCRIPTS = Path(__file__).parent / "scripts"
USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


def make(image: Path, directory: Path, *, size_gb: int, files: tree.Files, user: str) -> None:
    """Make `directory/disk.img` from the image, with the host's files and its login user.

    `files` must hold etc/rehearsal/authorized_keys, which becomes the user's.
    """
    mount_point = directory / "root"
    mount_point.mkdir(exist_ok=True)
    unfinished = directory / "disk.img.new"
    unfinished.unlink(missing_ok=True)
    _run(["cp", "--sparse=always", "--reflink=auto", str(image), str(unfinished)], b"")
    os.chmod(unfinished, 0o600)
    os.truncate(unfinished, size_gb * 1024**3)
    script = str(SCRIPTS / "populate.sh")
    _run([*private(), "sh", script, str(unfinished), str(mount_point), user], tree.tar(files))
    os.replace(unfinished, directory / "disk.img")


def checked_user(user: str) -> str:
    """Return the name, or say what a login user may be called (root logs in nowhere)."""
    if not USER.fullmatch(user) or user == "root":
        raise LabError(
            f"'{user}' cannot be a login user: use lower-case letters and digits, not 'root'."
        )
    return user


def private() -> list[str]:
    """Command prefix: a mount namespace whose mounts nobody else sees."""
    return ["unshare", "--mount", "--propagation", "private"]


def _run(argv: list[str], stdin: bytes) -> None:
    # ends with us: a killed creation must not go on writing into what `down` removes
    argv = ["setpriv", "--pdeathsig", "KILL", *argv]
    done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise LabError(f"A host's disk could not be made: {reason or argv[3]}.")

"""Where a lab keeps its record, and the lock that goes with it.

Guarantees: every resource of a lab (bridge, nft table, address, control groups, processes, disks)
is named in files under `/var/lib/fountainai-lab/<name>/` before it is made, so that `down` can
remove it whatever was killed and when. A lock is a flock on a directory: it dies with its holder.
Never holds secrets of the environment; host disks below it are readable by root only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from inventories.lab.errors import LabError

ROOT = Path("/var/lib/fountainai-lab")
NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Lab:
    """One lab, as lab.json says it; `ready` is true once `rehearse up` got to its end."""

    name: str
    subnet: str  # 10.83.N.0/24
    gateway: str  # the machine's address on the bridge, which is the operator's address
    bridge: str
    api: str | None = None
    overlay: str | None = None  # the site overlay of this lab, a copy in its state
    rtt_ms: int = 0
    pids: dict[str, int] = field(default_factory=dict)
    ready: bool = False
    project: str = ""  # the checkout whose derived files and keys belong to this lab

    @property
    def directory(self) -> Path:
        return ROOT / self.name

    @property
    def table(self) -> str:
        """Name of the lab's own nft table (family ip)."""
        return f"lab-{self.name}"

    def save(self) -> Lab:
        write_json(self.directory / "lab.json", asdict(self))
        return self

    def changed(self, **values: Any) -> Lab:
        """Change some fields and save; other processes see the old or the new file, never half."""
        return replace(self, **values).save()


def checked_name(name: str) -> str:
    """Return the name, or say what a lab may be called (it becomes part of paths and tables)."""
    if not NAME.fullmatch(name) or name == "production":
        raise LabError(
            f"'{name}' cannot be a lab's name: use 2 to 24 lower-case letters, digits and "
            "hyphens, a letter first and no hyphen last, not "
            "'production', for example 'lab-2'."
        )
    return name


def checked_host(name: str) -> str:
    """Return a host's name when it can be one (it becomes part of paths and of /etc/hosts)."""
    if not HOST_NAME.fullmatch(name):
        raise LabError(
            f"'{name}' cannot be a host's name: use at most 40 letters, digits and hyphens, "
            "starting with a letter or digit."
        )
    return name


def find(name: str) -> Lab | None:
    """Read the lab of that name; None when there is none (or `up` died before its first record)."""
    try:
        data = json.loads((ROOT / checked_name(name) / "lab.json").read_text())
    except FileNotFoundError:
        return None
    except PermissionError:
        raise LabError(f"The lab '{name}' belongs to root: run this as root (sudo).") from None
    return Lab(**data)


def load(name: str) -> Lab:
    """Read the lab of that name or say which labs there are."""
    lab = find(name)
    if lab is None:
        known = ", ".join(names()) or "none"
        raise LabError(
            f"There is no lab '{name}' (labs on this machine: {known}). "
            f"'rehearse up --name {name}' makes it."
        )
    return lab


def names() -> list[str]:
    """Every lab that has a state directory, complete or not, sorted."""
    try:
        return sorted(p.name for p in ROOT.iterdir() if p.is_dir() and NAME.fullmatch(p.name))
    except (FileNotFoundError, PermissionError):
        return []


@contextlib.contextmanager
def locked(directory: Path, *, what: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the exclusive lock on a directory, made if missing; refused when `wait_s` runs out.

    The directory may be removed by the holder: whoever waited then starts over on a new one.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            directory.mkdir(parents=directory.parent == ROOT, exist_ok=True, mode=0o755)
        except FileExistsError:
            continue  # removed between the attempt and the look at what is there
        except FileNotFoundError:
            raise LabError(f"{what.capitalize()} cannot be reached: its lab was removed.") from None
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            _flock(descriptor, deadline, what)
            if not _same(descriptor, directory):
                continue
            yield
            return
        finally:
            os.close(descriptor)


def _flock(descriptor: int, deadline: float, what: str) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LabError(
                    f"Another command is working on {what} just now: wait for it, then run "
                    "this again."
                ) from None
            time.sleep(0.05)
        else:
            return


def _same(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def write_json(path: Path, data: Any) -> None:
    """Write by a temporary file in the same directory, fsync and rename."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as stream:
            json.dump(data, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

"""The state folder of a local node: what is kept between runs, and who is using it.

Guarantees: one user of a folder at a time (a lock that ends with its holder); a process is only
ever ended when pid, start time, boot and its own command line say that it is this folder's node.
Layout: data/ and logs/ are kept; conf/ and tmp/ are made anew for each start; node.pid is the
process, node.json what it was started with, console.log its last output.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from inventories.lab import process
from story_services.local.config import MARKER
from story_services.local.ending import ended
from story_services.local.errors import LocalNodeError
from story_services.local.launch import User

KEPT = ("data", "logs")
FRESH = ("conf", "tmp")


class State:
    """A node's folder; `path` is absolute."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.record = self.path / "node.pid"
        self.console = self.path / "console.log"
        self._facts = self.path / "node.json"
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the folder if it is missing and take it, or say who has it."""
        try:
            if not self.path.is_dir():
                self.path.mkdir(parents=True, exist_ok=True)
                self.path.chmod(0o755)  # whatever the umask: the node's user must get in
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LocalNodeError(
                f"The node's folder {self.path} cannot be used ({error.strerror}): name one that "
                "you may write to."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise LocalNodeError(
                f"A local OpenSearch runs in {self.path} for the process {holder}: use that one, "
                "end that process, or name another folder."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor

    def unlock(self) -> None:
        """Give the folder free; fine when it is."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def held(self) -> bool:
        """Whether this object has the folder."""
        return self._lock is not None

    @property
    def marker(self) -> str:
        """What the node's command line says about whose it is."""
        return str(self.path)

    def running(self) -> process.Recorded | None:
        """This folder's node when it runs."""
        found = process.alive(self.record)
        return found if found and self._is_ours(found.pid) else None

    def end(self, grace_s: float) -> None:
        """End this folder's node: SIGTERM, and SIGKILL after `grace_s`; at once when it is 0.

        On return its port and its files are free.
        """
        found = process.recorded(self.record)
        if found is not None and not ended(found, self._is_ours, grace_s):
            raise LocalNodeError(
                f"The local OpenSearch in {self.path} (process {found.pid}) cannot be ended."
            )
        self.record.unlink(missing_ok=True)

    def facts(self) -> dict[str, object]:
        """What the last node here was started with (`port`, `outlives`); empty when unknown."""
        try:
            found = json.loads(self._facts.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def prepare(self, files: Mapping[str, bytes], facts: Mapping[str, object], user: User) -> None:
        """Make everything ready for a start by `user`."""
        for name in FRESH:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (*KEPT, *FRESH):
            folder = self.path / name
            if not folder.is_dir():
                folder.mkdir(mode=0o750)
                _give(folder, user)
        for name, content in files.items():
            path = self.path / "conf" / name
            path.write_bytes(content)
            _give(path, user)
        new = self._facts.with_suffix(".new")
        new.write_text(json.dumps(facts))
        new.replace(self._facts)

    def _is_ours(self, pid: int) -> bool:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        # Empty for a moment while the process becomes the next command of its line.
        return not line or f"-D{MARKER}={self.marker}".encode() in line.split(b"\0")


def _give(path: Path, user: User) -> None:
    if user.uid is not None and user.gid is not None:
        os.chown(path, user.uid, user.gid)

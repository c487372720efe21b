"""The folder of `story serve`: what is kept between runs, and who is using it.

Guarantees: one user at a time, by a lock that ends with its holder however that ends; the record
beside it tells the next one who holds it, or that the last one did not end in order.
"""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from story_services.client.errors import ClientError

#: Root's place: the node runs as another user, who could not enter root's own home.
_ROOT = Path("/var/lib/fountainai/story")


def default_folder() -> Path:
    """Where this user's stories are kept: `$XDG_STATE_HOME/fountainai/story`."""
    if os.geteuid() == 0:
        return _ROOT
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state or Path.home() / ".local/state") / "fountainai/story"


class Folder:
    """A data folder; `node` is the part of it that belongs to the search node."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.node = self.path / "node"
        self._record = self.path / "serve.json"
        self._lock: int | None = None

    def take(self, url: str) -> str | None:
        """Take the folder for services at `url`; ClientError that says who has it.

        Returns what is to be said of the last holder when it did not end in order.
        """
        try:
            _make(self.path)
            descriptor = os.open(self.path / "serve.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ClientError(
                f"The data folder {self.path} cannot be used: {error.strerror}.",
                "name one that you may write to: --data DIR",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise self._held() from None
        self._lock = descriptor
        left = self._said()
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        self._write({"pid": os.getpid(), "url": url, "since": since})
        if not left:
            return None
        return (
            f"The last 'story serve' here (process {left.get('pid')}, since {left.get('since')}) "
            "was cut off. What it left running is ended; the data is kept."
        )

    def release(self) -> None:
        """End in order."""
        self._record.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _held(self) -> ClientError:
        holder = self._said()
        pid = holder.get("pid", "unknown")
        return ClientError(
            f"The stories in {self.path} are served already: by process {pid} at "
            f"{holder.get('url', 'an unknown address')}, since {holder.get('since', 'just now')}.",
            f"use that one, or end it (Ctrl-C where it runs, or 'kill {pid}'), or name another "
            "folder by --data DIR",
        )

    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def _write(self, record: dict[str, Any]) -> None:
        new = self._record.with_suffix(".new")
        new.write_text(json.dumps(record) + "\n")
        new.replace(self._record)


def _make(path: Path) -> None:
    """The folder with its parents; root's can be entered by the node's user, whatever the umask."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            folder.chmod(0o755)

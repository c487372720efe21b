"""Starts the node's process: recorded, as the right user, and ending with its starter if wished.

Guarantees: the process writes its record (pid, start time, boot) before it becomes the node; an
attached one gets SIGKILL from the kernel when the process that started it ends, however that ends.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from inventories.lab import process
from inventories.lab.errors import LabError
from story_services.local.errors import LocalNodeError

#: Who runs the node when root owns its state: a number that is nobody's account.
NODE_UID = 60717
RECORD_LIMIT_S = 20.0

# The signal is for the end of a parent that was there when it was asked for: look afterwards.
GUARD = '[ "$PPID" -eq "$1" ] || exit 1; shift; exec "$@"'


@dataclass(frozen=True)
class User:
    """Whom to become before the node; as oneself when `uid` is None."""

    uid: int | None = None
    gid: int | None = None

    def command(self, *, ends_with_parent: bool = False) -> list[str]:
        """Command prefix that drops root's rights, and any way back to them."""
        argv = ["setpriv", "--no-new-privs"]
        if self.uid is not None:
            argv += ["--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups"]
        if ends_with_parent:  # after the change of user, which resets it
            argv += ["--pdeathsig", "KILL", "sh", "-c", GUARD, "sh", str(os.getpid())]
        return argv


def user_for(state: Path) -> User:
    """OpenSearch refuses root: the owner of the state folder, or a number that is nobody."""
    if os.geteuid() != 0:
        return User()
    owner = state.stat()
    if owner.st_uid == 0:
        return User(NODE_UID, NODE_UID)
    return User(owner.st_uid, owner.st_gid)


def environment(home: PurePosixPath) -> dict[str, str]:
    """Only what the node needs: nothing of the starter's may change what Java does."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
    }


def launch(
    argv: Sequence[str], *, record: Path, log: Path, env: Mapping[str, str], outlives: bool
) -> process.Recorded:
    """Start the command in a session of its own and return its record; output goes to `log`.

    With `outlives` it goes on when its starter ends; without, the command must carry
    `User.command(ends_with_parent=True)`.
    """
    log.unlink(missing_ok=True)
    try:
        if outlives:
            return process.spawn(list(argv), record=record, log=log, env=dict(env))
        return _Child(argv, record, log, env).recorded()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        raise LocalNodeError(f"The local OpenSearch did not start: {error}") from None


class _Child(threading.Thread):
    """Starts a process and waits for its end.

    The kernel ends the process together with the *thread* that started it: this one does nothing
    else, so it lives as long as either.
    """

    def __init__(
        self, argv: Sequence[str], record: Path, log: Path, env: Mapping[str, str]
    ) -> None:
        super().__init__(daemon=True, name=f"waits for {record}")
        self._argv = ["sh", "-c", process.RECORD, "sh", str(record), *argv]
        self._record, self._log, self._env = record, log, env
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            with self._log.open("ab") as output:
                child = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=dict(self._env),
                    start_new_session=True,
                )
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        child.wait()
        self._ended.set()

    def recorded(self) -> process.Recorded:
        """Start, and return what the process recorded of itself."""
        self._record.unlink(missing_ok=True)
        self.start()
        self._started.wait()
        if self._failure:
            raise self._failure
        tries = int(RECORD_LIMIT_S / 0.005)
        for _ in range(tries):
            found = process.recorded(self._record)
            if found:
                return found
            if self._ended.wait(0.005):
                break
        tail = self._log.read_text(errors="replace").strip()[-500:]
        raise LocalNodeError(f"The local OpenSearch did not start: {tail or 'no record'}")

"""Secrets on the operator's machine: typed so that they cannot be printed by accident.

Files live under `.secrets/<env>/`, directories 0700 and files 0600, and never leave it except
where a role names one as the content of a file on a host.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RECORD_KEY_BYTES = 32


class SecretError(Exception):
    """A secret that is missing, unreadable or open to others; the message says what to do."""


class Secret:
    """Bytes that show themselves as `<secret>` everywhere but in `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves; call it where they are written, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


def private_directory(path: Path) -> Path:
    """Make `path` and what is missing above it, 0700; existing parents are left alone."""
    try:
        for part in (*reversed(path.parents), path):
            if not part.is_dir():
                part.mkdir(mode=0o700, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}; secrets need a directory of yours") from None
    return path


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write the whole file by temporary file, fsync and rename: never half, never wider open."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; a second process waits, a dead holder frees it."""
    private_directory(directory)
    with (directory / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def record_key(secrets_dir: Path) -> Secret:
    """The key that digests secret files in a host's record; made on first use.

    `secrets_dir` is `.secrets/<env>`. A keyed digest, so that the record on a host cannot be used
    to guess a short secret.
    """
    path = secrets_dir / "record.key"
    with locked(secrets_dir):
        if not path.exists():
            write_private(path, secrets.token_bytes(RECORD_KEY_BYTES))
        return read_private(path)


def read_private(path: Path) -> Secret:
    """A secret file's bytes; refuses one that others may read."""
    try:
        if path.stat().st_mode & 0o077:
            raise SecretError(f"{path} is open to other users; run: chmod 600 {path}")
        return Secret(path.read_bytes())
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}") from None

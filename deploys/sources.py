"""Values of secrets from where `site.toml` says they are: environment, file or command.

A value is read when it is needed and handed on as a `Secret`; it is never cached on disk, printed,
or put into an argument or a message. Each failure is one `SecretError` that names the key of
`site.toml` and its place. A command runs without a shell and without a terminal, and once per
process: a password manager may ask the person each time.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from deploys.secret_settings import Source
from deploys.secrets import Secret, SecretError, write_private

LIMIT = 64 * 1024  # bytes of one value
TIMEOUT_S = 30.0
_SHOWN = 300  # characters of what a failing command said
_TOKEN = re.compile(rb"[\x21-\x7e]{1,4096}")

_printed: dict[tuple[tuple[str, ...], Path], bytes] = {}
_one_command = threading.Lock()


def read(source: Source, *, what: str, base: Path) -> Secret:
    """The value. `what` is the key in `site.toml`; paths and commands start in `base`.

    One newline at the end of a file or of what a command prints is not part of the value.
    """
    where = f"secrets.{what} ({source.told})"
    if source.env is not None:
        value = _of_env(source.env, where)
    elif source.file is not None:
        value = _without_newline(_of_file(base / Path(source.file).expanduser(), where))
    elif source.command is not None:
        value = _without_newline(_of_command(source.command, where, base))
    else:
        raise SecretError(f"secrets.{what} names no place")
    if not value:
        raise SecretError(f"{where} is empty")
    if len(value) > LIMIT:
        raise SecretError(f"{where} is larger than {LIMIT // 1024} KiB")
    return Secret(value)


def read_token(source: Source, *, what: str, base: Path) -> Secret:
    """A value that has to be one word: it becomes part of a header or of a login."""
    found = read(source, what=what, base=base)
    if not _TOKEN.fullmatch(found.reveal()):
        raise SecretError(
            f"secrets.{what} ({source.told}) holds a space, a control character, a letter outside "
            "ASCII or more than 4096 characters; it has to be one word"
        )
    return found


def replace_file(source: Source, value: bytes, *, base: Path) -> None:
    """Write another value into the file a source names, whole and 0600."""
    if source.file is None:
        raise SecretError(f"{source.told} cannot be written to from here")
    path = (base / Path(source.file).expanduser()).resolve()
    try:
        write_private(path, value + b"\n")
    except OSError as error:
        raise SecretError(f"{source.told}: {error.strerror}") from None


def _without_newline(value: bytes) -> bytes:
    return value.removesuffix(b"\r\n") if value.endswith(b"\r\n") else value.removesuffix(b"\n")


def _of_env(name: str, where: str) -> bytes:
    try:
        return os.environb[name.encode()]
    except KeyError:
        raise SecretError(f"{where} is not set; run: export {name}=…") from None


def _of_file(path: Path, where: str) -> bytes:
    try:
        # Not to wait for the writer of a pipe.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise SecretError(f"{where} is no ordinary file")
            if found.st_mode & 0o077:
                raise SecretError(f"{where} is open to other users; run: chmod 600 {path}")
            return file.read(LIMIT + 3)
    except OSError as error:
        raise SecretError(f"{where}: {error.strerror}; put the value there, mode 600") from None


def _of_command(argv: tuple[str, ...], where: str, base: Path) -> bytes:
    with _one_command:
        if (argv, base) not in _printed:
            _printed[argv, base] = _run(argv, where, base)
        return _printed[argv, base]


def _run(argv: tuple[str, ...], where: str, base: Path) -> bytes:
    try:
        process = subprocess.Popen(
            argv,
            cwd=base,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal to ask on, and one group to end
        )
    except OSError as error:
        raise SecretError(f"{where} cannot be run: {error.strerror}") from None
    deadline = time.monotonic() + TIMEOUT_S
    out, err = _Pipe(process.stdout, LIMIT + 3), _Pipe(process.stderr, LIMIT, tail=True)
    code: int | None = None
    with suppress(subprocess.TimeoutExpired):
        if out.ended(deadline) and not out.full:
            code = process.wait(max(0.0, deadline - time.monotonic()))
    if code is None:  # what ended by itself may have left an agent behind that shall live
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    err.ended(time.monotonic() + 1)
    if out.full:
        raise SecretError(f"{where} prints more than {LIMIT // 1024} KiB")
    if code is None:
        raise SecretError(
            f"{where} did not end within {TIMEOUT_S:.0f} seconds; it gets no terminal: log in to "
            "your password manager first"
        )
    if code != 0:
        raise SecretError(f"{where} ended with code {code}: {_said(err.data, out.data)}")
    return out.data


class _Pipe:
    """Reads one pipe beside the others: its first `limit` bytes, or with `tail` its last."""

    def __init__(self, pipe: IO[bytes] | None, limit: int, *, tail: bool = False) -> None:
        self.data = b""
        self._limit, self._tail = limit, tail
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        return not self._tail and len(self.data) >= self._limit

    def ended(self, deadline: float) -> bool:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while not self.full and (chunk := pipe.read(4096)):
                self.data = (self.data + chunk)[-self._limit :]


def _said(stderr: bytes, stdout: bytes) -> str:
    """The end of what a command complained about, on one line, without what it printed."""
    text = stderr.decode(errors="replace")
    if value := stdout.decode(errors="replace").strip():
        text = text.replace(value, "<secret>")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (line if len(line) <= _SHOWN else "…" + line[-_SHOWN:]) or "it said nothing"

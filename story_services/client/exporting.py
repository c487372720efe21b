"""Gets a script out as a file: whole or not at all.

The file is written beside its place and renamed when it is complete and on disk; what was there
before stays until then. Without a file the export goes to stdout once all of it has come.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from story_services.client.api import Api
from story_services.client.errors import ClientError

FORMATS = ("json", "txt", "fountain")


def format_of(name: str | None, out: Path | None) -> str:
    """The format asked for, else the one that the file's name stands for, else json."""
    if name is not None:
        wanted = name
    else:
        wanted = out.suffix.removeprefix(".").lower() if out and out.suffix else "json"
    if wanted not in FORMATS:
        raise ClientError(
            f"There is no format {wanted!r}; there are {', '.join(FORMATS)}.",
            "name one of them by --format",
        )
    return wanted


def export(api: Api, script_id: int, format: str, out: Path | None) -> int:
    """Write the export to `out`, or to stdout; returns its size in bytes."""
    content = api.export(script_id, format)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write(content, out.resolve())  # a link stays one
    return len(content)


def _write(content: bytes, target: Path) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, _mode(target))
            os.replace(name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise ClientError(f"{target} cannot be written: {error.strerror}.") from None


def _mode(target: Path) -> int:
    """That of the file that is there; of a new one what the umask leaves."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask

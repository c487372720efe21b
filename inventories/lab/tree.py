"""Files with owner root as one tar stream: how content gets into images and host disks.

Pure: same files give the same bytes (sorted, no times), so a digest of it names an image.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

Files = Mapping[str, tuple[bytes, int]]  # path below /, with content and mode


def tar(files: Files) -> bytes:
    """One tar with the files and their directories (0755), everything owned by root."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for directory in _directories(files):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path in sorted(files):
            content, mode = files[path]
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _directories(files: Files) -> list[str]:
    """Directories the files need, except those at the top, which every system has."""
    parents = {str(p) for path in files for p in PurePosixPath(path).parents if len(p.parts) > 1}
    return sorted(parents)


def read(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a directory with the mode a checkout keeps (executable or not)."""
    return {
        str(path.relative_to(directory)): (
            path.read_bytes(),
            0o755 if path.stat().st_mode & 0o100 else 0o644,
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }

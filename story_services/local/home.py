"""The unpacked OpenSearch of a local node, one folder per archive, shared by all nodes.

Guarantees: the folder is named by the archive's sha256, is complete or absent (unpacked beside its
place, then renamed), and nobody but its owner may write to it. The archive itself comes checked
from `deploys.artefacts`.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from deploys import artefacts, versions
from inventories.lab.errors import LabError
from inventories.lab.state import locked
from story_services.local.errors import LocalNodeError

#: Root's cache: the node runs as another user, who could not enter root's own home.
ROOT_CACHE = Path("/var/cache/fountainai")
UNPACK_LIMIT_S = 300.0


def cache() -> Path:
    """Where this user's unpacked archives are."""
    return ROOT_CACHE if os.geteuid() == 0 else artefacts.cache_folder()


def home(version: str = versions.OPENSEARCH_DEFAULT, *, below: Path | None = None) -> Path:
    """The folder of that OpenSearch below the cache, unpacked when it is not there (3 s).

    LocalNodeError when the archive cannot be had.
    """
    pinned = versions.opensearch(version)
    folder = below or cache()
    target = folder / f"{pinned.name}-{version}-{pinned.sha256[:16]}"
    if target.is_dir():
        return target
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _make(folder)
        with locked(folder, what=f"the cache {folder}", wait_s=UNPACK_LIMIT_S):
            if not target.is_dir():
                _remove_unfinished(folder)
                unfinished = folder / f".unpack-{pinned.sha256[:16]}"
                unpack(artefacts.opensearch(version), unfinished)
                unfinished.rename(target)
    except (artefacts.ArtefactError, LabError, zipfile.BadZipFile, OSError) as error:
        raise LocalNodeError(f"A local OpenSearch cannot be had: {error}") from None
    return target


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive without its single top folder; BadZipFile when it has not just one."""
    with zipfile.ZipFile(archive) as source:
        tops = {name.split("/", 1)[0] for name in source.namelist()}
        if len(tops) != 1:
            raise zipfile.BadZipFile(f"{archive} should have one top folder, has {len(tops)}")
        _make(target)
        for entry in source.infolist():
            inner = Path(entry.filename.partition("/")[2])
            if inner.is_absolute() or ".." in inner.parts:
                raise zipfile.BadZipFile(f"{archive} has an unsafe path {entry.filename}")
            path = target / inner
            if entry.is_dir():
                _make(path)
                continue
            with source.open(entry) as packed, path.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
            path.chmod(0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)


def _make(folder: Path) -> None:
    """A folder that everybody may read, whatever this process's umask is."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _remove_unfinished(folder: Path) -> None:
    for left in folder.glob(".unpack-*"):
        shutil.rmtree(left, ignore_errors=True)

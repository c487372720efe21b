"""Archives fetched to the operator's machine, checked by sha256 before anyone uses them.

Order: the operator's own folder (`FOUNTAINAI_ARTEFACTS`), the cache, then Maven Central through
the `jgo` library. A file that does not match its pinned sum is never returned, and the cache
only ever holds whole, checked files.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from deploys import versions
from deploys.versions import Pinned

FOLDER_VARIABLE = "FOUNTAINAI_ARTEFACTS"


class ArtefactError(Exception):
    """An archive that cannot be had or is not what it should be; the message says the way out."""


def cache_folder() -> Path:
    """Where checked archives are kept: `$XDG_CACHE_HOME/fountainai`, default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fountainai"


def sha256_of(path: Path) -> str:
    """sha256 of a file in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opensearch(version: str, folder: Path | None = None, cache: Path | None = None) -> Path:
    """Path of the checked OpenSearch zip of that version, fetched when it is nowhere yet.

    `folder` overrides the operator's artefact folder, `cache` the cache.
    """
    return fetch(versions.opensearch(version), folder=folder, cache=cache)


def fetch(pinned: Pinned, folder: Path | None = None, cache: Path | None = None) -> Path:
    """Path of the archive with the pinned sum; ArtefactError when it cannot be had."""
    given = os.environ.get(FOLDER_VARIABLE)
    folder = folder or (Path(given) if given else None)
    if folder is not None:
        mine = folder / pinned.filename
        if mine.is_file():
            return _checked(mine, pinned, f"replace it, or unset {FOLDER_VARIABLE}")
        if not folder.is_dir():
            raise ArtefactError(f"{FOLDER_VARIABLE}: {folder} is not a folder")
    cache = cache or cache_folder()
    kept = cache / pinned.filename
    if kept.is_file():
        if sha256_of(kept) == pinned.sha256:
            return kept
        kept.unlink()  # damaged after it was checked: the only file here that we may remove
    return _download(pinned, kept)


def _download(pinned: Pinned, target: Path) -> Path:
    from jgo.maven import MavenContext  # slow to import, and only needed on a first fetch

    target.parent.mkdir(parents=True, exist_ok=True)
    way_out = (
        f"try again with a network, or put {pinned.filename} into a folder and name it in "
        f"{FOLDER_VARIABLE}"
    )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        try:
            project = MavenContext(repo_cache=Path(folder)).project(
                versions.OPENSEARCH_GROUP, versions.OPENSEARCH_ARTEFACT
            )
            found = project.at_version(pinned.version).artifact(packaging="zip").resolve()
        except Exception as error:  # jgo raises whatever its transport does
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ArtefactError(
                f"{pinned.name} {pinned.version} could not be downloaded from Maven Central "
                f"({reason}); {way_out}"
            ) from None
        path = _checked(Path(found), pinned, way_out)
        path.replace(target)
    return target


def _checked(path: Path, pinned: Pinned, way_out: str) -> Path:
    actual = sha256_of(path)
    if actual != pinned.sha256:
        raise ArtefactError(
            f"{path} is not {pinned.name} {pinned.version}: its sha256 is {actual}, "
            f"wanted {pinned.sha256}; {way_out}"
        )
    return path

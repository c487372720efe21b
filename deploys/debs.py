"""Kong's deb on the operator's machine: the pinned file for a host's system, or the lab's stand-in.

Order for Kong: the file the site names, the operator's folder (`FOUNTAINAI_ARTEFACTS`), the
cache, then Kong's own site. Nothing with another sha256 than the pinned one is ever returned,
and a stand-in only where the site asks for it.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import tarfile
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys import versions
from deploys.artefacts import FOLDER_VARIABLE, ArtefactError, cache_folder, sha256_of

STANDIN = "fountainai-kong-standin"
DOWNLOAD_S = 60  # of silence, not in total
_MOST_MB = 400


@dataclass(frozen=True)
class Deb:
    """One package file: what it is called, which sum it has, where it is published."""

    package: str
    version: str
    sha256: str
    url: str = ""
    source: str = ""  # the file on this machine, where the site names one

    @property
    def filename(self) -> str:
        return self.url.rpartition("/")[2]


def kong(version: str, os_id: str, os_version: str, arch: str) -> Deb:
    """Kong's own package for a system; ArtefactError with the way out when there is none."""
    known = versions.KONG_DEBS[version]
    try:
        path, digest = known[os_id, os_version, arch]
    except KeyError:
        there = ", ".join(f"{a} {b} ({c})" for a, b, c in known)
        raise ArtefactError(
            f"Kong {version} has no package for {os_id} {os_version} ({arch}): it needs libpcre3, "
            f"which newer systems no longer have. Packages there are for {there}; take an Ubuntu "
            '24.04 host (blueprint = "ubuntu_24_04"), or in a lab [kong] package = "standin"'
        ) from None
    return Deb("kong", version, digest, versions.KONG_SITE + path)


def by_digest(artefact: Mapping[str, Any]) -> Deb:
    """The package that a planned change installs: the site's own file, or a published one."""
    package, version = artefact["package"], artefact["version"]
    published = [
        Deb(package, version, digest, versions.KONG_SITE + path)
        for path, digest in versions.KONG_DEBS.get(version, {}).values()
        if digest == artefact["sha256"]
    ]
    if published and not artefact["source"]:
        return published[0]
    return Deb(package, version, artefact["sha256"], source=artefact["source"])


def standin(file: str | None, root: Path) -> Deb:
    """The lab's stand-in from the file the site names; ArtefactError when it is something else."""
    if not file:
        raise ArtefactError(
            '[kong] package = "standin" needs artefact = "<its deb>"; rehearse image makes both'
        )
    path = root / file
    try:
        control = control_of(path)
    except OSError as error:
        raise ArtefactError(f"[kong] artefact {path}: {error.strerror}") from None
    if control.get("Package") != STANDIN:
        raise ArtefactError(
            f"[kong] artefact {path} is {_named(control)}, not the stand-in {STANDIN}"
        )
    return Deb(STANDIN, control["Version"], sha256_of(path), source=str(path))


def find(deb: Deb, *, cache: Path | None = None) -> Path:
    """The checked file, downloaded when it is nowhere yet; ArtefactError when it cannot be had."""
    if deb.source:
        return _checked(Path(deb.source), deb, "name another file as [kong] artefact")
    given = os.environ.get(FOLDER_VARIABLE)
    if given and (mine := Path(given) / deb.filename).is_file():
        return _checked(mine, deb, f"replace it, or unset {FOLDER_VARIABLE}")
    kept = (cache or cache_folder()) / deb.filename
    if kept.is_file():
        if sha256_of(kept) == deb.sha256:
            return kept
        kept.unlink()  # damaged after it was checked: the only file here that we may remove
    return _download(deb, kept)


def _download(deb: Deb, target: Path) -> Path:
    way_out = (
        f"download it elsewhere from {deb.url} and put it as {deb.filename} into a folder that "
        f"{FOLDER_VARIABLE} names"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        path = Path(folder) / "deb"
        try:
            with (
                urllib.request.urlopen(deb.url, timeout=DOWNLOAD_S) as answer,  # noqa: S310  ours
                path.open("wb") as file,
            ):
                while piece := answer.read(1 << 20):
                    file.write(piece)
                    if file.tell() > _MOST_MB << 20:
                        raise OSError(f"it is larger than {_MOST_MB} MB")
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise ArtefactError(
                f"{deb.package} {deb.version} could not be downloaded ({reason}); {way_out}"
            ) from None
        _checked(path, deb, way_out)
        path.replace(target)
    return target


def _checked(path: Path, deb: Deb, way_out: str) -> Path:
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise ArtefactError(f"{path}: {error.strerror}; {way_out}") from None
    if actual == deb.sha256:
        return path
    raise ArtefactError(
        f"{path} is {_named(control_of(path))} and not the pinned {deb.package} {deb.version}: "
        f"its sha256 is {actual}, wanted {deb.sha256}; {way_out}"
    )


def _named(control: dict[str, str]) -> str:
    """What a package file says it is; an Enterprise package is named as such."""
    name = control.get("Package")
    if not name:
        return "no readable Debian package"
    named = f"{name} {control.get('Version', '')}".strip()
    enterprise = "enterprise" in name or re.match(r"\d+(\.\d+){3}", control.get("Version", ""))
    return f"{named} (Kong Enterprise, which is never used here)" if enterprise else named


def control_of(path: Path) -> dict[str, str]:
    """The control fields of a deb; empty when the file is none or cannot be read here."""
    try:
        content = _control_archive(path)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            member = next(m for m in archive if m.name.lstrip("./") == "control")
            text = archive.extractfile(member).read().decode()  # type: ignore[union-attr]
    except (ValueError, StopIteration, tarfile.TarError, lzma.LZMAError, EOFError):
        return {}
    return dict(re.findall(r"^([A-Za-z-]+): (.*)$", text, re.MULTILINE))


def _control_archive(path: Path) -> bytes:
    """The member `control.tar*` of the ar archive that a deb is; ValueError when there is none."""
    with path.open("rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise ValueError("no ar archive")
        while head := file.read(60):
            name, size = head[:16].decode("ascii").strip(), int(head[48:58])
            if name.startswith("control.tar"):
                return file.read(min(size, 1 << 24))
            file.seek(size + size % 2, os.SEEK_CUR)
    raise ValueError("no control archive")

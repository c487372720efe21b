"""What is in every layer of an image, also in those that later ones hide.

Reads the archive of `docker save`: what a registry gets is exactly these layers, so whoever may
pull the image can read a file that a later layer deletes. Pure but for reading the archive.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WHITEOUT = ".wh."  # begin of the name of what a layer deletes


@dataclass(frozen=True)
class Entry:
    """One file of one layer (0 is the lowest); `path` without a slash at its begin."""

    layer: int
    path: str
    mode: int
    content: bytes = field(repr=False)

    @property
    def where(self) -> str:
        return f"/{self.path} (layer {self.layer})"


def entries(archive: Path) -> Iterator[Entry]:
    """Every regular file of every layer, from the lowest layer on."""
    with tarfile.open(archive) as whole:
        for number, name in enumerate(_layers(whole)):
            inner = whole.extractfile(name)
            assert inner is not None, name
            with tarfile.open(fileobj=inner, mode="r:*") as layer:
                for member in layer:
                    if member.isfile() and (opened := layer.extractfile(member)):
                        path = member.name.removeprefix("./").lstrip("/")
                        yield Entry(number, path, member.mode, opened.read())


def sizes(archive: Path) -> tuple[int, int]:
    """Bytes of all layers unpacked, and about what a registry keeps of them (gzip, quickest)."""
    plain = packed = 0
    with tarfile.open(archive) as whole:
        for name in _layers(whole):
            inner = whole.extractfile(name)
            assert inner is not None, name
            pack = zlib.compressobj(1)
            while block := inner.read(1 << 20):
                plain += len(block)
                packed += len(pack.compress(block))
            packed += len(pack.flush())
    return plain, packed


def visible(found: Iterator[Entry]) -> dict[str, Entry]:
    """What is left of them for a container, by path."""
    seen: dict[str, Entry] = {}
    for entry in found:
        folder, _, name = entry.path.rpartition("/")
        if name.startswith(WHITEOUT):
            gone = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
            if name == ".wh..wh..opq":  # all that lower layers have in this folder
                gone = folder
            for path in [p for p in seen if p == gone or p.startswith(f"{gone}/")]:
                if seen[path].layer < entry.layer:
                    del seen[path]
        else:
            seen[entry.path] = entry
    return seen


def _layers(whole: tarfile.TarFile) -> list[str]:
    listing = whole.extractfile("manifest.json")
    assert listing is not None
    (manifest,) = json.loads(listing.read())
    return [str(name) for name in manifest["Layers"]]

"""An image as a folder, as skopeo's `dir:` has it: a manifest, and files named by their digest.

Guarantees: `digest` is what any registry will call the image, because the manifest's bytes are
never changed on the way; `settled` takes out what differs from build to build. Nothing is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def digest(folder: Path) -> str:
    """`sha256:…` of the image."""
    return f"sha256:{hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()}"


def config(folder: Path) -> Json:
    """What the image says of itself: `config` has user, command, environment and health check."""
    found: Json = json.loads((folder / _hex(_manifest(folder)["config"]["digest"])).read_text())
    return found


def settled(folder: Path) -> None:
    """Drop the random names that a builder leaves, so that equal content is an equal image."""

    def settle(found: Json) -> None:
        for key in ("container", "container_config", "parent"):
            found.pop(key, None)
        found["config"]["Hostname"] = ""

    _rewrite(folder, settle)


def variant(folder: Path, target: Path, change: Callable[[Json], None]) -> None:
    """Another image in `target` with the same layers and a changed configuration."""
    shutil.copytree(folder, target, copy_function=_link)
    _rewrite(target, change)


def unpack(folder: Path, root: Path) -> None:
    """The image's file system below `root`. For images whose layers delete nothing."""
    for layer in _manifest(folder)["layers"]:
        blob = folder / _hex(layer["digest"])
        subprocess.run(["tar", "-xzpf", blob, "--numeric-owner", "-C", root], check=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _rewrite(folder: Path, change: Callable[[Json], None]) -> None:
    manifest, found = _manifest(folder), config(folder)
    old = folder / _hex(manifest["config"]["digest"])
    change(found)
    raw = json.dumps(found, separators=(",", ":"), sort_keys=True).encode()
    name = hashlib.sha256(raw).hexdigest()
    manifest["config"] |= {"size": len(raw), "digest": f"sha256:{name}"}
    old.unlink()
    (folder / name).write_bytes(raw)
    (folder / "manifest.json").unlink()  # may be a link to another image's
    (folder / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")))


def _manifest(folder: Path) -> Json:
    found: Json = json.loads((folder / "manifest.json").read_text())
    return found


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")

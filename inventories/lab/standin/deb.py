"""The stand-in as a Debian package, built here from the sources beside this file.

The same sources give the same bytes: times, owners and modes are fixed and nothing is compressed,
so the package's sha256 can be pinned. Other sources give another version, so whoever looks at a
host can tell which stand-in it has. Needs dpkg-deb, which every Debian and Ubuntu has.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from inventories.lab.errors import LabError
from inventories.lab.standin.program import VERSION

NAME = "fountainai-kong-standin"
LIBRARY = f"usr/lib/{NAME}"
EPOCH = 1_767_225_600  # 2026-01-01: any fixed moment does
_HERE = Path(__file__).resolve().parent
_STARTER = """#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{library}")
from kong_standin.cli import {command}

sys.exit({command}())
"""


def build(folder: Path) -> Path:
    """Make the package in a folder that exists, whole or not at all; its path."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".deb-") as scratch:
        tree = Path(scratch) / "tree"
        version = _lay_out(tree)
        target = folder / f"{NAME}_{version}_all.deb"
        made = Path(scratch) / "made.deb"
        argv = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"}
        try:
            subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise LabError("dpkg-deb is missing: apt-get install dpkg") from None
        except subprocess.CalledProcessError as failed:
            raise LabError(f"{NAME} cannot be built: {failed.stderr.strip()}") from None
        made.replace(target)
    return target


def _lay_out(tree: Path) -> str:
    """All files where they belong, with fixed times and modes; the package's version."""
    files = _HERE / "files"
    for name in ("control", "postinst", "prerm", "postrm"):
        _put(tree / "DEBIAN" / name, (files / name).read_bytes(), executable=name != "control")
    for source in sorted((_HERE / "program").glob("*.py")):
        _put(tree / LIBRARY / "kong_standin" / source.name, source.read_bytes())
    for path, command in (
        ("usr/local/bin/kong", "kong"), ("usr/local/openresty/nginx/sbin/nginx", "nginx"),
    ):  # fmt: skip
        text = _STARTER.format(library=LIBRARY, command=command)
        _put(tree / path, text.encode(), executable=True)
    _put(tree / "lib/systemd/system/kong.service", (files / "kong.service").read_bytes())
    _put(tree / "etc/kong/kong.logrotate", (files / "kong.logrotate").read_bytes())
    _put(tree / "DEBIAN/conffiles", b"/etc/kong/kong.logrotate\n")
    _put(tree / f"{LIBRARY}/README", (files / "README").read_bytes())
    version = f"{VERSION}.{_digest(tree)[:12]}"
    control = (files / "control").read_text().replace(f": {VERSION}\n", f": {version}\n")
    _put(tree / "DEBIAN/control", control.encode())
    for entry in (tree, *tree.rglob("*")):
        if entry.is_dir():
            entry.chmod(0o755)
        os.utime(entry, (EPOCH, EPOCH))
    return version


def _digest(tree: Path) -> str:
    """Of every file's place, mode and content."""
    whole = hashlib.sha256()
    for path in sorted(p for p in tree.rglob("*") if p.is_file()):
        content = path.read_bytes()
        head = f"{path.relative_to(tree)} {path.stat().st_mode:o} {len(content)}\n"
        whole.update(head.encode() + content)
    return whole.hexdigest()


def _put(path: Path, content: bytes, *, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755 if executable else 0o644)

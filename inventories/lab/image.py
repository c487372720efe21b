"""The services' image for a lab: the project's own Dockerfile, built here without a registry.

Guarantees: equal sources on an equal base give an equal digest, and are built once; a build that
was killed leaves no mount and no process, and what it left on disk goes with the next one. The
machine's package sources and its own authorities are given to the build only, as build secrets.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from inventories import worlds
from inventories.lab import image_base, machine, oci, rootfs
from inventories.lab.errors import LabError
from inventories.lab.rootfs import CACHE
from inventories.lab.state import locked

SCRIPT = Path(__file__).parent / "scripts/image.sh"
KEEP = 4  # images of older sources that stay
#: Settings of pip that say where packages come from; what a container can use of them.
PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout")


def build(say: Callable[[str], None] = lambda _: None, *, again: bool = False) -> Path:
    """The image as a folder (see `oci`), built when it is not there, or `again`; needs root.

    About 45 s once the base is there. LabError when the build fails, with its last lines.
    """
    machine.need_root()
    project = worlds.project_root()
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE, what="the cache of images", wait_s=900):
        base = image_base.tar(say)
        target = CACHE / f"story-image-{_key(project, base)}"
        if again or not target.exists():
            say("Building the services' image")
            _build(target, base, project)
        os.utime(target)
        old = sorted(CACHE.glob("story-image-*"), key=lambda path: -path.stat().st_mtime)
        for path in old[KEEP + 1 :]:
            shutil.rmtree(path)
    return target


def _key(project: Path, base: Path) -> str:
    """Digest of all that the image is made of."""
    made = hashlib.sha256(f"{base.name} {base.stat().st_size}".encode())
    for path in (project / "requirements.lock", SCRIPT, *sources(project / "story_services")):
        name = path.relative_to(project) if path.is_relative_to(project) else path.name
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        made.update(f"\n{name} {path.stat().st_mode & 0o111:o} {content}".encode())
    return made.hexdigest()[:16]


def sources(folder: Path) -> list[Path]:
    """Every file of the services that the Dockerfile may copy, sorted."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _build(target: Path, base: Path, project: Path) -> None:
    rootfs.remove_unfinished()
    work = CACHE / f".build-{os.getpid()}-image"
    secrets = work / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    try:
        shutil.copyfile(rootfs.CA_BUNDLE, secrets / "pip_ca")
        (secrets / "pip_conf").write_text(pip_conf(_pip_settings()))
        done = subprocess.run(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child"),
                *("--mount", "--propagation", "private", "--mount-proc", "sh", str(SCRIPT)),
                *(str(work), str(base), str(project), str(secrets)),
                str(image_base.TIMESTAMP),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(done.stdout.strip().splitlines()[-12:])
            raise LabError(
                "The services' image could not be built; mend what is said here, then run "
                f"'rehearse image' again:\n{tail}"
            )
        oci.settled(work / "out")
        if target.exists():
            os.replace(target, work / "before")
        os.replace(work / "out", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pip_settings() -> str:
    """What pip on this machine is told, by files and environment; empty when there is no pip."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return done.stdout


def pip_conf(listing: str) -> str:
    """A pip.conf with the package sources that `pip config list` names.

    A variable wins over a file, as it does for pip. Folders of the machine are left out: they are
    not in the container. Without any of it the text is empty, and PyPI is asked.
    """
    found: dict[str, tuple[bool, str]] = {}
    for line in listing.splitlines():
        name, separator, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if not separator or key not in PIP or section not in ("global", "install", ":env:"):
            continue
        new = (section == ":env:", str(ast.literal_eval(value)))
        if key not in found or new[0] >= found[key][0]:
            found[key] = new
    lines = [f"{key} = {' '.join(value.split())}\n" for key, (_, value) in sorted(found.items())]
    return "".join(["[global]\n", *lines]) if lines else ""

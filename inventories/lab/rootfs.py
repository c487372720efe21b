"""The disk image every rehearsal host starts from: Debian 13, built once, cached by content.

Guarantees: the image's name is a digest of everything that goes into it; it is built beside the
cache and renamed when complete, so a half-built one is never used; a build ends with its caller.
Never holds anything of an environment: no user, no host keys, no address.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from inventories.lab import apt_sources, tree
from inventories.lab.errors import LabError
from inventories.lab.state import locked

CACHE = Path("/var/cache/fountainai-lab")
HERE = Path(__file__).parent
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
LOCAL_CAS = Path("/usr/local/share/ca-certificates")
KEEP = 2  # images of older contents that stay, for people who switch between branches
# What the cloud images of Debian and Ubuntu have and a bare bootstrap lacks.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "ca-certificates"),
    *("iproute2", "curl", "procps", "iputils-ping", "less", "netbase", "libpam-systemd"),
)


def image(say: Callable[[str], None] = lambda _: None) -> Path:
    """Path of the image for this machine, built when it is not there (about 40 s).

    Raises LabError when the machine has no Debian sources or the build fails.
    """
    lines, overlay = _inputs()
    target = CACHE / f"debian-13-{_digest(lines, overlay)}.img"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with locked(CACHE, what="the image of the rehearsal hosts", wait_s=900):
            if not target.exists():
                say(f"Building the Debian 13 image of the hosts (once, into {CACHE})")
                _build(target, lines, tree.tar(overlay))
    os.utime(target)
    return target


def _inputs() -> tuple[list[str], dict[str, tuple[bytes, int]]]:
    """Apt source lines for the bootstrap, and the files laid over the bare system."""
    found = mirror("the hosts' system")
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    overlay = tree.read(HERE / "image")
    overlay["etc/apt/sources.list.d/debian.sources"] = (apt_sources.deb822(found).encode(), 0o644)
    overlay["etc/apt/apt.conf.d/90machine"] = (apt_sources.settings(dump).encode(), 0o644)
    # The machine may trust a CA of its own, without which downloads inside a host would fail.
    for path in sorted(LOCAL_CAS.rglob("*.crt")):
        overlay[str(path.relative_to("/"))] = (path.read_bytes(), 0o644)
    return apt_sources.lines(found), overlay


def mirror(what: str) -> apt_sources.Mirror:
    """The Debian archive that this machine uses. LabError when it has none to fetch `what` from."""
    apt = Path("/etc/apt")
    texts = [
        path.read_text(errors="replace")
        for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
        if path.is_file() and path.suffix in (".list", ".sources")
    ]
    found = apt_sources.mirror(texts)
    if found is None:
        raise LabError(
            f"No Debian archive is among this machine's apt sources, so {what} cannot "
            "be fetched: add one to /etc/apt/sources.list.d/, then run this again."
        )
    return found


def _digest(lines: list[str], overlay: dict[str, tuple[bytes, int]]) -> str:
    digest = hashlib.sha256(tree.tar(overlay))
    for path in sorted((HERE / "scripts").glob("*.sh")):
        if path.name in ("build.sh", "customize.sh"):
            digest.update(path.read_bytes())
    digest.update("\n".join([apt_sources.SUITE, *PACKAGES, *lines]).encode())
    return digest.hexdigest()[:16]


def _build(target: Path, lines: list[str], overlay: bytes) -> None:
    remove_unfinished()
    work = CACHE / f".build-{os.getpid()}"
    work.mkdir(mode=0o755)
    try:
        # The namespaces make the build end with us, whatever it has started meanwhile.
        result = subprocess.run(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child"),
                *("--mount", "--mount-proc", "sh", str(HERE / "scripts/build.sh"), str(work)),
                *(apt_sources.SUITE, ",".join(PACKAGES), apt_sources.KEYRING, *lines),
            ],
            input=overlay,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if result.returncode != 0:
            tail = "\n".join(result.stdout.decode(errors="replace").strip().splitlines()[-12:])
            raise LabError(
                "The Debian 13 image of the hosts could not be built; check that "
                f"'apt-get update' works on this machine, then run this again:\n{tail}"
            )
        os.replace(work / "disk.img", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for old in sorted(CACHE.glob("debian-*.img"), key=lambda p: -p.stat().st_mtime)[KEEP + 1 :]:
        old.unlink()


def remove_killed_builds() -> None:
    """Remove what killed builds left; while somebody builds, there is nothing to remove."""
    if CACHE.exists():
        with contextlib.suppress(LabError), locked(CACHE, what="the image"):
            remove_unfinished()


def remove_unfinished() -> None:
    """Remove work folders of builds; call with the cache's lock held."""
    for work in CACHE.glob(".build-*"):
        shutil.rmtree(work, ignore_errors=True)

"""Is this machine able to run a lab, and has it what that needs?

Guarantees: every refusal comes before anything is made, as one sentence with the way out; only
missing packages are installed, and only as root on a Debian-like system.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from inventories.lab import cgroups
from inventories.lab.errors import LabError
from inventories.lab.rootfs import CACHE
from inventories.lab.state import ROOT, locked

FREE_DISK_GB = 4
FREE_MEMORY_MB = 1500
# command -> the package that brings it
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mke2fs": "e2fsprogs",
    "resize2fs": "e2fsprogs",
    "tar": "tar",
    "setsid": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "losetup": "mount",
}
# the same for building the services' image
IMAGE_TOOLS = {"buildah": "buildah", "skopeo": "skopeo", "mmdebstrap": "mmdebstrap"}
KEYRINGS = Path("/usr/share/keyrings")  # of the archive; must know the keys of Debian 13
PROBE = """
set -e
mount -t tmpfs none /mnt
truncate -s 8M /mnt/disk
mke2fs -q /mnt/disk
mkdir /mnt/inside
mount -o loop /mnt/disk /mnt/inside
"""


def check() -> None:
    """Refuse a machine that cannot run a lab. Changes nothing."""
    need_root()
    release = platform.freedesktop_os_release()
    like = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if "debian" not in like or not shutil.which("apt-get"):
        raise LabError(
            f"Rehearsal hosts need a Debian machine, this is {release.get('PRETTY_NAME', 'not')}: "
            "use a Debian 12 or 13 machine or virtual machine."
        )
    for place in (ROOT, CACHE):
        free_gb = shutil.disk_usage(_existing(place)).free / 1024**3
        if free_gb < FREE_DISK_GB:
            raise LabError(
                f"There are {free_gb:.1f} GB free for {place}, a lab needs {FREE_DISK_GB}: make "
                "room ('rehearse down --all' removes old labs), then run this again."
            )
    available = _available_mb()
    if available < FREE_MEMORY_MB:
        raise LabError(
            f"There are {available} MB of memory available, a lab needs {FREE_MEMORY_MB}: end "
            "something ('rehearse down --all' removes old labs), then run this again."
        )
    cgroups.of_machine()


def need_root() -> None:
    """Refuse everybody else, before anything is tried."""
    if os.geteuid() != 0:
        raise LabError(
            "Rehearsal hosts need root (control groups, network, mounts): run this with sudo."
        )


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _available_mb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def missing(tools: Mapping[str, str] = TOOLS) -> list[str]:
    """Packages whose commands or keys are not here, sorted."""
    wanted = {package for command, package in tools.items() if not shutil.which(command)}
    if not list(KEYRINGS.glob("debian-archive-trixie-automatic.*")):
        wanted.add("debian-archive-keyring")
    return sorted(wanted)


def install(say: Callable[[str], None], tools: Mapping[str, str] = TOOLS) -> None:
    """Install what is missing; nothing is fetched when nothing is."""
    packages = missing(tools)
    if not packages:
        return
    say(f"Installing {', '.join(packages)}")
    _apt("update")
    _apt("install", "--yes", "--no-install-recommends", *packages)
    left = missing(tools)
    if left:
        raise LabError(
            f"{', '.join(left)} cannot be had in a usable version from this machine's apt sources: "
            "use a Debian 12 (up to date) or 13 machine."
        )


def unpacked(package: str, say: Callable[[str], None]) -> Path:
    """A folder with a package's files, fetched but not installed: no service of it ever starts."""
    target = CACHE / f"package-{package}"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE, what="the cache of packages", wait_s=900):
        if not target.exists():
            say(f"Fetching {package}")
            work = CACHE / f".build-{os.getpid()}-package"
            (work / "deb").mkdir(parents=True)
            try:
                _apt("update")
                # apt's own user may not write into that folder.
                _apt("download", "-o", "APT::Sandbox::User=root", package, folder=work / "deb")
                (deb,) = (work / "deb").glob("*.deb")
                subprocess.run(["dpkg-deb", "-x", deb, work / "files"], check=True)
                os.replace(work / "files", target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return target


def _apt(*arguments: str, folder: Path | None = None) -> None:
    done = subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments],
        cwd=folder,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-6:])
        raise LabError(
            f"'apt-get {' '.join(arguments)}' failed; mend that, then try again:\n{tail}"
        )


def probe() -> None:
    """Refuse a machine that does not permit namespaces, mounts or loop devices. Leaves nothing."""
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork"),
            *("sh", "-c", PROBE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise LabError(
            f"This machine does not permit containers with disks of their own ({reason}): use a "
            "virtual or real Debian machine, or a container started with --privileged."
        )

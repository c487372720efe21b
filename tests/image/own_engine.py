"""A container engine for tests on a machine that has none: Debian's own, unpacked, not installed.

Guarantees: it lives in namespaces of its own (processes, mounts) and ends with the process that
started it, however that ends, together with all its containers; it makes no network, no rule of a
firewall, and listens on a socket that root alone may use. Its images and control groups go at the
end; what a killed run left of them goes at the next start. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inventories.lab import machine
from inventories.lab.process import BOOT_ID, Recorded
from inventories.lab.rootfs import CACHE
from inventories.lab.state import locked

BASE = CACHE / "test-engines"  # a short path: the name of a socket has 107 characters at most
CGROUPS = Path("/sys/fs/cgroup")
GROUP = "fountainai-test-engines"
READY_S = 90.0
PROGRAMS = {
    "docker.io": ("usr/sbin/dockerd", "usr/bin/docker"),
    "containerd": ("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2"),
    "runc": ("usr/sbin/runc",),
}  # fmt: skip
INIT = ("tini", "usr/bin/tini-static")  # what Docker calls docker-init


@contextmanager
def engine() -> Iterator[dict[str, str]]:
    """An engine that answers; variables for a process that is to use it."""
    BASE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(BASE, what="the folder of test engines", wait_s=60):
        _remove_left_behind()
        stat = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
        folder = BASE / f"{os.getpid()}_{stat[19]}_{_boot()}"
        folder.mkdir(mode=0o700)
    for name in ("bin", "run", "tmp", "config"):
        (folder / name).mkdir()
    _link_programs(folder / "bin")
    path = f"{folder / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            _command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            env={"PATH": path, "HOME": str(folder), "DOCKER_TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
    variables = {
        "DOCKER_HOST": f"unix://{folder / 'run/docker.sock'}",
        "DOCKER_CONFIG": str(folder / "config"),  # nobody's settings, and no login of a person
        "PATH": f"{os.environ.get('PATH', '')}:{folder / 'bin'}",
    }
    try:
        _wait(daemon, folder, {**os.environ, **variables})
        yield variables
    finally:
        daemon.kill()  # and the kernel ends all of its name space
        daemon.wait(60)
        _remove(folder)


def _command(folder: Path) -> list[str]:
    (folder / "daemon.json").write_text("{}")  # not the machine's own
    return [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount",
        "--propagation", "private", "--mount-proc", "dockerd",
        "--config-file", str(folder / "daemon.json"),
        "--host", f"unix://{folder / 'run/docker.sock'}", "--group", "root",
        "--data-root", str(folder / "data"), "--exec-root", str(folder / "x"),
        "--pidfile", str(folder / "run/pid"), "--cgroup-parent", f"/{GROUP}/{folder.name}",
        "--exec-opt", "native.cgroupdriver=cgroupfs", "--bridge", "none", "--iptables=false",
        "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false",
    ]  # fmt: skip


def _link_programs(target: Path) -> None:
    for package, files in PROGRAMS.items():
        folder = machine.unpacked(package, lambda _: None)
        for file in files:
            (target / Path(file).name).symlink_to(folder / file)
    (target / "docker-init").symlink_to(machine.unpacked(INIT[0], lambda _: None) / INIT[1])


def _wait(daemon: subprocess.Popen[bytes], folder: Path, env: dict[str, str]) -> None:
    deadline = time.monotonic() + READY_S
    ask = ["docker", "version", "--format", "{{.Server.Version}}"]
    while subprocess.run(ask, env=env, capture_output=True, check=False).returncode != 0:
        said = (folder / "log").read_text(errors="replace")[-2000:]
        assert daemon.poll() is None, f"the engine ended:\n{said}"
        assert time.monotonic() < deadline, f"the engine does not answer:\n{said}"
        time.sleep(0.2)


def left_behind() -> list[Path]:
    """Folders and control groups of engines, whoever's they are."""
    groups = [path for root in _roots() for path in (root / GROUP).glob("*_*_*")]
    return [path for path in [*BASE.glob("*_*_*"), *groups] if path.is_dir()]


def _remove_left_behind() -> None:
    for path in left_behind():
        pid, start, boot = path.name.split("_")
        owner = Recorded(int(pid), int(start), BOOT_ID.read_text().strip())
        if boot != _boot() or not owner.alive():
            _remove(BASE / path.name)


def _boot() -> str:
    return BOOT_ID.read_text()[:8]


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + 20
    for root in _roots():
        group = root / GROUP / folder.name
        # Deepest first; the kernel may still be busy with the last process of one.
        for path in (*sorted(group.rglob("*/"), key=lambda p: -len(p.parts)), group):
            while path.is_dir():
                try:
                    path.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
        with suppress(OSError):  # another engine's is in it
            (root / GROUP).rmdir()
    shutil.rmtree(folder, ignore_errors=True)


def _roots() -> list[Path]:
    """Where control groups are: one tree, or one per controller."""
    return [path for path in (CGROUPS, *CGROUPS.iterdir()) if (path / GROUP).is_dir()]

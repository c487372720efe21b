"""The hosts of one lab, as the API stand-in drives them: create, start, stop, reboot, delete.

Guarantees: a host returned as running answers on its ssh port; its disk, address and host keys
survive stop and start; `delete` leaves no process, group, disk or record; different names may be
worked on by different threads and processes at once. Needs root and a lab that `lifecycle` made.
Never reads or writes anything outside the lab's state, control groups and bridge.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from inventories.lab import cgroups, disk, hosts, identity, network, process, rootfs, state, tree
from inventories.lab.errors import LabError
from inventories.lab.hosts import LabHost, Record

BOOT_LIMIT_S = 60.0
POWER_OFF_LIMIT_S = 30.0
PROXY_PORT_BASE = 22000  # plus the host's number
MIN_MEMORY_MB = 128
MIN_DISK_GB = 2  # the size of the image
BOOT = Path(__file__).parent / "scripts/boot.sh"


class LabDriver:
    """Makes and runs the hosts of the lab `name`; raises LabError when there is no such lab."""

    def __init__(self, name: str) -> None:
        self.lab = state.load(name)
        self.groups = cgroups.of_machine()

    def create(
        self,
        name: str,
        memory_mb: int,
        disk_gb: int,
        user: str,
        authorized_keys: list[str],
        fixed_ip: str | None = None,
    ) -> LabHost:
        """Make a host and boot it (2-4 s); the name must be free. Nothing is left on failure."""
        _check_size(name, memory_mb, disk_gb, user)
        image = rootfs.image()
        with self._locked(name):
            old = hosts.read(self.lab, name)
            if old and old.phase == "complete":
                raise LabError(
                    f"The lab '{self.lab.name}' already has a host '{name}': delete it first."
                )
            self._remove(name)
            record = hosts.reserve(self.lab, name, memory_mb, disk_gb, user, fixed_ip)
            try:
                keys, public = identity.host_keys(hosts.directory(self.lab, name))
                own = identity.files(
                    self.lab, name, record.address, memory_mb, user, authorized_keys
                )
                place = hosts.directory(self.lab, name)
                files: tree.Files = {**own, **keys}
                disk.make(image, place, size_gb=disk_gb, files=files, user=user)
                self._boot(record)
                record = hosts.complete(self.lab, record, public)
            except BaseException:
                self._remove(name)
                raise
        return self._shown(record)

    def start(self, name: str) -> LabHost:
        """Boot a stopped host; a running one stays as it is."""
        with self._locked(name):
            record = self._record(name)
            if not self._running(name):
                self._boot(record)
            record = hosts.powered(self.lab, record, on=True)
        return self._shown(record)

    def stop(self, name: str) -> LabHost:
        """Power the host off in order, and pull the plug when it does not obey in time."""
        with self._locked(name):
            record = self._record(name)
            record = hosts.powered(self.lab, record, on=False)
            self._halt(name, POWER_OFF_LIMIT_S)
        return self._shown(record)

    def reboot(self, name: str) -> LabHost:
        """Power off and on again."""
        with self._locked(name):
            record = self._record(name)
            self._halt(name, POWER_OFF_LIMIT_S)
            self._boot(record)
        return self._shown(record)

    def delete(self, name: str) -> None:
        """Remove the host and its disk at once; fine when there is none."""
        with self._locked(name):
            self._remove(name)

    def get(self, name: str) -> LabHost | None:
        """The host as it is now; None when there is none or its making was interrupted."""
        record = hosts.read(self.lab, name)
        return self._shown(record) if record and record.phase == "complete" else None

    def list(self) -> list[LabHost]:
        """All complete hosts by name."""
        return [self._shown(r) for r in hosts.every(self.lab) if r.phase == "complete"]

    def private_address(self, name: str) -> str:
        """The host's own address in the lab, also where SSH goes through a proxy."""
        return self._record(name).address

    def reconcile(self) -> None:
        """Clear up after hosts whose process is gone (reboot, kill): they are stopped."""
        for record in hosts.every(self.lab):
            with self._locked(record.name):
                if not self._running(record.name):
                    self._halt(record.name, 0)

    def power_on(self) -> None:
        """Start the hosts that were on when the machine went down or their process was killed."""
        for record in hosts.every(self.lab):
            if record.phase == "complete" and record.on:
                self.start(record.name)

    def _locked(self, name: str) -> AbstractContextManager[None]:
        state.checked_host(name)
        return state.locked(
            self.lab.directory / "locks" / name,
            what=f"host '{name}' of lab '{self.lab.name}'",
            wait_s=BOOT_LIMIT_S + POWER_OFF_LIMIT_S,
        )

    def _record(self, name: str) -> Record:
        record = hosts.read(self.lab, name)
        if record is None or record.phase != "complete":
            known = ", ".join(host.name for host in self.list()) or "none"
            raise LabError(f"The lab '{self.lab.name}' has no host '{name}' (it has: {known}).")
        return record

    def _pid(self, name: str) -> Path:
        return hosts.directory(self.lab, name) / "host.pid"

    def _running(self, name: str) -> bool:
        return process.alive(self._pid(name)) is not None

    def _boot(self, record: Record) -> None:
        lab, place = self.lab, hosts.directory(self.lab, record.name)
        self._halt(record.name, 0)
        prefix, groups = self.groups.make(lab.name, record.name, record.memory_mb)
        machine = network.machine(lab, record.number)
        process.spawn(
            [
                *prefix,
                *("unshare", "--mount", "--propagation", "private", "sh", str(BOOT)),
                *(str(place / "disk.img"), str(place / "root"), machine, record.name, lab.bridge),
                *(str(group) for group in groups),
            ],
            record=self._pid(record.name),
            log=place / "console.log",
        )
        if lab.rtt_ms:
            self._start_proxy(record)
        address, port = self._dialled(record)
        deadline = time.monotonic() + BOOT_LIMIT_S
        while not _answers(address, port):
            if not self._running(record.name) or time.monotonic() > deadline:
                self._halt(record.name, 0)
                tail = (place / "console.log").read_text(errors="replace").strip()[-500:]
                raise LabError(f"Host '{record.name}' of lab '{lab.name}' did not boot: {tail}")
            time.sleep(0.05)

    def _start_proxy(self, record: Record) -> None:
        address, port = self._dialled(record)
        process.spawn(
            [
                *(sys.executable, "-m", "inventories.lab.proxy", address, str(port)),
                *(record.address, "22", str(self.lab.rtt_ms)),
            ],
            record=hosts.directory(self.lab, record.name) / "proxy.pid",
            log=hosts.directory(self.lab, record.name) / "proxy.log",
        )

    def _halt(self, name: str, grace_s: float) -> None:
        place = hosts.directory(self.lab, name)
        process.end(self._pid(name), grace_s=grace_s)
        self.groups.kill(self.lab.name, name)
        process.end(place / "proxy.pid", grace_s=2)
        record = hosts.read(self.lab, name)
        if record:
            network.unplug(self.lab, record.number)

    def _remove(self, name: str) -> None:
        self._halt(name, 0)
        hosts.forget(self.lab, name)

    def _dialled(self, record: Record) -> tuple[str, int]:
        """Where SSH reaches the host: itself, or the delaying proxy on the machine's side."""
        if self.lab.rtt_ms:
            return self.lab.gateway, PROXY_PORT_BASE + record.number
        return record.address, 22

    def _shown(self, record: Record) -> LabHost:
        address, port = self._dialled(record)
        return LabHost(
            name=record.name,
            state="running" if self._running(record.name) else "stopped",
            address=address,
            port=port,
            host_keys=record.host_keys,
            memory_mb=record.memory_mb,
        )


def _check_size(name: str, memory_mb: int, disk_gb: int, user: str) -> None:
    state.checked_host(name)
    if memory_mb < MIN_MEMORY_MB or disk_gb < MIN_DISK_GB:
        raise LabError(
            f"Host '{name}' with {memory_mb} MB and {disk_gb} GB cannot be made: Debian 13 needs "
            f"at least {MIN_MEMORY_MB} MB of memory and {MIN_DISK_GB} GB of disk."
        )
    disk.checked_user(user)


def _answers(address: str, port: int) -> bool:
    """Whether an ssh server introduces itself there."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False

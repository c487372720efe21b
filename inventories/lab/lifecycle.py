"""A lab from nothing and back to nothing.

Guarantees: `make` records the lab before it makes anything; `remove` takes away everything the
records name, in any state they are in, as often as it is called. Neither touches another lab.
"""

from __future__ import annotations

import ipaddress
import shutil
from pathlib import Path

from inventories.lab import cgroups, network, process, state
from inventories.lab.driver import LabDriver
from inventories.lab.state import ROOT, Lab

DAEMONS = ("api",)


def make(name: str, *, subnet: str | None = None, rtt_ms: int = 0, site: Path | None = None) -> Lab:
    """Record the lab and make its network; call with the lab's lock held."""
    lab = state.find(name)
    if lab is None:
        with state.locked(ROOT, what="the address ranges of the labs", wait_s=30):
            used = network.in_use() + reserved()
            wanted = network.checked(subnet, used) if subnet else network.pick(name, used)
            gateway = wanted.network_address + 1
            lab = Lab(name, str(wanted), str(gateway), free_bridge(wanted), rtt_ms=rtt_ms).save()
    for part in ("hosts", "locks", "log"):
        (lab.directory / part).mkdir(mode=0o700, exist_ok=True)
    if site is not None:
        overlay = lab.directory / "site.toml"
        shutil.copyfile(site, overlay)
        lab = lab.changed(overlay=str(overlay))
    network.up(lab)
    return lab


def free_bridge(subnet: ipaddress.IPv4Network) -> str:
    """A bridge name no lab or link has: by the subnet's number, or the next free one."""
    taken = {lab.bridge for lab in map(state.find, state.names()) if lab}
    taken |= {link.name for link in Path("/sys/class/net").iterdir()}
    number = subnet.network_address.packed[2]
    return next(name for n in range(1000) if (name := f"flab{number + n}") not in taken)


def reserved() -> list[ipaddress.IPv4Network]:
    """Subnets that labs have, also those whose bridge is gone just now."""
    labs = [state.find(name) for name in state.names()]
    return [ipaddress.IPv4Network(lab.subnet) for lab in labs if lab]


def remove(name: str) -> None:
    """Take the whole lab away, the disks of its hosts included; call with its lock held."""
    lab = state.find(name)
    directory = ROOT / state.checked_name(name)
    for daemon in DAEMONS:
        process.end(directory / f"{daemon}.pid", grace_s=5)
    groups = cgroups.of_machine()
    if lab is not None:
        driver = LabDriver(name)
        top = directory / "hosts"
        for entry in sorted(top.iterdir()) if top.exists() else []:
            driver.delete(entry.name)
        groups.remove(name)
        network.down(lab)
    for entry in sorted(directory.iterdir(), key=lambda p: p.name == "lab.json"):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()  # the record goes last
    directory.rmdir()
    if not state.names():
        shutil.rmtree(ROOT, ignore_errors=True)

"""A lab from nothing and back to nothing.

Guarantees: `up` refuses before it makes anything, records the lab before it makes anything, and
continues where a killed one stopped; `down` takes away everything the records name, in any state
they are in, as often as it is called. Neither touches another lab.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from inventories import worlds
from inventories.lab import daemons, machine, network, overlay, process, registry, rootfs, state
from inventories.lab.driver import LabDriver
from inventories.lab.errors import LabError
from inventories.lab.state import ROOT, Lab

WAIT_FOR_OTHERS_S = 5.0


def up(
    name: str,
    *,
    rtt_ms: int = 0,
    site: Path | None = None,
    subnet: str | None = None,
    bare: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Lab:
    """Make or complete a lab; `bare` leaves out provisioning, so there are no hosts yet."""
    state.checked_name(name)
    if site is not None and not site.is_file():
        raise LabError(f"--site {site}: there is no such file.")
    machine.check()
    machine.install(say)
    machine.probe()
    rootfs.image(say)
    with state.locked(ROOT / name, what=f"the lab '{name}'", wait_s=WAIT_FOR_OTHERS_S):
        try:
            lab = make(name, subnet=subnet, rtt_ms=rtt_ms, site=site)
        finally:
            if state.find(name) is None:
                (ROOT / name).rmdir()
        LabDriver(name).power_on()
        lab = daemons.start_api(lab)
        registry.again(lab)
        if not bare:
            provision(lab)
        return lab.changed(ready=True)


def provision(lab: Lab) -> None:
    """Buy the hosts of the site file from the stand-in; ends with us when we are killed."""
    command = ["inventories.provision", "apply", "--env", lab.name, "--yes"]
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", *command],
        cwd=worlds.project_root(),
        check=False,
    )
    if done.returncode != 0:
        raise LabError(
            f"Provisioning lab '{lab.name}' failed (exit {done.returncode}, reason above); the lab "
            f"itself is up. After mending it: 'provision apply --env {lab.name}', or "
            f"'rehearse down --name {lab.name}'."
        )


def make(name: str, *, subnet: str | None = None, rtt_ms: int = 0, site: Path | None = None) -> Lab:
    """Record the lab and make its network; call with the lab's lock held."""
    lab = state.find(name)
    if lab is None:
        with state.locked(ROOT, what="the address ranges of the labs", wait_s=30):
            lab = _record(name, subnet, rtt_ms)
    if lab.rtt_ms != rtt_ms or (subnet and subnet != lab.subnet):
        raise LabError(
            f"The lab '{name}' was made with {lab.subnet} and --rtt {lab.rtt_ms}, which cannot be "
            f"changed later: 'rehearse down --name {name}' first, or choose another name."
        )
    for part in ("hosts", "locks", "log"):
        (lab.directory / part).mkdir(mode=0o700, exist_ok=True)
    if site is not None:
        copy = lab.directory / "site.toml"
        shutil.copyfile(site, copy)
        lab = overlay.again(lab.changed(overlay=str(copy)))
    network.up(lab)
    return lab


def _record(name: str, subnet: str | None, rtt_ms: int) -> Lab:
    used = network.in_use() + reserved()
    wanted = network.checked(subnet, used) if subnet else network.pick(name, used)
    root = worlds.project_root()
    return Lab(
        name=name,
        subnet=str(wanted),
        gateway=str(wanted.network_address + 1),
        bridge=free_bridge(wanted),
        overlay=str(root / "inventories/lab/site.toml"),
        rtt_ms=rtt_ms,
        project=str(root),
    ).save()


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


def down(name: str) -> bool:
    """Remove the lab; false when there was none."""
    machine.need_root()
    if not (ROOT / state.checked_name(name)).exists():
        return False
    with state.locked(ROOT / name, what=f"the lab '{name}'", wait_s=WAIT_FOR_OTHERS_S):
        remove(name)
    return True


def remove(name: str) -> None:
    """Take the whole lab away, the disks of its hosts included; call with its lock held."""
    lab = state.find(name)
    directory = ROOT / name
    process.end(directory / "api.pid", grace_s=5)
    process.end(directory / "registry.pid", grace_s=5)
    if lab is not None:
        driver = LabDriver(name)
        top = directory / "hosts"
        for entry in sorted(top.iterdir()) if top.exists() else []:
            driver.delete(entry.name)
        driver.groups.remove(name)
        network.down(lab)
        for derived in ("inventories/generated", ".secrets"):
            if lab.project:
                shutil.rmtree(Path(lab.project, derived, name), ignore_errors=True)
    rootfs.remove_killed_builds()
    for entry in sorted(directory.iterdir(), key=lambda p: p.name == "lab.json"):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()  # the record goes last
    directory.rmdir()
    with contextlib.suppress(OSError):  # other labs are there
        ROOT.rmdir()

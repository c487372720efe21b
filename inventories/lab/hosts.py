"""The record of each host of a lab: what it is, written before anything of it is made.

Guarantees: an address belongs to one host; a host whose making was interrupted is `creating` for
ever and is only ever removed.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from inventories.lab.errors import LabError
from inventories.lab.network import FIRST_HOST, LAST_HOST
from inventories.lab.state import Lab, locked, write_json


@dataclass(frozen=True)
class LabHost:
    """One rehearsal host; `address` and `port` are what SSH dials."""

    name: str
    state: Literal["stopped", "running"]
    address: str
    port: int
    host_keys: list[tuple[str, str]]  # (algorithm, base64), as known_hosts has them
    memory_mb: int


@dataclass(frozen=True)
class Record:
    """host.json. `address` is the host's own; the proxy of a slow lab is derived from it."""

    name: str
    address: str
    memory_mb: int
    disk_gb: int
    user: str
    phase: Literal["creating", "complete"]
    host_keys: list[tuple[str, str]]
    on: bool = True  # the power switch: whether it should run after a restart of the machine

    @property
    def number(self) -> int:
        """Last part of the address: names what exists once per host and lab."""
        return int(self.address.rpartition(".")[2])


def directory(lab: Lab, name: str) -> Path:
    return lab.directory / "hosts" / name


def read(lab: Lab, name: str) -> Record | None:
    try:
        data = json.loads((directory(lab, name) / "host.json").read_text())
    except FileNotFoundError:
        return None
    data["host_keys"] = [(algorithm, key) for algorithm, key in data["host_keys"]]
    return Record(**data)


def write(lab: Lab, record: Record) -> None:
    write_json(directory(lab, record.name) / "host.json", asdict(record))


def complete(lab: Lab, record: Record, host_keys: list[tuple[str, str]]) -> Record:
    done = replace(record, phase="complete", host_keys=host_keys)
    write(lab, done)
    return done


def powered(lab: Lab, record: Record, *, on: bool) -> Record:
    if record.on == on:
        return record
    switched = replace(record, on=on)
    write(lab, switched)
    return switched


def every(lab: Lab) -> list[Record]:
    """All recorded hosts by name, complete or not."""
    top = lab.directory / "hosts"
    entries = sorted(top.iterdir()) if top.exists() else []
    return [r for r in (read(lab, e.name) for e in entries) if r]


def reserve(
    lab: Lab, name: str, memory_mb: int, disk_gb: int, user: str, fixed_ip: str | None
) -> Record:
    """Record a new host with an address nobody else has."""
    top = lab.directory / "hosts"
    with locked(top, what=f"the addresses of lab '{lab.name}'", wait_s=30):
        taken = {record.address for record in every(lab)}
        address = _address(lab, taken, fixed_ip)
        directory(lab, name).mkdir(mode=0o700)
        record = Record(name, address, memory_mb, disk_gb, user, "creating", [])
        write(lab, record)
    return record


def _address(lab: Lab, taken: set[str], fixed_ip: str | None) -> str:
    base = ipaddress.IPv4Network(lab.subnet).network_address
    free = [a for a in (str(base + n) for n in range(FIRST_HOST, LAST_HOST + 1)) if a not in taken]
    if fixed_ip is None and free:
        return free[0]
    if fixed_ip in free:
        return fixed_ip
    raise LabError(
        f"The address {fixed_ip or 'of another host'} cannot be had in lab '{lab.name}': hosts get "
        f"{base + FIRST_HOST} to {base + LAST_HOST}, and {len(taken)} of them are taken."
    )


def forget(lab: Lab, name: str) -> None:
    """Drop the directory, disk included; the record goes last, so a killed run can resume."""
    place = directory(lab, name)
    for entry in sorted(place.iterdir()) if place.exists() else []:
        if entry.name != "host.json":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.rmtree(place, ignore_errors=True)

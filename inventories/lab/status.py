"""What of a lab is up, for people and programs. Reads only; probes ports, changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploys.settings import APP_PORT, DOOR_PORT
from inventories import worlds
from inventories.lab import cgroups, daemons, registry
from inventories.lab.driver import LabDriver
from inventories.lab.state import Lab

GATEWAY_PORT = 443


def of(lab: Lab) -> dict[str, Any]:
    """The shape of `rehearse status --json`; null for what is not up or not there."""
    root = worlds.project_root()
    generated = provisioned(root / "inventories/generated" / lab.name)
    secrets = root / ".secrets" / lab.name
    driver = LabDriver(lab.name)
    return {
        "lab": {
            "name": lab.name,
            "ready": lab.ready,
            "subnet": lab.subnet,
            "rtt_ms": lab.rtt_ms,
            "memory_limits": type(driver.groups).__name__,
            "memory_limits_tried": driver.groups.tried,
        },
        "hosts": [
            {
                "name": host.name,
                "roles": _roles(generated.get(host.name)),
                "ip": host.address,
                "port": host.port,
                "private_ip": driver.private_address(host.name),
                "memory_mb": host.memory_mb,
                "state": host.state,
            }
            for host in driver.list()
        ],
        "urls": {
            "api": _up(lab.api),
            "door": _first(driver, generated, "opensearch", DOOR_PORT),
            "services": _first(driver, generated, "app", APP_PORT),
            "gateway": _first(driver, generated, "kong", GATEWAY_PORT),
            "registry": _up(f"https://{registry.address(lab)}"),
        },
        "files": {
            "ca": _there(secrets / "pki/ca.pem"),
            "api_key": _there(secrets / "api_key"),
        },
    }


def provisioned(directory: Path) -> dict[str, dict[str, Any]]:
    """The hosts of the generated inventory by name; empty when there is none."""
    try:
        hosts: dict[str, dict[str, Any]] = json.loads((directory / "hosts.json").read_text())[
            "hosts"
        ]
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        return {}
    return hosts


def _roles(host: dict[str, Any] | None) -> list[str]:
    return [host["role"]] if host and host.get("role") else []


def _first(
    driver: LabDriver, generated: dict[str, dict[str, Any]], role: str, port: int
) -> str | None:
    """Address of the first host of that role whose port answers."""
    for name in sorted(generated):
        if generated[name].get("role") == role and driver.get(name):
            url = _up(f"https://{driver.private_address(name)}:{port}")
            if url:
                return url
    return None


def _up(url: str | None) -> str | None:
    return url if url and daemons.answers(url) else None


def _there(path: Path) -> str | None:
    return str(path) if path.exists() else None


def untried() -> str | None:
    """A sentence when this machine's memory limits go through the path nobody has tried."""
    groups = cgroups.of_machine()
    if groups.tried:
        return None
    return (
        "Memory limits use control groups version 2 under systemd here: that path was written "
        "from the documentation and has not been tried."
    )

"""A lab's network: one bridge with its own /24, one nft table, nothing shared with other labs.

Guarantees: a subnet is taken only when no route, address or other lab overlaps it; everything made
is named by the lab's record. Never changes a rule or link that is not the lab's; it sets two kernel
settings of the machine (`net.ipv4.ip_forward`, `vm.max_map_count`), which stay after `down`.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

from inventories.lab.errors import LabError
from inventories.lab.state import Lab

RANGE = ipaddress.IPv4Network("10.83.0.0/16")
FIRST_HOST, LAST_HOST = 11, 250
REGISTRY_PORT = 5000  # of the lab's image registry, on the lab's gateway address
MAX_MAP_COUNT = 262144  # what OpenSearch's own start check wants; a container cannot set it


def pick(name: str, used: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """A free /24 of the labs' range; the same name gets the same one when it is free."""
    used = list(used)
    subnets = list(RANGE.subnets(new_prefix=24))[1:255]
    start = crc32(name.encode()) % len(subnets)
    for subnet in subnets[start:] + subnets[:start]:
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise LabError(
        f"The address range {RANGE} is already routed or used on this machine: give the lab "
        f"another one, for example 'rehearse up --name {name} --subnet 172.30.5.0/24'."
    )


def checked(text: str, used: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """A subnet a person asked for, when it is private, a /24 and free."""
    try:
        subnet = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise LabError(f"--subnet {text}: {error}. Give a /24 such as 172.30.5.0/24.") from None
    if subnet.prefixlen != 24 or not subnet.is_private:
        raise LabError(f"--subnet {text}: give a private /24, for example 172.30.5.0/24.")
    for other in used:
        if subnet.overlaps(other):
            raise LabError(
                f"--subnet {text} overlaps {other}, which this machine already routes or another "
                "lab has: choose another /24 ('ip route' shows what is taken)."
            )
    return subnet


def in_use() -> list[ipaddress.IPv4Network]:
    """Every network the machine has a route or an address for, the default route left out."""
    found = []
    for route in _ip_json("-4", "route", "show", "table", "all"):
        destination = route["dst"]
        if destination != "default":
            found.append(ipaddress.IPv4Network(destination, strict=False))
    for link in _ip_json("-4", "address"):
        for address in link.get("addr_info", []):
            interface = f"{address['local']}/{address['prefixlen']}"
            found.append(ipaddress.IPv4Network(interface, strict=False))
    return [network for network in found if network.prefixlen > 0]


def up(lab: Lab) -> None:
    """Make bridge, address and rules; what is there already stays as it is."""
    if not Path("/sys/class/net", lab.bridge).exists():
        _run("ip", "link", "add", lab.bridge, "address", _mac(lab), "type", "bridge")
    _run("ip", "address", "replace", f"{lab.gateway}/24", "dev", lab.bridge)
    _run("ip", "link", "set", lab.bridge, "up")
    _run("nft", "-f", "-", text=rules(lab))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    setting = Path("/proc/sys/vm/max_map_count")
    if int(setting.read_text()) < MAX_MAP_COUNT:
        setting.write_text(str(MAX_MAP_COUNT))


def _mac(lab: Lab) -> str:
    """A fixed address: a bridge without one takes that of a port, and changes it with the ports."""
    return "02:83:" + ":".join(f"{int(part):02x}" for part in lab.gateway.split("."))


def rules(lab: Lab) -> str:
    """The lab's whole table in one transaction: a way out for its hosts, none to other labs.

    Only the lab's own hosts, and the machine, reach its registry.
    """
    return f"""table ip {lab.table}
delete table ip {lab.table}
table ip {lab.table} {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{lab.bridge}" oifname "{lab.bridge}" accept
    iifname "{lab.bridge}" oifname "flab*" drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    ip daddr {lab.gateway} tcp dport {REGISTRY_PORT} iifname != {{ "lo", "{lab.bridge}" }} drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {lab.subnet} ip daddr != {lab.subnet} masquerade
  }}
}}
"""


def machine(lab: Lab, number: int) -> str:
    """nspawn's name of a host. Short, and unique by lab: the host's link on the bridge has it."""
    return f"{lab.bridge.removeprefix('flab')}h{number}"


def unplug(lab: Lab, number: int) -> None:
    """Remove a host's link at once: after a kill the kernel takes its time, and a boot needs it."""
    link = f"vb-{machine(lab, number)}"
    if Path("/sys/class/net", link).exists():
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)


def down(lab: Lab) -> None:
    """Remove rules, bridge and what is still plugged into it; fine when nothing is there."""
    _run("nft", "-f", "-", text=f"table ip {lab.table}\ndelete table ip {lab.table}\n")
    ports = Path("/sys/class/net", lab.bridge, "brif")
    for port in sorted(ports.iterdir()) if ports.exists() else []:
        subprocess.run(["ip", "link", "delete", port.name], capture_output=True, check=False)
    if Path("/sys/class/net", lab.bridge).exists():
        _run("ip", "link", "delete", lab.bridge)


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = json.loads(_run("ip", "-j", *arguments) or "[]")
    return out


def _run(*argv: str, text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"The lab's network: '{' '.join(argv)}' failed: {done.stderr.strip()}.")
    return done.stdout

"""The inventory as roles see it: who is where. Pure selections, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Protocol


class HostLike(Protocol):
    """What a role has to know of a host; the inventory's own type has more."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def private_address(self) -> str: ...


def of_role(hosts: Iterable[HostLike], role: str) -> list[HostLike]:
    """The hosts of one role, by name."""
    return sorted((host for host in hosts if host.role == role), key=lambda host: host.name)


def private_addresses(hosts: Iterable[HostLike]) -> list[str]:
    """Their private addresses without doubles, in numeric order."""
    return sorted({host.private_address for host in hosts}, key=ip_address)


def loopback_of(private_address: str) -> str:
    """The loopback address that stands for a host on every search host: 127 and the last three
    parts, e.g. 127.26.3.9 for 172.26.3.9. Always the same, whoever joins or leaves."""
    return "127." + private_address.split(".", 1)[1]

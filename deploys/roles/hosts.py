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

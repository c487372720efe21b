"""What the stand-in needs of whatever makes hosts: `inventories.lab.driver.LabDriver` offers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


class Host(Protocol):
    """A host as its driver sees it. Keys are (algorithm, base64 without the algorithm)."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...  # "running" or "stopped"
    @property
    def address(self) -> str: ...
    @property
    def host_keys(self) -> Sequence[tuple[str, str]]: ...


class Driver(Protocol):
    """Makes and runs hosts. `create` may take seconds; different names may come at once."""

    def create(
        self,
        name: str,
        memory_mb: int,
        disk_gb: int,
        user: str,
        authorized_keys: list[str],
        fixed_ip: str | None = None,
    ) -> Host: ...
    def start(self, name: str) -> object: ...
    def stop(self, name: str) -> object: ...
    def reboot(self, name: str) -> object: ...
    def delete(self, name: str) -> object: ...
    def get(self, name: str) -> Host | None: ...


@runtime_checkable
class CanMove(Protocol):
    """A driver that can give a host another address. Without it a static IP is the host's own."""

    def set_address(self, name: str, address: str | None) -> object: ...


@runtime_checkable
class KnowsAddress(Protocol):
    """A driver whose hosts may be dialled at a proxy, and that tells their own address."""

    def private_address(self, name: str) -> str: ...

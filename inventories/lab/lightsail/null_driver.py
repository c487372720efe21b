"""A driver that makes no hosts.

Keeps the promises of `Driver` without hosts: instant, addresses on loopback, a new one after each
stop and start as Lightsail does. It never listens anywhere unless it is given a port to answer on.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import socket
import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class NullHost:
    name: str
    state: str
    address: str
    port: int
    host_keys: list[tuple[str, str]]
    memory_mb: int
    disk_gb: int = 20
    user: str = ""
    authorized_keys: tuple[str, ...] = ()
    fixed: bool = False


def fake_host_keys(seed: str) -> list[tuple[str, str]]:
    """Well-formed public keys that belong to nobody; the same seed gives the same keys."""

    def text(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    digest = hashlib.sha512(seed.encode()).digest()
    ed25519 = text(b"ssh-ed25519") + text(digest[:32])
    modulus = b"\x00\xc1" + (digest * 4)[:255]
    rsa = text(b"ssh-rsa") + text(b"\x01\x00\x01") + text(modulus)
    return [
        ("ssh-ed25519", base64.b64encode(ed25519).decode()),
        ("ssh-rsa", base64.b64encode(rsa).decode()),
    ]


class NullDriver:
    """Hosts on paper. With `ssh_port`, each running host answers there with an SSH banner,
    so that a wait for its port ends; nothing can log in."""

    def __init__(self, ssh_port: int | None = None, network: str = "127.83") -> None:
        self.hosts: dict[str, NullHost] = {}
        self._ssh_port = ssh_port
        self._network = network
        self._count = itertools.count(2)
        self._births = itertools.count()
        self._lock = threading.RLock()
        self._listeners: dict[str, socket.socket] = {}

    def create(
        self,
        name: str,
        memory_mb: int,
        disk_gb: int,
        user: str,
        authorized_keys: list[str],
        fixed_ip: str | None = None,
    ) -> NullHost:
        with self._lock:
            if name in self.hosts:
                raise ValueError(f"host {name} exists")
            keys = fake_host_keys(f"{name} {next(self._births)}")
            return self._put(
                NullHost(
                    name,
                    "running",
                    fixed_ip or self._next_address(),
                    self._ssh_port or 22,
                    keys,
                    memory_mb,
                    disk_gb,
                    user,
                    tuple(authorized_keys),
                    fixed_ip is not None,
                )
            )

    def start(self, name: str) -> NullHost:
        with self._lock:
            host = self._known(name)
            address = host.address if host.fixed else self._next_address()
            return self._put(replace(host, state="running", address=address))

    def stop(self, name: str) -> NullHost:
        with self._lock:
            return self._put(replace(self._known(name), state="stopped"))

    def reboot(self, name: str) -> NullHost:
        with self._lock:
            return self._known(name)

    def delete(self, name: str) -> None:
        with self._lock:
            self._close(name)
            self.hosts.pop(name, None)

    def get(self, name: str) -> NullHost | None:
        return self.hosts.get(name)

    def list(self) -> list[NullHost]:
        return [*self.hosts.values()]

    def set_address(self, name: str, address: str | None) -> NullHost:
        """Give the host this address for good, or with None a new passing one."""
        with self._lock:
            host = self._known(name)
            new = address or self._next_address()
            return self._put(replace(host, address=new, fixed=address is not None))

    def close(self) -> None:
        with self._lock:
            for name in [*self._listeners]:
                self._close(name)

    def _known(self, name: str) -> NullHost:
        if name not in self.hosts:
            raise ValueError(f"there is no host {name}")
        return self.hosts[name]

    def _next_address(self) -> str:
        high, low = divmod(next(self._count), 250)
        return f"{self._network}.{high}.{low + 1}"

    def _put(self, host: NullHost) -> NullHost:
        self._close(host.name)
        self.hosts[host.name] = host
        if self._ssh_port is not None and host.state == "running":
            listener = socket.create_server((host.address, self._ssh_port))
            self._listeners[host.name] = listener
            threading.Thread(target=_answer, args=(listener,), daemon=True).start()
        return host

    def _close(self, name: str) -> None:
        listener = self._listeners.pop(name, None)
        if listener is not None:
            # shutdown wakes the thread in accept(); close alone would leave it listening
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _answer(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_10.0 standin\r\n")

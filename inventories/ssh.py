"""How SSH reaches a host: pyinfra's host data, known_hosts and ssh_config, all from one place.

Host keys are strict from the first packet and pinned to the keys that the Lightsail API gave;
the person's own ~/.ssh/config and known_hosts are never read. Pure apart from the socket option
that the transport factory sets.
"""

from __future__ import annotations

import socket
from typing import Any

import paramiko

from inventories.loader import Host, Paths

CHANNEL_TIMEOUT_S = 10  # a black-holed connection ends in an error instead of hanging


def nodelay(sock: socket.socket, **kwargs: Any) -> paramiko.Transport:
    """A transport without Nagle's delay, which costs 40 ms per command otherwise."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return paramiko.Transport(sock, **kwargs)


def ssh_data(host: Host, paths: Paths) -> dict[str, Any]:
    """pyinfra's host data for one host. Holds no secret: the key is named by its path."""
    return {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_user": host.user,
        "ssh_key": str(paths.private_key),
        "ssh_known_hosts_file": str(paths.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_config_file": str(paths.ssh_config),
        "ssh_connect_retries": 5,
        "ssh_connect_retry_min_delay": 0.5,
        "ssh_connect_retry_max_delay": 2.0,
        "ssh_paramiko_connect_kwargs": {
            "transport_factory": nodelay,
            "channel_timeout": CHANNEL_TIMEOUT_S,
        },
    }


def dialled(host: Host) -> str:
    """The host as known_hosts names it: the address, or `[address]:port` off port 22."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"


def known_hosts(hosts: list[Host]) -> str:
    """One line per pinned key of every host that has an address."""
    lines = [
        f"{dialled(host)} {key.algorithm} {key.key}"
        for host in sorted(hosts, key=lambda h: h.name)
        for key in sorted(host.host_keys, key=lambda k: k.algorithm)
        if host.address
    ]
    return "".join(line + "\n" for line in lines)


def ssh_config(hosts: list[Host], paths: Paths) -> str:
    """For `ssh -F FILE NAME`, testinfra and pyinfra alike."""
    blocks = [
        f"""Host {host.name}
  HostName {host.address}
  Port {host.port}
  User {host.user}
  IdentityFile {_quoted(paths.private_key)}
  IdentitiesOnly yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {_quoted(paths.known_hosts)}
  GlobalKnownHostsFile /dev/null
  HostKeyAlgorithms {",".join(_accepted(host))}
  PasswordAuthentication no
  ServerAliveInterval 15
  ServerAliveCountMax 3
"""
        for host in sorted(hosts, key=lambda h: h.name)
        if host.address
    ]
    return "\n".join(blocks)


def _quoted(path: object) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _accepted(host: Host) -> list[str]:
    """Signature algorithms for the pinned key types; an ssh-rsa key signs with SHA-2 only."""
    out: list[str] = []
    for algorithm in sorted({k.algorithm for k in host.host_keys}):
        out += ["rsa-sha2-512", "rsa-sha2-256"] if algorithm == "ssh-rsa" else [algorithm]
    return out

"""From running to usable: host keys through the API, then sshd answering on its port.

Keys come from the authenticated API alone, never from the first SSH contact; without any within
the limit the host is not trusted and provisioning fails closed.
"""

from __future__ import annotations

import socket

from inventories.errors import ProvisionError
from inventories.lightsail import Lightsail
from inventories.limits import Limits
from inventories.loader import Host
from inventories.pins import check_pins
from inventories.remote import HostKeyLine, Instance
from inventories.waits import poll

_TRY_S = 2.0  # one attempt to reach a port


def wait_host_keys(
    client: Lightsail, instances: list[Instance], pins: dict[str, Host], env: str, limits: Limits
) -> dict[str, list[HostKeyLine]]:
    """The keys of every instance. KeyAlarm for changed ones, ProvisionError for none at all."""
    keys: dict[str, list[HostKeyLine]] = {}

    def look() -> bool:
        for instance in instances:
            if not keys.get(instance.name):
                found = client.host_keys(instance.name)
                check_pins(instance, found, pins.get(instance.name), env)
                keys[instance.name] = found
        return all(keys[i.name] for i in instances)

    if not poll(look, limit_s=limits.host_keys_s, every_s=limits.poll_s):
        without = ", ".join(i.name for i in instances if not keys.get(i.name))
        raise ProvisionError(
            f"{without}: the API gave no SSH host keys within {limits.host_keys_s:g} s, so the "
            "host cannot be told from an impostor; no file was changed"
        )
    return keys


def wait_ssh(hosts: list[Host], limits: Limits) -> None:
    """Until an SSH server answers on the dialled port of each host."""
    left = {h.name: h for h in hosts}

    def look() -> bool:
        for host in list(left.values()):
            if answers_ssh(host.address, host.port):
                del left[host.name]
        return not left

    if not poll(look, limit_s=limits.port_s, every_s=limits.poll_s):
        silent = ", ".join(f"{h.name} ({h.address} port {h.port})" for h in left.values())
        raise ProvisionError(
            f"{silent}: no SSH server answered within {limits.port_s:g} s. Is this machine's "
            "public address in operator_networks of site.toml?"
        )


def answers_ssh(address: str, port: int) -> bool:
    """Whether a server introduces itself as SSH there."""
    try:
        with socket.create_connection((address, port), timeout=_TRY_S) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False

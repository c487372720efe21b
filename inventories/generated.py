"""The derived files of an environment: hosts.json, known_hosts, ssh_config.

Each is written whole (temp, fsync, rename) and only when its content differs; hosts.json comes
last, so it never names a host whose keys are not pinned yet. No secrets, stable key order; the
folder can be deleted and rebuilt by `provision apply`.
"""

from __future__ import annotations

import os
from pathlib import Path

from inventories import ssh
from inventories.loader import Host, HostKey, as_json, env_paths
from inventories.remote import HostKeyLine, Instance
from inventories.spec import HostTable, SiteSpec
from inventories.worlds import World


def host_entry(where: World, table: HostTable, instance: Instance, keys: list[HostKeyLine]) -> Host:
    """One host as hosts.json describes it."""
    address, port = instance.public_address, 22
    if address:
        address, port = where.dial(table.name, address)
    return Host(
        name=table.name,
        role=table.role,
        address=address,
        private_address=where.private_address(table.name, instance.private_address),
        port=port,
        user=instance.user,
        size=table.size,
        bundle_id=instance.bundle_id,
        memory_mb=table.memory_mb,
        created_at=instance.created_at,
        arn=instance.arn,
        state=instance.state,
        host_keys=tuple(HostKey(algorithm=k.algorithm, key=k.key) for k in keys),
    )


def leaving_entry(where: World, pin: Host, instance: Instance) -> Host:
    """A host that the site file does not name any more: as it was pinned, where it is now."""
    address, port = instance.public_address, pin.port
    if address:
        address, port = where.dial(pin.name, address)
    return pin.model_copy(update={"address": address, "port": port, "state": instance.state})


def write_files(where: World, spec: SiteSpec, hosts: list[Host]) -> bool:
    """Write what differs; whether anything did."""
    paths = env_paths(where)
    where.generated.mkdir(parents=True, exist_ok=True)
    site, region = spec.site.name, spec.site.region
    written = [
        _write(paths.known_hosts, ssh.known_hosts(hosts)),
        _write(paths.ssh_config, ssh.ssh_config(hosts, paths)),
        _write(
            where.generated / "hosts.json",
            as_json(hosts, env=where.env, site=site, region=region),
        ),
    ]
    return any(written)


def remove_files(where: World) -> None:
    """Forget every host, hosts.json first."""
    paths = env_paths(where)
    for file in (where.generated / "hosts.json", paths.known_hosts, paths.ssh_config):
        file.unlink(missing_ok=True)


def _write(path: Path, text: str) -> bool:
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return False
    except OSError:
        pass
    # One writer at a time (the environment's lock), so what a killed run left is overwritten.
    temp = path.with_name(f".{path.name}.new")
    with temp.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temp.chmod(0o644)
    temp.replace(path)
    return True

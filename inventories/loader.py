"""The hosts that provisioning left, typed: what inventory.py, deploys and tests read.

`load_hosts` fails closed: a missing, empty or malformed `hosts.json`, or a host that is not
running, is one sentence with the next command, never an empty inventory. It reads derived files
only; the API is not asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from inventories.errors import ProvisionError
from inventories.spec import ROLES, Role
from inventories.worlds import World, world

Filled = Annotated[str, StringConstraints(min_length=1)]


class _Data(BaseModel):
    # Further keys are ignored: an older checkout may read a newer file.
    model_config = ConfigDict(extra="ignore", frozen=True)


class HostKey(_Data):
    """One pinned public host key, as in a known_hosts line."""

    algorithm: Filled
    key: Filled  # base64


class Host(_Data):
    """One host as it was when provisioning last looked. `address` and `port` are what SSH dials."""

    name: Filled
    role: Role
    address: str
    private_address: str
    port: int = Field(ge=1, le=65535)
    user: Filled
    size: Filled
    bundle_id: Filled
    memory_mb: int = Field(ge=1)  # as sold, MiB
    created_at: Filled
    arn: Filled
    state: Filled
    host_keys: tuple[HostKey, ...] = ()


@dataclass(frozen=True)
class Paths:
    """The derived files and the key that SSH needs, absolute."""

    known_hosts: Path
    ssh_config: Path
    private_key: Path


@dataclass(frozen=True)
class Inventory:
    """All hosts of one environment, by name."""

    env: str
    site: str
    region: str
    hosts: dict[str, Host]
    paths: Paths

    def by_role(self, role: Role) -> list[Host]:
        return [host for host in self.hosts.values() if host.role == role]

    def groups(self) -> dict[Role, list[Host]]:
        """Role -> its hosts, for every role that has any."""
        found = {role: self.by_role(role) for role in ROLES}
        return {role: hosts for role, hosts in found.items() if hosts}


class _File(_Data):
    env: Filled
    site: Filled
    region: Filled
    hosts: dict[str, dict[str, object]] = Field(min_length=1)


def env_paths(where: World) -> Paths:
    """Where SSH's files of a world are, whether they exist or not."""
    return Paths(
        known_hosts=where.generated / "known_hosts",
        ssh_config=where.generated / "ssh_config",
        private_key=where.secrets / "ssh" / "id_rsa",
    )


def load_hosts(env: str | None = None, *, allow_stopped: bool = False) -> Inventory:
    """The inventory of `env` (default: `DEPLOY_ENV`, else production); ProvisionError otherwise."""
    where = world(env)
    file = where.generated / "hosts.json"
    rebuild = f"provision apply --env {where.env}"
    try:
        raw = _File.model_validate_json(file.read_text())
        hosts = {n: Host.model_validate({"name": n, **h}) for n, h in sorted(raw.hosts.items())}
    except FileNotFoundError:
        raise ProvisionError(
            f"no hosts of {where.env!r} are known: {file} is missing", rebuild
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProvisionError(f"{file} cannot be read: {error}", rebuild) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise ProvisionError(
            f"{file} is damaged: {key}: {first['msg']}", f"delete it, then {rebuild}"
        ) from None
    if raw.env != where.env:
        raise ProvisionError(f"{file} is about {raw.env!r}, not {where.env!r}", rebuild)
    paths = env_paths(where)
    for need in (paths.known_hosts, paths.ssh_config, paths.private_key):
        if not need.is_file():
            raise ProvisionError(f"{need} is missing, so no host can be trusted", rebuild)
    down = [h for h in hosts.values() if h.state != "running" or not h.address]
    if down and not allow_stopped:
        raise ProvisionError(
            f"{down[0].name} is {down[0].state} and has no address to dial",
            f"provision start {down[0].name} --env {where.env}",
        )
    return Inventory(raw.env, raw.site, raw.region, hosts, paths)


def read_pins(where: World) -> dict[str, Host]:
    """The hosts last written, for comparing host keys; empty when there is no usable file."""
    try:
        raw = _File.model_validate_json((where.generated / "hosts.json").read_text())
        return {n: Host.model_validate({"name": n, **h}) for n, h in raw.hosts.items()}
    except (OSError, ValueError):
        return {}


def as_json(hosts: list[Host], *, env: str, site: str, region: str) -> str:
    """The text of hosts.json: stable key order, no secrets, one final newline."""
    body = {h.name: h.model_dump(exclude={"name"}, mode="json") for h in hosts}
    whole = {"env": env, "site": site, "region": region, "hosts": body}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"

"""What was asked of a host and what it answered, as typed values.

`query` turns roles into the one request the agent gets; `Observation` is its answer. Pure: how
request and answer travel is `deploys/facts/observed.py`.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploys.model import Gateway, Machine, Role, Unit

FIREWALL_TABLE = "inet host"


@dataclass(frozen=True)
class Observation:
    """One look at one host. `paths` maps a path to what stands there, None when nothing does."""

    machine: Machine
    clock: float  # seconds since the epoch, the host's own
    disk_free_mb: int
    dpkg_broken: bool
    paths: Mapping[str, Mapping[str, Any] | None]
    packages: Mapping[str, str | None]
    users: Mapping[str, Mapping[str, str]]
    groups: tuple[str, ...]
    units: Mapping[str, Mapping[str, Any]]
    sysctls: Mapping[str, int | None]
    artefacts: Mapping[str, Mapping[str, Any]]
    listeners: Mapping[str, list[str]]
    firewall: str | None  # digest of the loaded table
    applied: Mapping[str, Any] | None  # the record of the last finished run
    pending: Mapping[str, Any] | None  # the record of a run that began and did not finish
    gateway: Mapping[str, Any] | None = None  # deploys/agent/gateway_look.py
    cluster: Mapping[str, Any] | None = None  # deploys/agent/drain_look.py; {} when silent
    needed: Mapping[str, Any] | None = None  # by whom, of a host that leaves
    holder: str = ""
    containers: Mapping[str, Any] = field(default_factory=dict)  # deploys/agent/docker.py
    login_ms: int = 0  # from the start of the login shell to the start of sudo's command

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Observation:
        """The agent's answer. Raises KeyError or TypeError when it is not one."""
        machine = Machine(**raw["machine"])
        return cls(**{**raw, "machine": machine, "groups": tuple(raw["groups"])})

    @property
    def run(self) -> int:
        """The number of the last finished run, 0 before the first."""
        return int((self.applied or {}).get("run", 0))

    def entry(self, key: str, *, pending: bool = False) -> Mapping[str, Any] | None:
        record = (self.pending if pending else self.applied) or {}
        found: Mapping[str, Any] | None = record.get("entries", {}).get(key)
        return found

    def text(self, path: str) -> str | None:
        """The content of a file as text; None when it was not sent or is not text."""
        content = (self.paths.get(path) or {}).get("content")
        if content is None:
            return None
        try:
            return zlib.decompress(base64.b64decode(content)).decode()
        except UnicodeDecodeError:
            return None


def implied(unit: Unit) -> tuple[str, ...]:
    """Paths that restart a unit without being named: its own file and drop-ins."""
    base = f"/etc/systemd/system/{unit.name}"
    return (*unit.restart_on, base, f"{base}.d/")


def firewall_table(roles: Iterable[Role]) -> str:
    """The table these roles load, "" when none of them has a firewall."""
    return FIREWALL_TABLE if any(u.firewall for r in roles for u in r.units) else ""


def query(roles: Iterable[Role]) -> dict[str, Any]:
    """The request that observes everything these roles name."""
    roles = list(roles)
    paths: dict[str, list[Any]] = {}
    for role in roles:
        for file in role.files:
            paths[file.path] = [file.digest, file.secret]
        others = (*(d.path for d in role.directories), *(x.path for x in role.links), *role.absent)
        for path in others:
            paths.setdefault(path, ["", False])
    units = {
        unit.name: {
            "restart_on": list(implied(unit)),
            "reload_on": list(unit.reload_on),
            "check": list(unit.check.argv) if unit.check else None,
        }
        for role in roles
        for unit in role.units
    }
    return {
        "do": "observe",
        "paths": paths,
        "packages": sorted(
            {p.name for r in roles for p in r.packages}
            | {name for r in roles for a in r.artefacts for name in a.refuses}
        ),
        "users": [u.name for r in roles for u in r.users],
        "groups": [g.name for r in roles for g in r.groups],
        "units": units,
        "sysctls": [s.key for r in roles for s in r.sysctls],
        "artefacts": {a.directory: a.sha256 for r in roles for a in r.artefacts},
        "ports": [p.number for r in roles for p in r.ports],
        "firewall": firewall_table(roles),
        "containers": {c.name: c.switch for r in roles for c in r.containers},
        "debs": {a.directory: a.package for r in roles for a in r.artefacts if a.package},
        "gateway": next((gateway_query(r.gateway) for r in roles if r.gateway), None),
        "cluster": next(({"port": r.drain.port} for r in roles if r.drain), None),
        "needed": None,
    }


def gateway_query(gateway: Gateway) -> dict[str, Any]:
    """What is asked about a gateway; of twin and documents only what differs is sent."""
    return {
        "path": gateway.path, "proven": gateway.proven_path, "status": list(gateway.status),
        "twin": [gateway.twin_path, hashlib.sha256(gateway.twin).hexdigest()],
        "documents": [gateway.documents_path, hashlib.sha256(gateway.documents).hexdigest()],
    }  # fmt: skip


def covers(asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: Observation) -> bool:
    """Whether the answer to `asked` also answers `wanted`: a role may name other things once the
    machine is known (its memory, its OS), and a text to compare must have been sent."""
    for key in ("packages", "users", "groups", "sysctls", "ports"):
        if not set(wanted[key]) <= set(asked[key]):
            return False
    if wanted["units"] != asked["units"] or wanted["artefacts"] != asked["artefacts"]:
        return False
    if wanted["containers"] != asked["containers"] or wanted["cluster"] != asked["cluster"]:
        return False
    if wanted["debs"] != asked["debs"] or wanted["gateway"] != asked["gateway"]:
        return False
    for path, (digest, secret) in wanted["paths"].items():
        if path not in asked["paths"]:
            return False
        now = seen.paths.get(path) or {}
        was_sent = "content" in now or secret or asked["paths"][path][0] != now.get("digest")
        if now.get("kind") == "file" and now["digest"] != digest and not was_sent:
            return False
    return True

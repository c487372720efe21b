"""Roles + observation + last record -> the changes, in the order they will be made.

Pure: the same inputs give the same plan, nothing is read or written. A change carries the line
a person reads, the difference it makes, and the request the agent will get, so what was shown
is what is done. Steps run install -> configure -> activate; nothing starts before its
configuration is in place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploys import (
    compare_containers,
    compare_files,
    compare_gateway,
    compare_system,
    compare_units,
    leaving,
)
from deploys.change import STEPS, Change, keyed
from deploys.model import Role, RoleError
from deploys.observation import Observation


@dataclass(frozen=True)
class Plan:
    """All changes of one host, and what the record will say afterwards."""

    changes: tuple[Change, ...]
    entries: Mapping[str, Mapping[str, Any]]  # what the roles want, keyed digests for secrets
    verify: Mapping[str, str]  # path -> sha256 that must stand there in the end
    roles: tuple[str, ...]
    run: int  # the finished run this plan starts from
    stale_record: str = ""  # why the record alone must be renewed
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.changes and not self.stale_record

    def step(self, name: str) -> list[Change]:
        return [c for c in self.changes if c.step == name]

    def lines(self) -> list[str]:
        """What a person reads and the host's log keeps."""
        out = [c.line for c in self.changes]
        return [*out, f"record: {self.stale_record}"] if self.stale_record else out


def check_roles(roles: Sequence[Role]) -> None:
    """Refuse two roles of one host that claim the same path or unit."""
    owner: dict[str, str] = {}
    for role in roles:
        for path in (*(f.path for f in role.files), *(x.path for x in role.links)):
            if (other := owner.setdefault(path, role.name)) != role.name:
                raise RoleError(f"{path} belongs to role {other} and role {role.name}")
        for unit in role.units:
            if (other := owner.setdefault(unit.name, role.name)) != role.name:
                raise RoleError(f"{unit.name} belongs to role {other} and role {role.name}")


def wanted_entries(roles: Iterable[Role], key: bytes) -> dict[str, dict[str, Any]]:
    """What the record says of these roles once they are applied."""
    out: dict[str, dict[str, Any]] = {}
    for role in roles:
        for f in role.files:
            out[f"file:{f.path}"] = {
                "role": role.name, "mode": f.mode, "owner": f.owner, "group": f.group,
                "digest": keyed(key, f.digest) if f.secret else f.digest, "secret": f.secret,
            }  # fmt: skip
        for d in role.directories:
            out.setdefault(
                f"directory:{d.path}",
                {"role": role.name, "mode": d.mode, "owner": d.owner, "group": d.group},
            )
        for link in role.links:
            out[f"link:{link.path}"] = {"role": role.name, "target": link.target}
        for unit in role.units:
            out[f"unit:{unit.name}"] = {"role": role.name}
        for item in role.containers:
            out[f"container:{item.name}"] = compare_containers.entry(role, item)
        for package in role.packages:
            out.setdefault(f"package:{package.name}", {"role": role.name})
        if role.gateway:
            out |= compare_gateway.entry(role, role.gateway, key)
        for a in role.artefacts:
            out[f"artefact:{a.directory}"] = {
                "role": role.name, "version": a.version, "sha256": a.sha256,
            }  # fmt: skip
    return out


def changes(
    roles: Sequence[Role],
    seen: Observation,
    *,
    key: bytes,
    commit: str,
    keep: Collection[str] = (),
    rollback: bool = False,
) -> Plan:
    """Everything that differs. `keep` names paths whose state on the host is left as it is;
    `rollback` wants the containers' earlier images.

    Raises RoleError when the roles contradict each other, or nothing is there to go back to."""
    if rollback:
        roles = compare_containers.rolled_back(roles, seen)
    check_roles(roles)
    entries = wanted_entries(roles, key)
    files = compare_files.file_changes(roles, seen, entries, key, keep)
    found: list[Change] = [
        *compare_system.package_changes(roles, seen),
        *compare_system.account_changes(roles, seen),
        *compare_system.directory_changes(roles, seen),
        *compare_system.artefact_changes(roles, seen),
        *files,
        *compare_files.unwanted_changes(roles, seen, entries, key, keep),
        *compare_files.link_changes(roles, seen),
        *compare_system.sysctl_changes(roles, seen),
    ]
    found = compare_units.with_units(roles, seen, found)
    found += compare_containers.container_changes(roles, seen, key)
    found += leaving.drain_changes(roles, seen)
    found = compare_gateway.with_gateway(roles, seen, found, key)
    kept = tuple(sorted(p for p in keep if f"file:{p}" in entries))
    for path in kept:  # the record keeps saying what we last wrote, so the drift stays visible
        before = seen.entry(f"file:{path}")
        if before is None:
            entries.pop(f"file:{path}", None)
        else:
            entries[f"file:{path}"] = dict(before)
    verify = {f.path: f.digest for r in roles for f in r.files if f.path not in kept}
    for gateway in (r.gateway for r in roles if r.gateway):
        verify |= compare_gateway.verify(gateway)
    order = {name: n for n, name in enumerate(STEPS)}
    return Plan(
        changes=tuple(sorted(found, key=lambda c: order[c.step])),
        entries=entries,
        verify=verify,
        roles=tuple(r.name for r in roles),
        run=seen.run,
        stale_record=stale_record(roles, seen, entries, commit),
        kept=kept,
        notes=tuple(n for r in roles for n in r.notes),
    )


def stale_record(
    roles: Sequence[Role], seen: Observation, entries: Mapping[str, Any], commit: str
) -> str:
    """Why the record needs renewing although nothing else may differ; "" when it does not."""
    if seen.pending is not None:
        return f"run {seen.pending.get('run')} began and did not finish"
    if seen.applied is None:
        return "first run"
    names = {r.name for r in roles}
    recorded = {k: v for k, v in seen.applied["entries"].items() if v["role"] in names}
    if recorded != dict(entries):
        return "wanted state changed"
    if seen.applied.get("commit") != commit:
        return f"commit {seen.applied.get('commit')} -> {commit}"
    return ""

"""Packages, accounts, directories, artefacts and kernel settings: wanted against observed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploys.change import Change
from deploys.model import Role
from deploys.observation import Observation


def package_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    if seen.dpkg_broken:
        line = "~ packages: finish an interrupted dpkg run (dpkg --configure -a)"
        out.append(Change("packages", "dpkg", line, {"repair": True}))
    names = dict.fromkeys(p.name for role in roles for p in role.packages)
    return out + [
        Change("packages", name, f"+ package {name}", {"install": name})
        for name in names
        if not seen.packages.get(name)
    ]


def account_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    for group in dict.fromkeys(g for role in roles for g in role.groups):
        if group.name not in seen.groups:
            payload: dict[str, Any] = {"group": group.name, "gid": group.gid}
            out.append(Change("accounts", group.name, f"+ group {group.name}", payload))
    for user in dict.fromkeys(u for role in roles for u in role.users):
        wanted = {"group": user.group, "home": user.home, "shell": user.shell}
        if user.uid is not None:
            wanted["uid"] = str(user.uid)
        now = seen.users.get(user.name)
        if now is None or any(now.get(k) != v for k, v in wanted.items()):
            line = f"{'~' if now else '+'} user {user.name} (group {user.group}, {user.shell})"
            payload = {"user": {**wanted, "name": user.name, "exists": bool(now)}}
            out.append(Change("accounts", user.name, line, payload))
    return out


def directory_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    for d in sorted({d for role in roles for d in role.directories}, key=lambda d: d.path):
        now = seen.paths.get(d.path)
        rights = (d.mode, d.owner, d.group)
        if now and now["kind"] == "directory":
            was = (now["mode"], now["owner"], now["group"])
            if was == rights:
                continue
            change = f"{was[0]:04o} {was[1]}:{was[2]} -> "
        else:
            change = ""
        line = (
            f"{'~' if now else '+'} directory {d.path} ({change}{d.mode:04o} {d.owner}:{d.group})"
        )
        payload = {"path": d.path, "mode": d.mode, "owner": d.owner, "group": d.group}
        out.append(Change("directories", d.path, line, payload, path=d.path))
    return out


def artefact_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    for a in (a for role in roles for a in role.artefacts):
        now = seen.artefacts.get(a.directory, {})
        if now.get("sha256") == a.sha256:
            continue
        staged = bool(now.get("staged"))
        how = "uploaded before" if staged else "upload"
        where = f"as package {a.package}" if a.package else f"in {a.directory}"
        line = f"+ artefact {a.name} {a.version} {where} (sha256 {a.sha256[:12]}, {how})"
        payload = {
            "name": a.name, "version": a.version, "sha256": a.sha256,
            "directory": a.directory, "staged": staged, "package": a.package,
            "guards": list(a.guards), "source": a.source,
        }  # fmt: skip
        out.append(Change("artefacts", a.directory, line, payload, path=a.directory))
    return out


def sysctl_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    for s in (s for role in roles for s in role.sysctls):
        now = seen.sysctls.get(s.key)
        right = now is not None and (now >= s.value if s.at_least else now == s.value)
        # A container cannot set the machine's kernel: asking again on every run would never end.
        if right or (seen.machine.container and seen.run):
            continue
        payload = {"key": s.key, "value": s.value, "container": seen.machine.container}
        out.append(Change("sysctls", s.key, f"~ sysctl {s.key}: {now} -> {s.value}", payload))
    return out

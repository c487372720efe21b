"""What a host should be, as data.

A `Role` is a value: files, packages, units and so on, built by the pure functions in
`deploys/roles/` from settings, inventory and what the machine is. Nothing here acts, reads a
clock or imports pyinfra; `deploys/plan.py` compares a role with an observation, and the
operations in `deploys/ops/` carry the difference out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any


class RoleError(ValueError):
    """A role that cannot be: two owners of one path, a relative path, a heap that does not fit."""


@dataclass(frozen=True)
class Machine:
    """What a host is, as far as a role's content depends on it. Read on the host, never assumed."""

    memory_mb: int  # MemTotal of /proc/meminfo in MiB
    cpus: int
    arch: str  # dpkg's name: amd64, arm64
    os_id: str  # ID of /etc/os-release: debian, ubuntu
    os_version: str  # VERSION_ID: 13, 24.04
    os_codename: str  # VERSION_CODENAME: trixie, noble
    container: bool  # systemd-detect-virt --container


@dataclass(frozen=True)
class Package:
    """A package of the OS's own archives, by its exact name."""

    name: str


@dataclass(frozen=True)
class Group:
    name: str


@dataclass(frozen=True)
class User:
    """A system account without a login; its primary group has to be declared or exist."""

    name: str
    group: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Directory:
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755


@dataclass(frozen=True)
class File:
    """A whole file. `validate` is an argv run on the host before the rename; `{}` is the staged
    path. A secret's content is never printed, diffed or stored, only its keyed digest."""

    path: str
    content: bytes = field(repr=False)
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    validate: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Artefact:
    """An archive (zip) uploaded once and unpacked into `directory`, whose files belong to root.

    `sha256` is checked on the controller and again on the host before anything is unpacked. The
    archive's single top folder is stripped. The directory is complete or absent: it is unpacked
    beside itself and renamed.
    """

    name: str
    version: str
    sha256: str
    directory: str


@dataclass(frozen=True)
class Link:
    """A symbolic link. With `unit`, it is switched in the same step that restarts that unit."""

    path: str
    target: str
    unit: str = ""


@dataclass(frozen=True)
class Sysctl:
    """A kernel setting, made persistent in a file of its own. With `at_least`, a larger value
    that the host already has is right. In a container a refusal is a warning."""

    key: str
    value: int
    at_least: bool = False


@dataclass(frozen=True)
class Check:
    """A health check on the host: `argv` is run until it exits 0 or `timeout_s` is over.

    Silent when healthy; its last output and the unit's last log lines explain a failure."""

    argv: tuple[str, ...]
    timeout_s: int = 60


@dataclass(frozen=True)
class Unit:
    """A systemd unit. It restarts when a path in `restart_on` changed after it started, and
    reloads when one in `reload_on` changed after its last start or reload. A path that ends in
    `/` means everything below it. `before` is an argv run before a restart of a running unit."""

    name: str
    enabled: bool = True
    running: bool = True
    restart_on: tuple[str, ...] = ()
    reload_on: tuple[str, ...] = ()
    check: Check | None = None
    before: tuple[str, ...] = ()
    rolling: bool = False  # a restart runs on one host of the group at a time
    firewall: bool = False  # a reload is undone unless a new SSH connection confirms it


@dataclass(frozen=True)
class Port:
    """A TCP port this role will listen on; another process on it stops the run beforehand."""

    number: int
    process: str  # the process name that may hold it: nginx, java


@dataclass(frozen=True)
class Role:
    """Everything one role wants of one host."""

    name: str
    packages: tuple[Package, ...] = ()
    groups: tuple[Group, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    links: tuple[Link, ...] = ()
    sysctls: tuple[Sysctl, ...] = ()
    units: tuple[Unit, ...] = ()
    absent: tuple[str, ...] = ()  # paths that must not exist
    ports: tuple[Port, ...] = ()
    disk_mb: int = 0  # free space needed on / before the first change
    memory_mb: int = 0  # memory the role's processes need; checked against the machine
    notes: tuple[str, ...] = ()  # sentences for the operator, shown with the plan

    def __post_init__(self) -> None:
        seen: dict[str, Any] = {}
        items: list[Directory | File | Link] = [*self.directories, *self.files, *self.links]
        for item in items:
            if not item.path.startswith("/") or "/../" in item.path or "\0" in item.path:
                raise RoleError(f"role {self.name}: {item.path!r} is not an absolute path")
            if item.path in seen:
                raise RoleError(f"role {self.name}: {item.path} is declared twice")
            seen[item.path] = item

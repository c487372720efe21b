"""What a host should be, as data.

A `Role` is a value: files, packages, units and so on, built by the pure functions in
`deploys/roles/` from settings, inventory and what the machine is. Nothing here acts, reads a
clock or imports pyinfra; `deploys/plan.py` compares a role with an observation, and the
operations in `deploys/ops/` carry the difference out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal


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
    gid: int | None = None  # None: the next free one of the system's


@dataclass(frozen=True)
class User:
    """A system account without a login; its primary group has to be declared or exist."""

    name: str
    group: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    uid: int | None = None  # None: the next free one of the system's


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

    With `package` it is a deb of that name instead: installed with its dependencies and held,
    with a marker in `directory`; `source` is the operator's own file of it. What stands below
    `guards` keeps its owner and mode whatever the package's own scripts do; with one of
    `refuses` installed the run stops beforehand.
    """

    name: str
    version: str
    sha256: str
    directory: str
    package: str = ""
    source: str = ""
    guards: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()


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

    Silent when healthy; its last output and the unit's last log lines explain a failure. Exit code
    3 says that the unit serves nobody, as nobody listens."""

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
    rolling: bool = False  # restarts on one host of the group at a time, unless it is down
    firewall: bool = False  # a reload is undone unless a new SSH connection confirms it


@dataclass(frozen=True)
class Login:
    """How to log in to a registry; sent to the host only for a pull, never stored there."""

    user: str
    token: bytes = field(repr=False)


@dataclass(frozen=True)
class Container:
    """A service in one of two containers, `<name>-blue` and `<name>-green`, of which one serves.

    It is replaced, never changed: the other colour starts beside it and takes over when it is
    ready. Which one serves is told by one file: green while `switch` exists, blue without it.
    """

    name: str
    image: str  # name@sha256:digest
    command: tuple[str, ...]
    ports: tuple[int, int]  # on 127.0.0.1, for blue and for green
    switch: str
    environment: tuple[tuple[str, str], ...] = ()  # shown by the engine: no secrets
    secrets: tuple[str, str] | None = None  # folder on the host, where the container reads it
    user: str = "10001:10001"
    memory_mb: int = 192  # beyond it the container is killed, and started again
    pids: int = 128
    health: str = "/health"  # answers 200 when it can work
    ready_s: int = 120  # longest time from start to that
    drain_s: int = 30  # longest time the old one has to finish what it works on
    login: Login | None = None  # None: the registry asks for none


@dataclass(frozen=True)
class Drain:
    """What the search cluster is to be told: `names` hold no data and have no vote, all others
    may. The data of `names` moves to `staying`."""

    names: tuple[str, ...]
    staying: tuple[str, ...]
    port: int  # of the node on loopback


@dataclass(frozen=True)
class Port:
    """A TCP port this role will listen on; another process on it stops the run beforehand."""

    number: int
    process: str  # the process name that may hold it: nginx, java


@dataclass(frozen=True)
class Probe:
    """One request that the gateway's host asks itself after a new configuration went live.

    `expect` is what the answer has to be: `no route`, `no key`, or `upstream` for an answer of
    the service behind it. `keyed` sends the gateway's first key."""

    method: str
    path: str
    expect: Literal["no route", "no key", "upstream"]
    keyed: bool = False
    host: str = ""  # the Host header, where a route asks for one


@dataclass(frozen=True)
class Gateway:
    """The gateway's configuration: applied in one step that ends with it live and proven, or
    with the one before it live again. `twin` is what people may see of it, `documents` the
    OpenAPI documents it was made from; both stand on the host only once it is proven."""

    path: str
    content: bytes = field(repr=False)  # secret: it holds API keys and a client key
    twin_path: str
    twin: bytes = field(repr=False)
    documents_path: str
    documents: bytes = field(repr=False)
    proven_path: str  # root's copy of the configuration that last was proven
    parse: tuple[str, ...]  # argv that judges a staged file, `{}`
    scratch: str  # an empty folder that `parse` may use
    owner: str  # the account `parse` runs as, and whose group reads the configuration
    unit: str
    status: tuple[str, int]  # address of the Status API
    public: tuple[str, int]  # where the host itself reaches the gateway
    server_name: str  # SNI of the probes
    certificate: bytes = field(repr=False)  # what the probes have to be shown
    probes: tuple[Probe, ...] = ()
    probe_key: str = field(default="", repr=False)
    key_header: str = "X-API-KEY"
    hide: tuple[str, ...] = field(default=(), repr=False)  # never to appear in a message
    timeout_s: int = 90
    probe_s: int = 10  # for which an answer may still be a wrong one: old workers, slow services
    allow_breaking: bool = False

    @property
    def digest(self) -> str:
        """sha256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def md5(self) -> str:
        """What the Status API says of this content once it runs: its MD5."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


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
    containers: tuple[Container, ...] = ()
    absent: tuple[str, ...] = ()  # paths that must not exist
    gateway: Gateway | None = None
    drain: Drain | None = None
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

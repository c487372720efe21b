"""What the account holds: instances, static IPs, key pairs, operations. Records and their file.

One name space for all kinds, as in the real service. The file is written whole (temp + rename),
readable by its owner only, and holds no secret: user data is never kept. Nothing here decides
what a call may do.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ACCOUNT_ID = "111122223333"
STATE_VERSION = 1


def _uuid() -> str:
    return str(uuid.uuid4())


def _arn(region: str, kind: str, uid: str) -> str:
    return f"arn:aws:lightsail:{region}:{ACCOUNT_ID}:{kind}/{uid}"


@dataclass
class Instance:
    """`state` is what the API shows; `job` is the work under way, with the operation it ends."""

    name: str
    zone: str
    blueprint_id: str
    bundle_id: str
    user: str
    memory_mb: int
    disk_gb: int
    key_name: str
    authorized_keys: list[str]
    tags: dict[str, str]
    ip_type: str
    ports: list[dict[str, Any]]
    uid: str = field(default_factory=_uuid)
    created_at: float = field(default_factory=time.time)
    state: str = "pending"
    private_ip: str | None = None
    metadata: dict[str, Any] = field(
        default_factory=lambda: {"state": "applied", "httpTokens": "optional"}
    )
    job: str | None = None  # create | start | stop | reboot | delete
    job_operation: str | None = None
    resumed: bool = False  # its job was taken up from a killed stand-in
    stuck: bool = False
    running_reads: int = 0  # how often it was read since it came up: the address shows late
    key_reads: int = 0  # how often its access details were read: host keys show later still
    kind = "Instance"


@dataclass
class StaticIp:
    name: str
    address: str
    uid: str = field(default_factory=_uuid)
    created_at: float = field(default_factory=time.time)
    attached_to: str | None = None
    kind = "StaticIp"


@dataclass
class KeyPair:
    name: str
    public_key: str  # one authorized_keys line
    fingerprint: str
    tags: dict[str, str] = field(default_factory=dict)
    uid: str = field(default_factory=_uuid)
    created_at: float = field(default_factory=time.time)
    kind = "KeyPair"


@dataclass
class Operation:
    """A piece of work. With `due`, it ends by itself at that time with `outcome`."""

    resource: str
    resource_kind: str
    type: str
    zone: str
    status: str
    outcome: str = "Succeeded"
    due: float | None = None
    details: str = ""
    error_code: str = ""
    error_details: str = ""
    id: str = field(default_factory=_uuid)
    created_at: float = field(default_factory=time.time)
    changed_at: float = field(default_factory=time.time)

    @property
    def terminal(self) -> bool:
        return self.status in ("Succeeded", "Completed", "Failed")

    def move(self, status: str, code: str = "", details: str = "") -> None:
        self.status, self.error_code, self.error_details = status, code, details
        self.changed_at = time.time()

    def settle(self, now: float) -> None:
        """End it if its time has come."""
        if not self.terminal and self.due is not None and now >= self.due:
            self.move(self.outcome, self.error_code, self.error_details)


@dataclass
class Account:
    """Everything of one account in one region."""

    region: str
    instances: dict[str, Instance] = field(default_factory=dict)
    static_ips: dict[str, StaticIp] = field(default_factory=dict)
    key_pairs: dict[str, KeyPair] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Every name taken, of whatever kind."""
        return {*self.instances, *self.static_ips, *self.key_pairs}

    def arn(self, thing: Instance | StaticIp | KeyPair) -> str:
        return _arn(self.region, thing.kind, thing.uid)

    def static_ip_of(self, instance_name: str) -> StaticIp | None:
        return next((s for s in self.static_ips.values() if s.attached_to == instance_name), None)

    def save(self, path: Path) -> None:
        """Write the whole account; a reader sees the old file or the new one, never a part."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {"version": STATE_VERSION, **asdict(self)}
        # One fixed name beside it: what a kill in here leaves, the next save replaces.
        temp = path.with_name(path.name + ".tmp")
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)


class StateError(Exception):
    """The state file cannot be used; the message says why and what to do."""


def load(path: Path, region: str) -> Account:
    """The account from its file, or an empty one if there is none. Raises StateError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Account(region)
    except (OSError, ValueError) as e:
        raise StateError(f"{path} cannot be read ({e}): run rehearse down, then rehearse up") from e
    try:
        if data["version"] != STATE_VERSION or data["region"] != region:
            raise StateError(
                f"{path} is of version {data['version']} and region {data['region']}, wanted "
                f"{STATE_VERSION} and {region}: run rehearse down, then rehearse up"
            )
        return Account(
            region,
            {n: Instance(**v) for n, v in data["instances"].items()},
            {n: StaticIp(**v) for n, v in data["static_ips"].items()},
            {n: KeyPair(**v) for n, v in data["key_pairs"].items()},
            {n: Operation(**v) for n, v in data["operations"].items()},
        )
    except (KeyError, TypeError, AttributeError) as e:
        raise StateError(
            f"{path} is not a state file of this version ({e}): run rehearse down, then rehearse up"
        ) from e

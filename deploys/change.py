"""One change of a host, and the order of the steps. Pure data."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STEPS = (
    "packages", "accounts", "directories", "artefacts", "files", "links", "sysctls",
    "firewall", "units", "rolling", "drain", "containers", "gateway",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One thing that will be different. `line` is for the person, `payload` for the agent."""

    step: str
    target: str  # path, package, unit
    line: str
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    diff: str = field(default="", repr=False)
    drift: str = ""  # set when the host was changed by hand
    path: str = ""  # the path this change touches, "" for none


def keyed(key: bytes, digest: str) -> str:
    """A secret's digest as the record keeps it: useless without the controller's key."""
    return "hmac:" + hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()

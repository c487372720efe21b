"""What taking an idempotency key comes to: the answer that was given, or leave to go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Replay:
    """The answer that was given under this key."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Fresh:
    """Nothing was answered under this key: go on. `nonce` stays the same from attempt to attempt;
    `resumed` says that an earlier one began and may have done some or all of its work."""

    token: object
    nonce: str
    resumed: bool = False

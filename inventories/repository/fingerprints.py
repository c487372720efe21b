"""What was written to GitHub from here, as a record that tells a change without any value. Pure.

A secret cannot be read back. Its fingerprint is an HMAC-SHA256 of level, name and value under a
key that stays on the operator's machine: who reads the record cannot try values against it.
The record is one variable per level; `""` as fingerprint marks a write that was begun.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType

from deploys.secrets import Secret

FORMAT = 1
_NOTHING: Mapping[str, Entry] = MappingProxyType({})


@dataclass(frozen=True)
class Entry:
    """One secret as written: its fingerprint, and GitHub's `updated_at` right after."""

    fingerprint: str = ""
    updated_at: str = ""

    @property
    def begun(self) -> bool:
        """Whether a write was begun whose end was never recorded."""
        return not self.fingerprint


@dataclass(frozen=True)
class Record:
    """All that was written from here to one level, under the key named by `key_id`."""

    key_id: str = ""
    secrets: Mapping[str, Entry] = field(default_factory=lambda: _NOTHING)
    variables: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()  # the repository's level only


def fingerprint(key: Secret, level: str, name: str, value: Secret) -> str:
    """64 hex digits. Parts are preceded by their length, so that none can pass for another."""
    parts = (b"fingerprint", level.encode(), name.encode(), value.reveal())
    return _keyed(key, parts).hexdigest()


def key_id(key: Secret) -> str:
    """A name for the key that says nothing about it: 16 hex digits."""
    return _keyed(key, (b"key id",)).hexdigest()[:16]


def _keyed(key: Secret, parts: tuple[bytes, ...]) -> hmac.HMAC:
    made = hmac.new(key.reveal(), digestmod=sha256)
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made


def dump(record: Record) -> str:
    """Canonical: equal records are equal texts."""
    data = {
        "format": FORMAT,
        "key": record.key_id,
        "secrets": {n: [e.fingerprint, e.updated_at] for n, e in record.secrets.items()},
        "variables": sorted(record.variables),
        "environments": sorted(record.environments),
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def parse(text: str | None) -> Record:
    """The record in a variable. What is no record of ours counts as none: everything is then
    unknown and written again, never taken for unchanged."""
    try:
        data = json.loads(text or "")
        if data["format"] != FORMAT:
            return Record()
        entries = {}
        for name, (mark, at) in data["secrets"].items():
            if not (isinstance(mark, str) and isinstance(at, str)):
                return Record()
            entries[name] = Entry(mark, at)
        variables, environments = frozenset(data["variables"]), frozenset(data["environments"])
        if not all(isinstance(n, str) for n in (data["key"], *variables, *environments)):
            return Record()
        return Record(data["key"], entries, variables, environments)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Record()

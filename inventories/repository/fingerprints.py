"""What was written to GitHub from here, as a record that tells a change without any value. Pure.

A secret cannot be read back. Its fingerprint is an HMAC-SHA256 of level, name and value under a
key that stays on the operator's machine: who reads the record cannot try values against it.
The record is one variable per level; `""` as fingerprint marks a write that was begun. Texts of
variables are no secret and are recorded by a plain digest.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from deploys.secrets import Secret

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One secret as written: its fingerprint, and GitHub's `updated_at` right after. Of a write
    that was begun: no fingerprint, and the `updated_at` of our own write before it, if any."""

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
    secrets: Mapping[str, Entry] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)  # name -> digest of its text
    environments: frozenset[str] = frozenset()  # the repository's level only


def fingerprint(key: Secret, level: str, name: str, value: Secret) -> str:
    """64 hex digits. Parts are preceded by their length, so that none can pass for another."""
    parts = (b"fingerprint", level.encode(), name.encode(), value.reveal())
    return _keyed(key, parts).hexdigest()


def digest(text: str) -> str:
    """What tells one text of a variable from another: 32 hex digits."""
    return sha256(text.encode()).hexdigest()[:32]


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
        "variables": dict(record.variables),
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
        variables, environments = dict(data["variables"]), frozenset(data["environments"])
        if not all(isinstance(n, str) for n in (data["key"], *variables.values(), *environments)):
            return Record()
        return Record(data["key"], entries, variables, environments)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Record()

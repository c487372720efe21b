"""What a migration is to reach and what it did. Pure data.

A change of a mapping raises its number in `mappings.VERSIONS`; when documents change their form
with it, `CHANGES` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from story_services.common.store import indices
from story_services.common.store.copying import Change
from story_services.common.store.mappings import VERSIONS


def unchanged(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The new form of a document whose form stays."""
    return source


@dataclass(frozen=True)
class Goal:
    """What an index shall be: its version, what it is created with, and how a document becomes
    one of its own. `change` must be pure, and its result has the nonce of what it is given."""

    index: str
    version: int
    body: Mapping[str, Any]
    change: Change = unchanged


@dataclass
class Report:
    """What was done for one index. `held_s` is how long writes were held back, in seconds, and
    `last` the number of the last write to the old index."""

    index: str
    old: str
    new: str
    documents: int = 0
    copied: int = 0
    passes: int = 0
    compared: int = 0
    removed: int = 0
    last: int = -1
    held_s: float = 0.0
    seconds: float = 0.0


#: How documents of each index become those of this program's version, from any earlier one.
CHANGES: Mapping[str, Change] = {}


def goals() -> list[Goal]:
    """What this program needs."""
    return [
        Goal(index, VERSIONS[index], indices.body(index), CHANGES.get(index, unchanged))
        for index in indices.NAMES
    ]

"""Searches over contexts and world states. Pure: clauses made of values only.

A key is a path to a value (`watch.hour`); as a part of a field's name below free data it is taken
literally, whatever characters it has. Values are compared as JSON writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from story_services.common.queries import Clause, between, either, every, missing, term

_DATA = "content.data"


def stated(key: str | None, value: str | None) -> list[Clause]:
    """Data that has this value at this key, this value anywhere, or any value at this key."""
    if key is None:
        return [] if value is None else [term(_DATA, value)]
    field = f"{_DATA}.{key}"
    return [{"prefix": {field: ""}} if value is None else term(field, value)]


def covering(sequence: int | None) -> list[Clause]:
    """Ranges that the number lies in; a missing end is open."""
    if sequence is None:
        return []
    low, high = "content.fromSequence", "content.toSequence"
    return [
        either(missing(low), between(low, None, sequence)),
        either(missing(high), between(high, sequence, None)),
    ]


def equal(wanted: Mapping[str, Any]) -> list[Clause]:
    """Fields that have these values; None asks for nothing."""
    return [term(f"content.{name}", v) for name, v in wanted.items() if v is not None]


def of_session(session_id: int, script_id: int | None) -> Clause:
    """What holds in a session: its own entries, and those of its script or of all scripts that
    belong to no session. A session without a script has its own entries whatever script they
    are for."""
    here = missing("content.scriptId")
    if script_id is not None:
        here = either(here, term("content.scriptId", script_id))
    own = [term("content.sessionId", session_id)]
    return either(
        every(own if script_id is None else [*own, here]),
        every([missing("content.sessionId"), here]),
    )

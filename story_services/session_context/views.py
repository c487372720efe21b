"""Entities of this service in the words of the contract. Pure.

A field without a value is there as null. Nothing here has a sequence number; the revision is the
version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from story_services.common.entities import Entity
from story_services.common.records import Record
from story_services.session_context.entries import FIELDS

View = dict[str, Any]


def session(entity: Entity) -> View:
    """Session."""
    content = entity.content
    return {
        "sessionId": entity.id,
        **{name: content[name] for name in ("userId", "name", "scriptId")},
        **_stated(entity.record),
        **_envelope(entity),
    }


def session_context(record: Record, states: Sequence[Entity]) -> View:
    """A session's context at one revision, and the world states that go with it."""
    return {
        "sessionId": record.id,
        **_stated(record),
        "worldStates": [world_state(state) for state in states],
        "revision": record.version,
        "comment": record.comment,
        "updatedAt": record.updated_at,
    }


def context(entity: Entity) -> View:
    """Context."""
    return {"contextId": entity.id, **_entry(entity)}


def world_state(entity: Entity) -> View:
    """WorldState."""
    return {"worldStateId": entity.id, **_entry(entity)}


def _stated(record: Record) -> View:
    return {name: record.content[name] for name in ("context", "contextEntries", "data")}


def _entry(entity: Entity) -> View:
    names = FIELDS[entity.record.kind]
    return {**{name: entity.content[name] for name in names}, **_envelope(entity)}


def _envelope(entity: Entity) -> View:
    envelope = entity.envelope()
    del envelope["sequenceNumber"]
    return {"revision": entity.record.version, **envelope}

"""What the Central Sequence answers, as the contract names it."""

from __future__ import annotations

from typing import Any

from story_services.central_sequence.numbers import Numbered
from story_services.central_sequence.reorder import Reordered
from story_services.central_sequence.versions import Version, difference
from story_services.common import kinds
from story_services.common.history import Change, describe
from story_services.common.records import Record

#: Elements of one change that an answer names; a whole play can be one change.
_SHOWN = 100


def number_view(numbered: Numbered, comment: str | None) -> dict[str, Any]:
    """SequenceNumber of the contract."""
    return {
        "sequenceNumber": numbered.number,
        "elementType": numbered.record.kind,
        "elementId": numbered.record.id,
        "scriptId": numbered.script,
        "versionNumber": numbered.record.version,
        "comment": comment,
    }


def change_view(change: Change) -> dict[str, Any]:
    """ChangeEntry of the contract."""
    return {
        "changeId": change.change_id,
        "action": change.action,
        "actor": change.actor,
        "comment": change.comment,
        "createdAt": change.at,
        "reverts": change.reverts,
        "elements": [
            {"elementType": item.kind, "elementId": item.id, "versionNumber": item.version}
            for item in change.items[:_SHOWN]
        ],
        "total": len(change.items),
    }


def moved_view(ref: str, old: int, new: int) -> dict[str, Any]:
    """Moved of the contract."""
    kind, element_id = kinds.parse_key(ref)
    return {"elementType": kind, "elementId": element_id, "oldSequence": old, "newSequence": new}


def step_view(change: Change, verb: str) -> dict[str, Any]:
    """StepDone of the contract."""
    return {"message": f"{verb}: {describe(change)}.", "change": change_view(change)}


def version_view(record: Record) -> dict[str, Any]:
    """VersionEntry of the contract."""
    return {
        "versionNumber": record.version,
        "createdAt": record.updated_at,
        "comment": record.comment,
        "action": record.action,
        "actor": record.actor,
    }


def content_view(version: Version, other: Version | None) -> dict[str, Any]:
    """VersionContent of the contract."""
    diff = difference(other.data, version.data) if other else None
    return {**version_view(version.record), "data": version.data, "diff": diff}


def made_view(record: Record, number: int | None) -> dict[str, Any]:
    """VersionMade of the contract."""
    return {
        "versionNumber": record.version,
        "elementType": record.kind,
        "elementId": record.id,
        "sequenceNumber": number,
        "createdAt": record.updated_at,
        "comment": record.comment,
    }


def reordered_view(done: Reordered, comment: str | None) -> dict[str, Any]:
    """Reordered of the contract."""
    count = len(done.moved)
    return {
        "message": f"Reordered {count} element{'' if count == 1 else 's'}.",
        "updatedElements": [moved_view(m.ref, m.old, m.new) for m in done.moved],
        "revision": done.revision,
        "comment": comment,
    }

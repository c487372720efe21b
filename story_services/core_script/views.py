"""Entities of this service in the words of the contract. Pure.

A field without a value is there as null.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from story_services.common.entities import Entity
from story_services.common.views import section_or_none

View = dict[str, Any]


def script(entity: Entity, sections: Sequence[Entity]) -> View:
    """Script, with its sections in their order."""
    content = entity.content
    return {
        "scriptId": entity.id,
        "title": content["title"],
        "author": content["author"],
        "description": content["description"],
        "sections": [section(each) for each in sections],
        **entity.envelope(),
    }


def section(entity: Entity) -> View:
    """Section; the first generations of the contract say headingId and sequence, later ones
    sectionId and sequenceNumber."""
    return {
        "headingId": entity.id,
        "sectionId": entity.id,
        "scriptId": entity.content["scriptId"],
        "title": entity.content["title"],
        "sequence": entity.number,
        **entity.envelope(),
    }


def transition(entity: Entity, sections: Set[int]) -> View:
    """Transition; `sections` are those that exist."""
    return {
        "transitionId": entity.id,
        "scriptId": entity.content["scriptId"],
        "sectionId": section_or_none(entity, sections),
        "description": entity.content["text"],
        **entity.envelope(),
    }


def note(entity: Entity, sections: Set[int], targets: Set[tuple[str, int]]) -> View:
    """Note; `sections` and `targets` are those that exist."""
    content = entity.content
    target = content["targetType"], content["targetId"]
    target_type, target_id = target if target in targets else (None, None)
    return {
        "noteId": entity.id,
        "scriptId": content["scriptId"],
        "sectionId": section_or_none(entity, sections),
        "text": content["text"],
        "targetType": target_type,
        "targetId": target_id,
        **entity.envelope(),
    }

"""Entities in the words of the contract. Pure.

A field without a value is there as null. `/lines` is another view of spoken words: the same
entity under other names.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from story_services.common.entities import Entity
from story_services.common.views import section_or_none

View = dict[str, Any]


def character(entity: Entity) -> View:
    """Character."""
    content = entity.content
    return {
        "characterId": entity.id,
        "name": content["name"],
        "description": content["description"],
        "scriptIds": content["scriptIds"],
        **entity.envelope(),
    }


def action(entity: Entity, sections: Set[int]) -> View:
    """Action; `sections` are those that exist."""
    return {
        "actionId": entity.id,
        "description": entity.content["text"],
        **_place(entity, sections),
        **entity.envelope(),
    }


def spoken_word(entity: Entity, sections: Set[int]) -> View:
    """SpokenWord; `sections` are those that exist."""
    return {
        "dialogueId": entity.id,
        "text": entity.content["text"],
        **_place(entity, sections),
        "actionId": entity.content["actionId"],
        **entity.envelope(),
    }


def line(entity: Entity, sections: Set[int]) -> View:
    """SpokenWord as a Line; `sections` are those that exist."""
    return {
        "lineId": entity.id,
        "content": entity.content["text"],
        **_place(entity, sections),
        "actionId": entity.content["actionId"],
        **entity.envelope(),
    }


def _place(entity: Entity, sections: Set[int]) -> View:
    content = entity.content
    return {
        "characterId": content["characterId"],
        "scriptId": content["scriptId"],
        "sectionId": section_or_none(entity, sections),
        "speechId": content["speechId"],
    }


def own_section(entity: Entity) -> Set[int]:
    """The section of an element that was only just put into it, so that it is known to exist."""
    section_id = entity.content["sectionId"]
    return frozenset() if section_id is None else frozenset({section_id})


def in_batch(entity: Entity) -> View:
    """One element in the answer to a batch."""
    return {
        "elementType": entity.record.kind,
        "elementId": entity.id,
        "sequence": entity.number,
        "speechId": entity.content["speechId"],
        "sectionId": entity.content["sectionId"],
    }


def paraphrase(entity: Entity) -> View:
    """Paraphrase."""
    names = (
        "originalId", "originalType", "text", "commentary", "style", "sessionId",
        "contextRevision", "source",
    )  # fmt: skip
    content = entity.content
    return {
        "paraphraseId": entity.id,
        **{name: content[name] for name in names},
        **entity.envelope(),
    }

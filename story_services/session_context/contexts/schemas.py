"""Requests and answers about contexts of characters."""

from __future__ import annotations

from pydantic import Field

from story_services.common.http.free_data import FreeData
from story_services.common.http.types import EntityId
from story_services.session_context.shapes import (
    Change,
    Creation,
    Place,
    Placed,
    RevisionEnvelope,
    shown,
    unless_absent,
)

_SET = frozenset({"contextId"})


class ContextCreate(Creation, Placed):
    """What holds for a character."""

    model_config = shown(characterId=1, data={"mood": "sick at heart"}, scriptId=1, fromSequence=1)

    set_by_service = _SET

    characterId: EntityId = Field(description="Whom it is about.")
    data: FreeData


class ContextChange(Change, Placed):
    """Changes of a context; data is replaced as a whole."""

    model_config = shown(data={"mood": "sick at heart"}, toSequence=12, ifRevision=1)

    set_by_service = _SET

    characterId: EntityId = unless_absent(description="Whom it is about.")
    data: FreeData = unless_absent()


class CharacterContext(Place, RevisionEnvelope):
    """What holds for a character over a range."""

    contextId: int = Field(examples=[1])
    characterId: int = Field(examples=[1])
    data: FreeData

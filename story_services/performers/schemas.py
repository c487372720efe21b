"""Requests and answers about performers and castings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from story_services.common.http.types import Comment, EntityId, Input, Name, Number
from story_services.common.views import SET_BY_SERVICE, Envelope

PerformerName = Annotated[str, Name(100), Field(examples=["Sarah Bernhardt"])]


class PerformerCreate(Input):
    """A new performer."""

    read_only = SET_BY_SERVICE | {"performerId", "versionNumber"}

    name: PerformerName
    comment: Comment | None = None


class PerformerChange(Input):
    """Changes of a performer."""

    read_only = SET_BY_SERVICE | {"performerId"}

    # May be absent but not null, so there is no default to show.
    name: PerformerName = Field(default_factory=str)
    versionNumber: Number | None = Field(
        default=None, description="The version that the change is meant for; another one is a 409."
    )
    comment: Comment | None = None


class Performer(Envelope):
    """Somebody who plays."""

    performerId: int = Field(examples=[1])
    name: str = Field(examples=["Sarah Bernhardt"])


class CastingCreate(Input):
    """Who plays whom, in which script."""

    read_only = SET_BY_SERVICE | {"castingId", "versionNumber"}

    scriptId: EntityId
    characterId: EntityId
    performerId: EntityId
    comment: Comment | None = None


class Casting(Envelope):
    """A performer who plays a character in a script; it has no number."""

    castingId: int = Field(examples=[1])
    scriptId: int = Field(examples=[1])
    characterId: int = Field(examples=[1])
    performerId: int = Field(examples=[1])

"""Requests and answers about actions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from story_services.characters.shapes import (
    Change,
    Creation,
    Envelope,
    Place,
    Placed,
    unless_absent,
)
from story_services.common.http.types import Text

Deed = Annotated[
    str, Text(10_000, 1), Field(description="What is done.", examples=["Enter Bernardo."])
]


class ActionCreate(Placed, Creation):
    """A new action."""

    own_id = "actionId"
    wording = "description"

    description: Deed


class ActionChange(Placed, Change):
    """Changes of an action."""

    own_id = "actionId"
    wording = "description"

    description: Deed = unless_absent()


class Action(Envelope, Place):
    """Something that is done."""

    actionId: int = Field(examples=[1])
    description: str = Field(examples=["Enter Bernardo."])

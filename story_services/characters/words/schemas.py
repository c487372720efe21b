"""Requests and answers about spoken words."""

from __future__ import annotations

from pydantic import Field

from story_services.characters.shapes import (
    Change,
    Creation,
    Envelope,
    Place,
    Spoken,
    Wording,
    unless_absent,
)


class SpokenWordCreate(Spoken, Creation):
    """A new spoken line."""

    own_id = "dialogueId"

    text: Wording


class SpokenWordChange(Spoken, Change):
    """Changes of a spoken line."""

    own_id = "dialogueId"

    text: Wording = unless_absent()


class SpokenWord(Envelope, Place):
    """A spoken line."""

    dialogueId: int = Field(examples=[1])
    text: str = Field(examples=["Who's there?"])
    actionId: int | None = Field(description="The action that comes with it.", examples=[None])

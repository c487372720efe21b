"""Requests and answers of the lines view."""

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


class LineCreate(Spoken, Creation):
    """A new spoken line."""

    own_id = "lineId"
    wording = "content"

    content: Wording


class LineChange(Spoken, Change):
    """Changes of a spoken line."""

    own_id = "lineId"
    wording = "content"

    content: Wording = unless_absent()


class Line(Envelope, Place):
    """A spoken line under the names of /lines."""

    lineId: int = Field(examples=[1])
    content: str = Field(examples=["Who's there?"])
    actionId: int | None = Field(description="The action that comes with it.", examples=[None])

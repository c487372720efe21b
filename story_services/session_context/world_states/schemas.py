"""Requests and answers about world states."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from story_services.common.http.free_data import FreeData
from story_services.common.http.types import Name, Text
from story_services.session_context.shapes import (
    Change,
    Creation,
    Place,
    Placed,
    RevisionEnvelope,
    shown,
    unless_absent,
)

Kind = Annotated[
    str,
    Name(100),
    Field(description="weather, economy, time or any other.", examples=["weather"]),
]
Description = Annotated[str, Text(10_000), Field(examples=["It is bitter cold."])]
_SET = frozenset({"worldStateId"})


class WorldStateCreate(Creation, Placed):
    """What holds in the world."""

    model_config = shown(
        kind="weather", data={"sky": "clear"}, scriptId=1, fromSequence=1, toSequence=12
    )

    set_by_service = _SET

    kind: Kind
    description: Description | None = None
    data: FreeData | None = None


class WorldStateChange(Change, Placed):
    """Changes of a world state; data is replaced as a whole."""

    model_config = shown(data={"sky": "clear"}, toSequence=12, ifRevision=1)

    set_by_service = _SET

    kind: Kind = unless_absent()
    description: Description | None = None
    data: FreeData | None = None


class WorldState(Place, RevisionEnvelope):
    """What holds in the world over a range."""

    worldStateId: int = Field(examples=[1])
    kind: str = Field(examples=["weather"])
    description: str | None = Field(examples=["It is bitter cold."])
    data: FreeData

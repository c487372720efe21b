"""Requests and answers about characters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from story_services.characters.shapes import Change, Creation, Envelope, unless_absent
from story_services.common.http.problems import RULE
from story_services.common.http.types import EntityId, Name, Text

PersonName = Annotated[str, Name(100), Field(description="The name.", examples=["Francisco"])]
PersonText = Annotated[
    str, Text(2000, 1), Field(description="Who this is.", examples=["A soldier on the watch."])
]
ScriptIds = Annotated[
    list[EntityId],
    Field(max_length=100, description="Every script that the character is in.", examples=[[1]]),
]


class CharacterCreate(Creation):
    """A new character."""

    own_id = "characterId"

    name: PersonName
    description: PersonText
    scriptId: EntityId | None = Field(default=None, description="Its script, if it is one.")
    scriptIds: ScriptIds | None = Field(default=None)

    @model_validator(mode="after")
    def _one_of_both(self) -> CharacterCreate:
        if self.scriptId is not None and self.scriptIds not in (None, [self.scriptId]):
            raise PydanticCustomError(RULE, "must have scriptId or scriptIds, not both")
        return self

    def stored(self) -> dict[str, Any]:
        """What the caller wrote, as it is stored."""
        one = [] if self.scriptId is None else [self.scriptId]
        ids = one if self.scriptIds is None else self.scriptIds
        return {
            "name": self.name,
            "description": self.description,
            "scriptIds": ids,
        }


class CharacterChange(Change):
    """Changes of a character."""

    own_id = "characterId"

    name: PersonName = unless_absent()
    description: PersonText = unless_absent()
    scriptIds: ScriptIds = unless_absent()


class Character(Envelope):
    """A character; its number is the one in the cast of its first script."""

    characterId: int = Field(examples=[1])
    name: str = Field(examples=["Francisco"])
    description: str = Field(examples=["A soldier on the watch."])
    scriptIds: list[int] = Field(examples=[[1]])

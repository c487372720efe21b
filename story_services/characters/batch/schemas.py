"""Requests and answers of batches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from story_services.characters.people.schemas import PersonName, PersonText
from story_services.characters.shapes import Wording
from story_services.common.http.problems import RULE
from story_services.common.http.types import Comment, EntityId, Input
from story_services.common.kinds import canonical

#: The last two are older spellings of spokenWord.
BatchType = Literal["action", "spokenWord", "transition", "note", "dialogue", "line"]
TargetType = Literal[
    "script", "section", "character", "action", "spokenWord", "transition", "note", "musicSound",
    "dialogue", "line", "sectionHeading",
]  # fmt: skip

_WORDINGS = frozenset({"text", "description", "content"})
_COMMON = _WORDINGS | {"elementType", "sectionId"}
#: What each kind has.
_FIELDS = {
    "action": _COMMON | {"characterId", "speechId"},
    "spokenWord": _COMMON | {"characterId", "speechId", "actionId"},
    "transition": _COMMON,
    "note": _COMMON | {"targetType", "targetId"},
}


def _refuse(message: str) -> PydanticCustomError:
    return PydanticCustomError(RULE, message)


class BatchElement(Input):
    """One element; its wording may have any of the names that it has elsewhere."""

    elementType: BatchType = Field(examples=["spokenWord"])
    text: Wording | None = Field(default=None)
    description: Wording | None = Field(default=None, examples=[None])
    content: Wording | None = Field(default=None, examples=[None])
    characterId: EntityId | None = Field(default=None, description="Who does or says it.")
    sectionId: EntityId | None = Field(default=None, description="A section of the script.")
    speechId: EntityId | None = Field(default=None, description="Groups what is one speech.")
    actionId: EntityId | None = Field(
        default=None, description="What comes with the words.", examples=[None]
    )
    targetType: TargetType | None = Field(default=None, examples=[None])
    targetId: EntityId | None = Field(
        default=None, description="What the note is about.", examples=[None]
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> BatchElement:
        given = {name for name, value in self.given().items() if value is not None}
        if len(given & _WORDINGS) != 1:
            raise _refuse("must have one of text, description and content")
        if foreign := given - _FIELDS[self.kind]:
            raise _refuse(f"must not have {', '.join(sorted(foreign))} as {self.kind}")
        if (self.targetType is None) != (self.targetId is None):
            raise _refuse("must have targetType and targetId together")
        return self

    @property
    def kind(self) -> str:
        """The kind in its canonical spelling."""
        return canonical(self.elementType)

    def stored(self) -> dict[str, Any]:
        """What the caller wrote, under the names that it is stored by."""
        fields = self.given()
        wordings = [fields.pop(name, None) for name in sorted(_WORDINGS)]
        del fields["elementType"]
        if self.targetType is not None:
            fields["targetType"] = canonical(self.targetType)
        return {**fields, "text": next(text for text in wordings if text is not None)}


class BatchCreate(Input):
    """Elements in the order of the story."""

    elements: list[BatchElement] = Field(min_length=1, max_length=1000)
    comment: Comment | None = Field(default=None)


class BatchMember(BaseModel):
    """One element that was made."""

    elementType: Literal["action", "spokenWord", "transition", "note"] = Field(
        examples=["spokenWord"]
    )
    elementId: int = Field(examples=[1])
    sequence: int = Field(description="Its number in the story.", examples=[1])
    speechId: int | None = Field(examples=[1])
    sectionId: int | None = Field(examples=[1])


class BatchMade(BaseModel):
    """All elements of a batch, in its order."""

    elements: list[BatchMember]
    comment: str | None = Field(examples=["Act 1"])


class CastMember(Input):
    """One character."""

    name: PersonName
    description: PersonText


Characters = Annotated[list[CastMember], Field(min_length=1, max_length=500)]


class CastCreate(Input):
    """Characters in the order of the cast."""

    characters: Characters
    comment: Comment | None = Field(default=None)

"""Requests and answers about paraphrases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from story_services.characters.shapes import Change, Creation, Envelope, Wording, unless_absent
from story_services.common.http.types import EntityId, Name, Text

Originals = Literal["character", "action", "spokenWord"]
OriginalType = Annotated[
    Literal["character", "action", "spokenWord", "dialogue", "line"],
    Field(
        description="What is paraphrased; the last two are older spellings of spokenWord.",
        examples=["spokenWord"],
    ),
]
OriginalId = Annotated[EntityId, Field(description="What is paraphrased.")]
Commentary = Annotated[
    str,
    Text(10_000, 1),
    Field(description="Why this wording.", examples=["Plain words for a young audience."]),
]
Style = Annotated[
    str, Name(100), Field(description="The manner it is written in.", examples=["plain"])
]
SessionId = Annotated[EntityId, Field(description="The session it is made for.")]

_SET_HERE = frozenset({"contextRevision", "source"})


class NestedParaphrase(Creation):
    """A new paraphrase of what the path names."""

    own_id = "paraphraseId"
    also_set = _SET_HERE

    text: Wording
    commentary: Commentary
    originalType: OriginalType | None = Field(default=None, examples=[None])
    originalId: OriginalId | None = Field(default=None, examples=[None])
    style: Style | None = Field(default=None)
    sessionId: SessionId | None = Field(default=None, examples=[None])


class ParaphraseCreate(Creation):
    """A new paraphrase."""

    own_id = "paraphraseId"
    also_set = _SET_HERE

    originalType: OriginalType
    originalId: OriginalId
    text: Wording
    commentary: Commentary
    style: Style | None = Field(default=None)
    sessionId: SessionId | None = Field(default=None, examples=[None])


class ParaphraseChange(Change):
    """Changes of a paraphrase; its original may be named but not changed."""

    own_id = "paraphraseId"
    also_set = _SET_HERE

    text: Wording = unless_absent()
    commentary: Commentary = unless_absent()
    originalType: OriginalType = unless_absent()
    originalId: OriginalId = unless_absent()
    style: Style | None = Field(default=None)
    sessionId: SessionId | None = Field(default=None, examples=[None])


class Paraphrase(Envelope):
    """Another wording of something; its number is the one among all of the same original."""

    paraphraseId: int = Field(examples=[1])
    originalId: int = Field(description="What is paraphrased.", examples=[1])
    originalType: Originals = Field(examples=["spokenWord"])
    text: str = Field(examples=["Is somebody there?"])
    commentary: str = Field(examples=["Plain words for a young audience."])
    style: str | None = Field(examples=["plain"])
    sessionId: int | None = Field(examples=[None])
    contextRevision: int | None = Field(
        description="The session's revision when it was made.", examples=[None]
    )
    source: Literal["human", "model"] = Field(examples=["human"])

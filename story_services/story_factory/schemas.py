"""Answers of the Story Factory. Its elements are written without going through these models, so
tests hold the two together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from story_services.common.http.types import Comment, EntityId, Input, Number

StoryType = Literal["action", "spokenWord", "transition", "note", "musicSound", "dialogue", "line"]


class SectionHead(BaseModel):
    """A heading of the story."""

    headingId: int = Field(examples=[1])
    scriptId: int = Field(examples=[1])
    title: str = Field(examples=["ACT I"])
    sequence: int = Field(examples=[1])


class PartCharacter(BaseModel):
    """Who speaks or acts."""

    characterId: int = Field(examples=[1])
    name: str = Field(examples=["HAMLET"])
    description: str = Field(examples=["Prince of Denmark"])
    paraphrase: ChosenParaphrase | None = None


class PartAction(BaseModel):
    """What is done."""

    actionId: int = Field(examples=[1])
    description: str = Field(examples=["Enter GHOST"])


class PartSpokenWord(BaseModel):
    """What is said."""

    dialogueId: int = Field(examples=[1])
    text: str = Field(examples=["To be, or not to be: that is the question:"])
    sequence: int = Field(examples=[7])
    speechId: int | None = Field(examples=[3])


class PartTransition(BaseModel):
    """How the story goes over to what follows."""

    transitionId: int = Field(examples=[1])
    description: str = Field(examples=["Fade to black."])


class PartNote(BaseModel):
    """A note, to the story or to one of its parts."""

    noteId: int = Field(examples=[1])
    text: str = Field(examples=["Check the folio."])
    targetType: str | None = Field(examples=[None])
    targetId: int | None = Field(examples=[None])


class PartContext(BaseModel):
    """The context of the element's character here; `source` says whose each key is."""

    contextId: int | None = Field(examples=[1])
    characterId: int | None = Field(examples=[1])
    data: dict[str, Any] = Field(examples=[{"mood": "grim"}])
    source: dict[str, str] = Field(examples=[{"mood": "context"}])


class PartState(BaseModel):
    """A world state that holds here."""

    worldStateId: int = Field(examples=[1])
    kind: str = Field(examples=["weather"])
    description: str | None = Field(examples=["A cold night"])
    data: dict[str, Any] | None = Field(examples=[{"sky": "clear"}])
    fromSequence: int | None = Field(examples=[1])
    toSequence: int | None = Field(examples=[200])


class ChosenParaphrase(BaseModel):
    """Another wording, and why this one was chosen."""

    paraphraseId: int = Field(examples=[1])
    originalType: str = Field(examples=["spokenWord"])
    originalId: int = Field(examples=[1])
    text: str = Field(examples=["Should I live or die?"])
    commentary: str = Field(examples=["Plain words."])
    style: str | None = Field(examples=["plain"])
    reason: str = Field(examples=["made for no session"])


class StoryElement(BaseModel):
    """One step of the story; each part may be missing."""

    sequence: int = Field(examples=[7])
    elementType: str = Field(examples=["spokenWord"])
    elementId: int = Field(examples=[1])
    sectionId: int | None = Field(examples=[1])
    character: PartCharacter | None = None
    action: PartAction | None = None
    spokenWord: PartSpokenWord | None = None
    transition: PartTransition | None = None
    note: PartNote | None = None
    context: PartContext | None = None
    worldStates: list[PartState] | None = None
    paraphrase: ChosenParaphrase | None = None
    comment: str | None = None


class OrchestrationFiles(BaseModel):
    """Files of the story's music; null until it is made."""

    csoundFilePath: str | None = Field(examples=[None])
    lilyPondFilePath: str | None = Field(examples=[None])
    midiFilePath: str | None = Field(examples=[None])


class Story(BaseModel):
    """A script put together."""

    scriptId: int = Field(examples=[1])
    title: str = Field(examples=["Hamlet"])
    author: str | None = Field(examples=["William Shakespeare"])
    description: str | None = Field(examples=[None])
    sections: list[SectionHead]
    story: list[StoryElement]
    orchestration: OrchestrationFiles
    comment: str | None = Field(examples=[None])


class Sequences(BaseModel):
    """A range of a story."""

    scriptId: int = Field(examples=[1])
    sequences: list[StoryElement]
    comment: str | None = Field(examples=[None])


class Found(StoryElement):
    """An element that a search found."""

    score: float = Field(examples=[7.4], description="How well it fits; for comparison only.")
    highlights: list[str] = Field(
        examples=[["To <em>be</em>, or not to <em>be</em>: that is the question:"]],
        description="Its words with those found marked; everything else is escaped for HTML.",
    )


class StoryMove(Input):
    """One element and the number it is to have."""

    elementType: StoryType = Field(examples=["spokenWord"])
    elementId: EntityId
    newSequence: Number


class StoryReorder(Input):
    """Elements of the story; those not named close up in their present order."""

    elements: list[StoryMove] = Field(min_length=1, max_length=5000)
    ifRevision: Number | None = Field(
        default=None, description="The revision of the order that the caller saw."
    )
    comment: Comment | None = None

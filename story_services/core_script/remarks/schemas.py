"""Requests and answers about transitions and notes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from story_services.common.http.types import EntityId, Text
from story_services.common.views import Envelope
from story_services.core_script.shapes import Change, Creation, SectionRef, unless_absent

Passage = Annotated[str, Text(10_000, 1), Field(examples=["Cut to the battlements."])]
Remark = Annotated[str, Text(10_000, 1), Field(examples=["Who knows of this by now?"])]
TargetType = Literal[
    "script", "section", "character", "action", "spokenWord", "transition", "note", "musicSound",
    "paraphrase", "performer", "casting", "session", "context", "worldState", "dialogue", "line",
    "sectionHeading",
]  # fmt: skip
"""Everything that a note can be about; the last three are older spellings."""
TargetKind = Annotated[
    TargetType,
    Field(description="What kind of thing the note is about.", examples=["character"]),
]
TargetRef = Annotated[EntityId, Field(description="Its id; it must exist.")]
_SET_OF_TRANSITION = frozenset({"transitionId", "scriptId"})
_SET_OF_NOTE = frozenset({"noteId", "scriptId"})


class TransitionCreate(Creation):
    """A new transition."""

    set_by_service = _SET_OF_TRANSITION

    description: Passage
    sectionId: SectionRef = None


class TransitionChange(Change):
    """Changes of a transition."""

    set_by_service = _SET_OF_TRANSITION

    description: Passage = unless_absent()
    sectionId: SectionRef = None


class Transition(Envelope):
    """How one part of a script leads to the next."""

    transitionId: int = Field(examples=[1])
    scriptId: int = Field(examples=[1])
    sectionId: int | None = Field(description="Its section, while that exists.", examples=[1])
    description: str = Field(examples=["Cut to the battlements."])


class NoteCreate(Creation):
    """A new note; a target needs both its type and its id."""

    set_by_service = _SET_OF_NOTE

    text: Remark
    sectionId: SectionRef = None
    targetType: TargetKind | None = None
    targetId: TargetRef | None = None


class NoteChange(Change):
    """Changes of a note."""

    set_by_service = _SET_OF_NOTE

    text: Remark = unless_absent()
    sectionId: SectionRef = None
    targetType: TargetKind | None = None
    targetId: TargetRef | None = None


class Note(Envelope):
    """A note in a script, about anything or nothing in particular."""

    noteId: int = Field(examples=[1])
    scriptId: int = Field(examples=[1])
    sectionId: int | None = Field(description="Its section, while that exists.", examples=[1])
    text: str = Field(examples=["Who knows of this by now?"])
    targetType: str | None = Field(
        description="What it is about, while that exists.", examples=["character"]
    )
    targetId: int | None = Field(examples=[1])

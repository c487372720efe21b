"""Requests and answers of the Central Sequence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from story_services.common.http.free_data import FreeData
from story_services.common.http.types import Comment, EntityId, Input, Number

ElementType = Literal[
    "script", "section", "character", "action", "spokenWord", "transition", "note", "musicSound",
    "paraphrase", "performer", "dialogue", "line", "sectionHeading",
]  # fmt: skip
"""Everything that carries a number; the last three are older spellings."""
VersionedType = Literal[
    "script", "section", "character", "action", "spokenWord", "transition", "note", "musicSound",
    "paraphrase", "performer", "casting", "session", "context", "worldState", "dialogue", "line",
    "sectionHeading",
]  # fmt: skip
"""Everything that has versions."""

ScriptRef = Annotated[EntityId | None, Field(description="The script whose numbers are meant.")]
Seen = Annotated[
    Number | None,
    Field(description="The version that the caller saw; 409 when it is not the current one."),
]


class SequenceRequest(Input):
    """Which element wants a number."""

    elementType: ElementType = Field(examples=["section"])
    elementId: EntityId
    scriptId: ScriptRef = None
    comment: Comment | None = None


class SequenceNumber(BaseModel):
    """An element and its number."""

    sequenceNumber: int = Field(examples=[3])
    elementType: str = Field(examples=["section"])
    elementId: int = Field(examples=[3])
    scriptId: int | None = Field(examples=[1])
    versionNumber: int = Field(examples=[1])
    comment: str | None = Field(examples=[None])


class Move(Input):
    """One element and the number it is to have."""

    elementId: EntityId
    newSequence: Number
    elementType: ElementType | None = None


class ReorderRequest(Input):
    """Elements of one number space; those not named close up in their present order."""

    elementType: ElementType = Field(examples=["section"])
    elements: list[Move] = Field(min_length=1, max_length=5000)
    scriptId: ScriptRef = None
    ifRevision: Number | None = Field(
        default=None, description="The revision of the order that the caller saw."
    )
    comment: Comment | None = None


class Moved(BaseModel):
    """What became of one element."""

    elementType: str = Field(examples=["section"])
    elementId: int = Field(examples=[2])
    oldSequence: int = Field(examples=[2])
    newSequence: int = Field(examples=[1])


class Reordered(BaseModel):
    """A reorder that is done."""

    message: str = Field(examples=["Reordered 1 element."])
    updatedElements: list[Moved]
    revision: int = Field(examples=[4], description="Of the order; for ifRevision.")
    comment: str | None = Field(examples=["The ghost comes first."])


class VersionRequest(Input):
    """What the next version says differently."""

    elementType: VersionedType = Field(examples=["action"])
    elementId: EntityId
    newVersionData: FreeData = Field(examples=[{"description": "Exit Ghost, slowly"}])
    versionNumber: Seen = None
    comment: Comment | None = None


class RestoreRequest(Input):
    """Why an older version comes back."""

    versionNumber: Seen = None
    comment: Comment | None = None


class VersionMade(BaseModel):
    """A version that was made."""

    versionNumber: int = Field(examples=[2])
    elementType: str = Field(examples=["action"])
    elementId: int = Field(examples=[1])
    sequenceNumber: int | None = Field(examples=[1])
    createdAt: str = Field(examples=["2026-01-05T10:00:00.000000Z"])
    comment: str | None = Field(examples=["Slower."])


class VersionEntry(BaseModel):
    """One version in the list of all."""

    versionNumber: int = Field(examples=[1])
    createdAt: str = Field(examples=["2026-01-05T10:00:00.000000Z"])
    comment: str | None = Field(examples=[None])
    action: str = Field(examples=["create"])
    actor: str = Field(examples=["anonymous"])


class VersionContent(VersionEntry):
    """What a version said; `diff` leads from the one asked for to this one."""

    data: dict[str, Any] = Field(examples=[{"description": "Exit Ghost"}])
    diff: dict[str, Any] | None = Field(
        examples=[{"description": {"from": "Exit Ghost", "to": "Exit Ghost, slowly"}}]
    )


class StepRequest(Input):
    """Which change is to be taken back or done again, and why."""

    changeId: Number | None = Field(
        default=None, description="The change that the caller expects to be the one; else 409."
    )
    comment: Comment | None = None


class Touched(BaseModel):
    """An entity, or the order itself, as a change left it."""

    elementType: str = Field(examples=["spokenWord"])
    elementId: int = Field(examples=[12])
    versionNumber: int = Field(examples=[2])


class ChangeEntry(BaseModel):
    """One thing that someone did to a script."""

    changeId: int = Field(examples=[1767607200000000])
    action: str = Field(examples=["update"], description="Or create, delete, reorder, undo ...")
    actor: str = Field(examples=["anonymous"])
    comment: str | None = Field(examples=["A better word."])
    createdAt: str = Field(examples=["2026-01-05T10:00:00.000000Z"])
    reverts: int | None = Field(examples=[None], description="The change that it took back.")
    elements: list[Touched]
    total: int = Field(examples=[1], description="How many it touched; the first 100 are shown.")


class StepDone(BaseModel):
    """A change that was taken back, or done again."""

    message: str = Field(examples=["Took back change 1767607200000000."])
    change: ChangeEntry

"""Requests and answers about sections."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StrictBool

from story_services.common.http.types import Comment, EntityId, Input, Number
from story_services.common.views import Envelope
from story_services.core_script.shapes import Change, Creation, Title, unless_absent

HeadingTitle = Annotated[Title, Field(examples=["Act I, Scene 1"])]
#: Fields of a section that the services set.
SET = frozenset({"headingId", "sectionId", "scriptId", "sequence"})


class SectionCreate(Creation):
    """A new section of a script."""

    set_by_service = SET

    title: HeadingTitle
    afterHeadingId: EntityId | None = Field(
        default=None, description="The section directly behind which it goes; null: at the end."
    )


class SectionChange(Change):
    """Changes of a section."""

    set_by_service = SET

    title: HeadingTitle = unless_absent()


class NamedSectionChange(Change):
    """Changes of a section that the body names, unless the query does."""

    set_by_service = SET - {"headingId"}

    headingId: EntityId | None = Field(default=None, description="The section to change.")
    title: HeadingTitle = unless_absent()


class SectionMove(Input):
    """A section and the number it is to have."""

    headingId: EntityId
    newSequence: Number


class SectionReorder(Input):
    """Sections of a script and their new numbers; those not named close up in their order."""

    elements: list[SectionMove] = Field(min_length=1, max_length=5000)
    withContents: StrictBool = Field(
        default=True, description="Whether the elements of the sections move with them."
    )
    ifRevision: Number | None = Field(
        default=None, description="The revision of the order that the caller saw; else 409."
    )
    comment: Comment | None = None


class Section(Envelope):
    """A section of a script."""

    headingId: int = Field(examples=[1])
    sectionId: int = Field(description="The same as headingId.", examples=[1])
    scriptId: int = Field(examples=[1])
    title: str = Field(examples=["Act I, Scene 1"])
    sequence: int | None = Field(description="The same as sequenceNumber.", examples=[1])


class SectionNumber(BaseModel):
    """A section and its number since a reorder."""

    headingId: int = Field(examples=[2])
    newSequence: int = Field(examples=[1])


class SectionsReordered(BaseModel):
    """A reorder that is done."""

    message: str = Field(examples=["Reordered 2 sections and 12 elements in them."])
    updatedElements: list[SectionNumber] = Field(
        description="All sections that were named or have another number, ascending."
    )
    revision: int = Field(description="Of the script's order, for ifRevision.", examples=[1])
    comment: str | None = Field(examples=["The ghost comes first."])

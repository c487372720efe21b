"""Requests and answers about scripts."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from story_services.common.http.problems import RULE
from story_services.common.http.types import EntityId, Input, Name, Number, Text
from story_services.common.views import SET_BY_SERVICE, Envelope
from story_services.core_script.sections.schemas import SET, HeadingTitle, Section
from story_services.core_script.shapes import Change, Creation, Title, unless_absent

ScriptTitle = Annotated[Title, Field(examples=["Hamlet"])]
Author = Annotated[str, Name(200), Field(examples=["William Shakespeare"])]
Description = Annotated[str, Text(10_000), Field(examples=["A prince avenges his father."])]
_SECTIONS = 1000  # in one request


class NewSection(Input):
    """A section that comes with its script."""

    read_only = SET_BY_SERVICE | SET | {"versionNumber", "comment"}

    title: HeadingTitle


class ScriptCreate(Creation):
    """A new script."""

    set_by_service = frozenset({"scriptId"})

    title: ScriptTitle
    author: Author | None = None
    description: Description | None = None
    sections: list[NewSection] = Field(
        default_factory=list, max_length=_SECTIONS, description="Its sections, in their order."
    )


class SectionEdit(Input):
    """A section within a change of its script: with headingId it is changed, without it is
    appended."""

    read_only = SET_BY_SERVICE | SET - {"headingId"} | {"comment"}

    headingId: EntityId | None = None
    title: HeadingTitle = unless_absent()
    versionNumber: Number | None = Field(
        default=None, description="The version that the change is meant for; another one is a 409."
    )

    @model_validator(mode="after")
    def _new_ones_need_a_title(self) -> Self:
        if self.headingId is None and "title" not in self.model_fields_set:
            raise PydanticCustomError(RULE, "must have a headingId or a title")
        return self


class ScriptChange(Change):
    """Changes of a script and its sections; sections that are not named stay as they are."""

    set_by_service = frozenset({"scriptId"})

    title: ScriptTitle = unless_absent()
    author: Author | None = None
    description: Description | None = None
    sections: list[SectionEdit] = Field(default_factory=list, max_length=_SECTIONS)


class Script(Envelope):
    """A script with its sections."""

    scriptId: int = Field(examples=[1])
    title: str = Field(examples=["Hamlet"])
    author: str | None = Field(examples=["William Shakespeare"])
    description: str | None = Field(examples=["A prince avenges his father."])
    sections: list[Section] = Field(description="Its sections, in their order.")

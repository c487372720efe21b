"""What an exported play looks like as JSON: the form that `corpora.json_format` writes and reads.

Only for the document; tests hold the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

_POSITION = "Its position in the list of them; left out where there is none."


class ExportedRole(BaseModel):
    """One of the cast."""

    name: str = Field(examples=["BERNARDO"])
    description: str = Field(examples=["An officer"])


class ExportedSection(BaseModel):
    """A heading."""

    title: str = Field(examples=["ACT I"])


class ExportedElement(BaseModel):
    """One step of the story."""

    kind: Literal["spokenWord", "action", "transition", "note"] = Field(examples=["spokenWord"])
    section: int = Field(default_factory=int, description=f"The section. {_POSITION}", examples=[0])
    role: int = Field(
        default_factory=int, description=f"Who of the cast. {_POSITION}", examples=[0]
    )
    speech: int = Field(default_factory=int, description="Groups what is one speech.", examples=[1])
    text: str = Field(examples=["Who's there?"])


class ExportedPlay(BaseModel):
    """A whole play, without ids."""

    format: Literal["play 1"] = Field(examples=["play 1"])
    title: str = Field(examples=["Hamlet"])
    author: str = Field(examples=["William Shakespeare"])
    description: str = Field(examples=[""])
    cast: list[ExportedRole]
    sections: list[ExportedSection]
    elements: list[ExportedElement]

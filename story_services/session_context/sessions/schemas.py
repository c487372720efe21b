"""Requests and answers about sessions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from story_services.common.http import free_data
from story_services.common.http.free_data import FreeData, check_data
from story_services.common.http.types import EntityId, Name, Text, check_text
from story_services.session_context.sessions.wording import ENTRIES
from story_services.session_context.shapes import (
    Change,
    Creation,
    RevisionEnvelope,
    shown,
    unless_absent,
)
from story_services.session_context.world_states.schemas import WorldState

TEXT = 20_000  # characters of a context or of one entry


def check_entry(value: Any) -> Any:
    """An entry as it is; ValueError (of pydantic) if it cannot be one."""
    if isinstance(value, dict):
        return check_data(value)
    if not isinstance(value, str):
        raise PydanticCustomError("entry", "must be a text or an object")
    if len(value) > TEXT:
        raise PydanticCustomError("entry", f"must have at most {TEXT} characters")
    return check_text(value)


def check_context(value: Any) -> Any:
    """A context as it is; ValueError (of pydantic) if it cannot be one."""
    if value is None:
        return None
    if not isinstance(value, list):
        if not isinstance(value, str | dict):
            raise PydanticCustomError("context", "must be a text, a list, an object or null")
        return check_entry(value)
    if len(value) > ENTRIES:
        raise PydanticCustomError("context", f"must have at most {ENTRIES} entries")
    for entry in value:
        check_entry(entry)
    return value


_OBJECT: dict[str, Any] = {"type": "object", free_data.MARK: True}
_TEXT: dict[str, Any] = {"type": "string", "maxLength": TEXT, "pattern": Text.pattern}
_ENTRY: list[dict[str, Any]] = [_TEXT, _OBJECT]
_SHAPES: dict[str, Any] = {
    "description": "A text, a list of entries, or an object; it keeps its shape.",
    "anyOf": [
        *_ENTRY,
        {"type": "array", "maxItems": ENTRIES, "items": {"anyOf": _ENTRY}},
        {"type": "null"},
    ],
    "examples": ["It is bitter cold."],
}
ContextValue = Annotated[Any, AfterValidator(check_context), WithJsonSchema(_SHAPES)]
Entry = Annotated[
    Any,
    AfterValidator(check_entry),
    WithJsonSchema({"anyOf": _ENTRY, "examples": ["The clock strikes twelve."]}),
]
SessionName = Annotated[str, Name(200), Field(examples=["First reading"])]
_SET = frozenset({"sessionId", "contextEntries"})


class SessionCreate(Creation):
    """A new session."""

    set_by_service = _SET

    userId: EntityId | None = Field(default=None, description="Whose session it is.")
    name: SessionName | None = None
    scriptId: EntityId | None = Field(default=None, description="The script it is about.")
    context: ContextValue = None
    data: FreeData | None = None


class SessionChange(Change):
    """Changes of a session; context and data are replaced as a whole."""

    model_config = shown(context="It is bitter cold.", ifRevision=1, comment="Colder.")

    set_by_service = _SET

    userId: EntityId | None = Field(default=None, description="Whose session it is.")
    name: SessionName | None = None
    scriptId: EntityId | None = Field(default=None, description="The script it is about.")
    context: ContextValue = None
    data: FreeData | None = None


_READ = frozenset({"sessionId", "contextEntries", "worldStates"})


class ContextReplacement(Change):
    """Another context in place of the present one."""

    model_config = shown(context=["It is bitter cold.", "Francisco is at his post."], ifRevision=1)

    set_by_service = _READ

    context: ContextValue
    data: FreeData = unless_absent(description="Other data in place of the present one, if given.")


class ContextMerge(Change):
    """Keys of the data that change; null removes a key, the others stay."""

    model_config = shown(data={"weather": "bitter cold", "moon": None}, comment="Night falls.")

    data: FreeData


class ContextEntry(Change):
    """One more entry behind the context."""

    model_config = shown(entry="The clock strikes twelve.", comment="Enter Barnardo.")

    entry: Entry


class Session(RevisionEnvelope):
    """A session; its revision counts every change of it."""

    sessionId: int = Field(examples=[1])
    userId: int | None = Field(examples=[1])
    name: str | None = Field(examples=["First reading"])
    scriptId: int | None = Field(examples=[1])
    context: ContextValue
    contextEntries: list[str] = Field(
        description="The context as texts.", examples=[["It is bitter cold."]]
    )
    data: FreeData


class SessionContext(BaseModel):
    """A session's context at one revision, and the world states that hold in it."""

    sessionId: int = Field(examples=[1])
    context: ContextValue
    contextEntries: list[str] = Field(
        description="The context as texts.", examples=[["It is bitter cold."]]
    )
    data: FreeData
    worldStates: list[WorldState] = Field(
        description="By kind; of each, the narrowest and then the newest first."
    )
    revision: int = Field(examples=[1])
    comment: str | None = Field(description="Why this revision was made.", examples=[None])
    updatedAt: str = Field(
        description="When it was made.", examples=["2026-01-31T12:00:00.000000Z"]
    )


class Step(BaseModel):
    """A value before and after."""

    from_: Any = Field(alias="from", examples=["It is cold."])
    to: Any = Field(examples=["It is bitter cold."])


class DataChange(BaseModel):
    """Which keys of the data changed."""

    set: FreeData
    removed: list[str] = Field(examples=[["moon"]])


class SessionStep(BaseModel):
    """What a revision changed."""

    action: str = Field(description="create, update, delete or restore.", examples=["update"])
    context: Step | None = Field(description="When it was replaced.")
    appended: list[Any] = Field(
        description="Entries added behind it.", examples=[["The clock strikes twelve."]]
    )
    data: DataChange
    fields: dict[str, Step] = Field(
        description="Of userId, name and scriptId those that changed.",
        examples=[{"name": {"from": "Reading", "to": "First reading"}}],
    )


class Revision(BaseModel):
    """One revision of a session as the change from the one before."""

    revision: int = Field(examples=[2])
    change: SessionStep
    actor: str = Field(description="Who made it.", examples=["anonymous"])
    comment: str | None = Field(description="Why.", examples=["It grows late."])
    createdAt: str = Field(examples=["2026-01-31T12:00:00.000000Z"])

"""What the requests and answers of this service have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from story_services.common.errors import Conflict
from story_services.common.http.free_data import DEPTH, KEY
from story_services.common.http.types import Comment, EntityId, Input, Number, QueryNumber, Text
from story_services.common.views import SET_BY_SERVICE

#: The names under which a caller may say which revision it saw.
_SEEN = ("ifRevision", "revision", "versionNumber")


def shown(**example: Any) -> ConfigDict:
    """The configuration of a body whose example is not made of its fields': that would name every
    way to say the same."""
    return ConfigDict(json_schema_extra={"examples": [example]})


def unless_absent(**more: Any) -> Any:
    """A field that may be left out but not be null: it does not show a default."""
    return Field(default_factory=dict, **more)


class Written(Input):
    """Base of all bodies. `set_by_service` names fields that may be sent back as they were
    read."""

    set_by_service: ClassVar[frozenset[str]] = frozenset()

    comment: Comment | None = None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only = SET_BY_SERVICE | cls.set_by_service

    def stored(self) -> dict[str, Any]:
        """The fields of the entity itself that the caller wrote."""
        apart = ("comment", *_SEEN)
        return {name: value for name, value in self.given().items() if name not in apart}


class Creation(Written):
    """Base of bodies that make an entity."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only |= {"revision", "versionNumber"}


class Change(Written):
    """Base of bodies that change something: what is absent stays as it is."""

    ifRevision: Number | None = Field(
        default=None, description="The revision that the change is meant for; else 409."
    )
    revision: Number | None = Field(
        default=None, description="As ifRevision, for an entity sent back as it was read."
    )
    versionNumber: Number | None = Field(default=None, description="As ifRevision.")

    def expected(self, header: int | None) -> int | None:
        """The revision that the change is meant for, None for whichever is current. Conflict
        when different ones are named, of which at most one can be current."""
        named = {name: getattr(self, name) for name in _SEEN}
        seen = {revision for revision in (*named.values(), header) if revision is not None}
        if len(seen) > 1:
            raise Conflict(
                "The request names different revisions.", " and ".join(map(str, sorted(seen)))
            )
        return seen.pop() if seen else None


class RevisionEnvelope(BaseModel):
    """What every entity of this service ends with; it has no sequence number."""

    revision: int = Field(description="The same as versionNumber.", examples=[1])
    versionNumber: int = Field(description="Its current version, for If-Match.", examples=[1])
    indexed: bool = Field(description="Whether searches find this version.", examples=[True])
    createdAt: str = Field(examples=["2026-01-31T12:00:00.000000Z"])
    updatedAt: str = Field(examples=["2026-01-31T12:00:00.000000Z"])
    comment: str | None = Field(description="Why it was last changed.", examples=[None])


class Placed(Written):
    """Where an entry holds, in a request."""

    scriptId: EntityId | None = Field(
        default=None, description="It holds in this script only; null for all."
    )
    sessionId: EntityId | None = Field(
        default=None, description="It holds only where this session is asked for."
    )
    fromSequence: Number | None = Field(
        default=None, description="The first number that it holds at; null from the start."
    )
    toSequence: Number | None = Field(
        default=None, description="The last number that it holds at; null to the end."
    )


class Place(BaseModel):
    """Where an entry holds, in an answer."""

    scriptId: int | None = Field(description="Only in this script.", examples=[1])
    sessionId: int | None = Field(description="Only in this session.", examples=[None])
    fromSequence: int | None = Field(description="From this number on.", examples=[1])
    toSequence: int | None = Field(description="Up to this number.", examples=[None])


#: What lists of entries can be narrowed by.
AtSequence = Annotated[
    QueryNumber | None, Field(description="Only those whose range covers this number.")
]
Key = Annotated[
    Annotated[str, Text(DEPTH * (KEY + 1), 1)] | None,
    Field(
        description="Only with a value at this key of data; a dot leads into an object.",
        examples=["watch.hour"],
    ),
]
Value = Annotated[
    Annotated[str, Text(5000)] | None,
    Field(
        description="Only with this value, as JSON writes it, at that key or anywhere in data.",
        examples=["12"],
    ),
]

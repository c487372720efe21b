"""What the requests and answers of this service have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from story_services.common.http.types import Comment, EntityId, Input, Number, Text
from story_services.common.views import SET_BY_SERVICE, Envelope

__all__ = [
    "Change",
    "Creation",
    "Envelope",
    "Place",
    "Placed",
    "Spoken",
    "Wording",
    "Written",
    "unless_absent",
]

#: The wording of an element or a paraphrase.
Wording = Annotated[
    str,
    Text(10_000, 1),
    Field(description="The wording itself.", examples=["Who's there?"]),
]


def unless_absent(**more: Any) -> Any:
    """A field that may be left out but not be null: it does not show a default."""
    return Field(default_factory=str, **more)


class Written(Input):
    """Base of everything that is written. `own_id` is the entity's id, `also_set` are other
    fields of it that the services set."""

    own_id: ClassVar[str] = ""
    also_set: ClassVar[frozenset[str]] = frozenset()
    #: The field that is stored as `text`.
    wording: ClassVar[str] = "text"

    comment: Comment | None = Field(default=None)

    def stored(self) -> dict[str, Any]:
        """What the caller wrote, under the names that it is stored by."""
        return {
            "text" if name == self.wording else name: value
            for name, value in self.given().items()
            if name not in ("comment", "versionNumber")
        }


class Creation(Written):
    """A new entity, whole or in short form."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only = SET_BY_SERVICE | cls.also_set | {"versionNumber", cls.own_id}


class Change(Written):
    """Of an entity: what is absent stays as it is."""

    versionNumber: Number | None = Field(
        default=None, description="The version that the change is meant for; another one is a 409."
    )

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only = SET_BY_SERVICE | cls.also_set | {cls.own_id}


class Place(BaseModel):
    """Where an element of a story belongs; null where it belongs to none."""

    characterId: int | None = Field(description="Who does or says it.", examples=[1])
    scriptId: int | None = Field(description="The script.", examples=[1])
    sectionId: int | None = Field(description="Its section, while that exists.", examples=[1])
    speechId: int | None = Field(description="Groups what is one speech.", examples=[1])


class Placed(Written):
    """References of an element in a request."""

    characterId: EntityId | None = Field(default=None, description="Who does or says it.")
    scriptId: EntityId | None = Field(
        default=None, description="The script; its section's when absent."
    )
    sectionId: EntityId | None = Field(default=None, description="A section of that script.")
    speechId: EntityId | None = Field(
        default=None, description="Any number that groups what is one speech."
    )


class Spoken(Placed):
    """References of a spoken line in a request."""

    actionId: EntityId | None = Field(
        default=None, description="The action of that script that comes with the words."
    )

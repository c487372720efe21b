"""What the requests of this service have in common. Pure."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from story_services.common.http.types import Comment, EntityId, Input, Name, Number
from story_services.common.views import SET_BY_SERVICE

Title = Annotated[str, Name(200)]
SectionRef = Annotated[
    EntityId | None, Field(description="A section of the script, or null for none.")
]


def unless_absent(**more: Any) -> Any:
    """A field that may be left out but not be null: it does not show a default."""
    return Field(default_factory=str, **more)


class Creation(Input):
    """Base of bodies that make an entity. `set_by_service` names its fields that the services
    set; an entity that was read elsewhere may be sent as it is."""

    set_by_service: ClassVar[frozenset[str]] = frozenset()

    comment: Comment | None = None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only = SET_BY_SERVICE | cls.set_by_service | {"versionNumber"}

    def stored(self) -> dict[str, Any]:
        """What is kept of an entity itself, fields without a value included."""
        return self.model_dump(exclude={"comment"})


class Change(Input):
    """Base of bodies that change an entity: what is absent stays as it is. `set_by_service`
    is as for `Creation`."""

    set_by_service: ClassVar[frozenset[str]] = frozenset()

    versionNumber: Number | None = Field(
        default=None, description="The version that the change is meant for; another one is a 409."
    )
    comment: Comment | None = None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.read_only = SET_BY_SERVICE | cls.set_by_service

    def changes(self) -> dict[str, Any]:
        """The fields of the entity itself that the caller wrote."""
        return {k: v for k, v in self.given().items() if k not in ("versionNumber", "comment")}

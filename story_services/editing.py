"""Changing an entity of any kind by data under the contract's names. Knows no HTTP.

The very same model and checks hold as for a PATCH of that kind; what a version shows can be sent
back as the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError

from story_services.common.errors import BadInput
from story_services.common.http.problems import bad_input
from story_services.common.http.types import Input
from story_services.common.records import Why

#: `(id, stored fields, why, expected version)`: a service's way to change an entity.
Apply = Callable[[int, dict[str, Any], Why, int | None], Awaitable[object]]
#: Fields of change bodies that say something about the change, not about the entity.
_ABOUT = ("comment", "versionNumber", "ifRevision", "revision")


class Editor:
    """Shows and changes entities of one kind. `names` are the contract's for stored fields that
    are called otherwise there; None leaves a field out."""

    def __init__(
        self, model: type[Input], apply: Apply, names: Mapping[str, str | None] | None = None
    ) -> None:
        self._model = model
        self._apply = apply
        self._names = names or {}
        self._stored = {name: field for field, name in self._names.items() if name}

    def show(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A stored content by the contract's names."""
        named = ((self._names.get(field, field), value) for field, value in content.items())
        return {name: value for name, value in named if name is not None}

    async def edit(
        self, entity_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> None:
        """Merge data into the entity; BadInput for what it cannot be."""
        try:
            for name in _ABOUT:
                if name in data:
                    raise BadInput.field(f"newVersionData.{name}", "is no part of the element")
            body = self._model.model_validate(dict(data))
        except ValidationError as error:
            refusal = bad_input(
                {**problem, "loc": ("newVersionData", *problem["loc"])}
                for problem in error.errors()
            )
            refusal.code = "refused_value"  # what fits depends on the element's type
            raise refusal from None
        fields = {self._stored.get(name, name): value for name, value in body.given().items()}
        await self._apply(entity_id, fields, why, expected)

"""Changes of this service's entities by versions: shown and merged by the contract's names.

The very same checks hold as for a PATCH. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from story_services.characters.actions.schemas import ActionChange
from story_services.characters.elements import Elements
from story_services.characters.paraphrases.schemas import ParaphraseChange
from story_services.characters.paraphrases.service import Paraphrases
from story_services.characters.people.schemas import CharacterChange
from story_services.characters.people.service import Cast
from story_services.characters.shapes import Change
from story_services.characters.words.schemas import SpokenWordChange
from story_services.common.context import Context
from story_services.common.http.problems import bad_input
from story_services.common.records import Why

Service = Cast | Elements | Paraphrases


class Editor:
    """Shows and changes entities of one kind. `names` are the contract's for stored fields that
    differ; None leaves a field out."""

    def __init__(
        self, service: Service, change: type[Change], names: Mapping[str, str | None] | None = None
    ) -> None:
        self.service = service
        self.change = change
        self.names = names or {}

    def show(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A stored content by the contract's names."""
        named = ((self.names.get(field, field), value) for field, value in content.items())
        return {name: value for name, value in named if name is not None}

    async def edit(
        self, entity_id: int, data: Mapping[str, Any], why: Why, expected: int | None
    ) -> None:
        """Merge data into the entity; BadInput for what it cannot be."""
        try:
            body = self.change.model_validate(dict(data))
        except ValidationError as error:
            raise bad_input(
                {**problem, "loc": ("newVersionData", *problem["loc"])}
                for problem in error.errors()
            ) from None
        await self.service.update(entity_id, body.stored(), why, expected)


_NO_TARGET: Mapping[str, str | None] = {"targetType": None, "targetId": None}


def editors(context: Context) -> dict[str, Editor]:
    """By kind."""
    action_names = {"text": "description", "actionId": None, **_NO_TARGET}
    return {
        "character": Editor(Cast(context), CharacterChange),
        "action": Editor(Elements(context, "action"), ActionChange, action_names),
        "spokenWord": Editor(Elements(context, "spokenWord"), SpokenWordChange, _NO_TARGET),
        "paraphrase": Editor(Paraphrases(context), ParaphraseChange),
    }

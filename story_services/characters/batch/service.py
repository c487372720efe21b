"""Whole plays: many elements of one script in one request.

All or nothing: every reference is checked before anything is written, the records are written
in one request and become visible together by one change of the order. Repeated under its
`Idempotency-Key` after a cut, a batch goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from story_services.characters.elements import content_of
from story_services.characters.references import look_up, settled
from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.entities import Entity, New
from story_services.common.errors import NotFound
from story_services.common.records import Why


class Batch:
    """Elements by the hundred."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities

    async def create(
        self, script_id: int, items: Sequence[tuple[str, Mapping[str, Any]]], why: Why
    ) -> list[Entity]:
        """New elements, as (kind, fields), in the given order at the end of the story line.

        NotFound for the script; BadInput naming the first element that does not fit.
        """
        contents = [content_of({**fields, "scriptId": script_id}) for _, fields in items]
        found = await look_up(self.entities, contents)
        if kinds.key("script", script_id) not in found:
            raise NotFound.of("script", script_id)
        news = [
            New(kind, settled(content, found, f"elements[{n}]."))
            for n, ((kind, _), content) in enumerate(zip(items, contents, strict=True))
        ]
        return await self.entities.create_many(news, why)

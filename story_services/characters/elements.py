"""Actions and spoken words: elements of a script's story line that a character does or says.

A spoken word is one line; lines of a speech share the number that their writer gives them. What
is stored of an element is the same for every kind, so that a list over several kinds is one
search. References are checked before anything is written (`references`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from story_services.characters.references import KIND_OF, look_up, resettled, settled
from story_services.common import queries
from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.errors import Conflict
from story_services.common.listing import Page
from story_services.common.records import Why
from story_services.common.views import live_sections

ElementView = Callable[[Entity, Set[int]], dict[str, Any]]

#: What is stored of every kind of element; null where a kind or an element has none of it.
FIELDS = (
    "text", "scriptId", "sectionId", "characterId", "speechId", "actionId", "targetType",
    "targetId",
)  # fmt: skip


def content_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a new element."""
    return {name: fields.get(name) for name in FIELDS}


class Elements:
    """The elements of one kind."""

    def __init__(self, context: Context, kind: str) -> None:
        self.entities = context.entities
        self.listing = context.listing
        self.kind = kind

    async def create(self, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new element at the end of its script's story line."""
        content = content_of(fields)
        content = settled(content, await look_up(self.entities, [content]))
        return await self.entities.create(self.kind, content, why)

    async def get(self, entity_id: int) -> Entity:
        """One element; NotFound."""
        return await self.entities.get(self.kind, entity_id)

    async def update(
        self, entity_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change some fields. A changed reference is checked against the version that it will
        change, so that nobody can move the element to another script meanwhile."""
        if changes.keys() & KIND_OF.keys():
            before = (await self.get(entity_id)).record
            found = await look_up(self.entities, [{**before.content, **changes}])
            changes = resettled(before.content, changes, found)
            if changes.get("scriptId", before.content["scriptId"]) != before.content["scriptId"]:
                await self._require_unused(entity_id)
            expected = before.version if expected is None else expected
        return await self.entities.update(self.kind, entity_id, changes, why, expected)

    async def _require_unused(self, entity_id: int) -> None:
        """Lines and the action they come with are of one script."""
        if self.kind != "action":
            return
        filters = [queries.term("content.actionId", entity_id)]
        lines = (await self.listing.page(["spokenWord"], filters)).items
        if lines:
            shown = ", ".join(str(line.id) for line in lines[:5])
            raise Conflict(
                f"Action {entity_id} comes with lines of its script.",
                f"take it off spokenWord {shown}{' and others' if len(lines) > 5 else ''} first",
                code="action_in_use",
            )

    async def delete(self, entity_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(self.kind, entity_id, why, expected)

    async def page(
        self, filters: Mapping[str, int | None], keyword: str | None, limit: int | None, offset: int
    ) -> Page:
        """The elements that have all these values and words; within one script in its order.

        A section that is deleted has no elements.
        """
        wanted = {field: value for field, value in filters.items() if value is not None}
        if "sectionId" in wanted and not await self._live_section(wanted["sectionId"]):
            return Page([], 0)
        clauses = [queries.term(f"content.{field}", value) for field, value in wanted.items()]
        if keyword is not None:
            clauses.append(queries.text("content.text", keyword))
        in_order = not wanted.keys().isdisjoint(("scriptId", "sectionId"))
        return await self.listing.page(
            [self.kind], clauses, in_order=in_order, limit=limit, offset=offset
        )

    async def shown(self, found: Sequence[Entity], view: ElementView) -> list[dict[str, Any]]:
        """Elements in the words of the contract."""
        sections = await live_sections(self.entities, found)
        return [view(entity, sections) for entity in found]

    async def _live_section(self, section_id: int) -> bool:
        return bool(await look_up(self.entities, [{"sectionId": section_id}]))

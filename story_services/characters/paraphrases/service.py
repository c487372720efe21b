"""Paraphrases: other wordings of a character, an action or a spoken word, beside the original.

Each keeps to one original for good and is numbered within it. The session that a wording was
made for is kept with the revision it had at that moment, so that it can be told later whether
its context has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from story_services.common import queries
from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.errors import BadInput
from story_services.common.kinds import canonical
from story_services.common.listing import Page
from story_services.common.records import Why

KIND = "paraphrase"
#: Kinds that can be paraphrased.
ORIGINALS = ("character", "action", "spokenWord")


@dataclass(frozen=True)
class Original:
    """What is paraphrased."""

    kind: str
    id: int

    def require(self, kind: str | None, entity_id: int | None) -> None:
        """BadInput if a body names something else."""
        if kind not in (None, self.kind):
            raise BadInput.field("originalType", f"is {self.kind} by the path")
        if entity_id not in (None, self.id):
            raise BadInput.field("originalId", f"is {self.id} by the path")


class Paraphrases:
    """All paraphrases."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.listing = context.listing

    async def create(self, original: Original, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new wording of what the path names; NotFound if there is no such thing."""
        await self.entities.get(original.kind, original.id)
        return await self._create(original, fields, why)

    async def create_flat(self, original: Original, fields: Mapping[str, Any], why: Why) -> Entity:
        """A new wording of what the body names; BadInput if there is no such thing."""
        await self.entities.existing(original.kind, [original.id], "originalId")
        return await self._create(original, fields, why)

    async def _create(self, original: Original, fields: Mapping[str, Any], why: Why) -> Entity:
        session_id = fields.get("sessionId")
        content = {
            "originalType": original.kind,
            "originalId": original.id,
            "text": fields["text"],
            "commentary": fields["commentary"],
            "style": fields.get("style"),
            "sessionId": session_id,
            "contextRevision": await self._revision(session_id),
            "source": "human",
        }
        return await self.entities.create(KIND, content, why)

    async def _revision(self, session_id: int | None) -> int | None:
        if session_id is None:
            return None
        (session,) = await self.entities.existing("session", [session_id], "sessionId")
        return session.record.version

    async def get(self, entity_id: int) -> Entity:
        """One paraphrase; NotFound."""
        return await self.entities.get(KIND, entity_id)

    async def update(
        self, entity_id: int, changes: Mapping[str, Any], why: Why, expected: int | None
    ) -> Entity:
        """Change some fields; the original stays what it is. BadInput if another is named."""
        before = await self.get(entity_id)
        if "originalType" in changes:
            changes = {**changes, "originalType": canonical(changes["originalType"])}
        for field in ("originalType", "originalId"):
            if changes.get(field, before.content[field]) != before.content[field]:
                raise BadInput.field(field, f"is {before.content[field]} and cannot be changed")
        changes = dict(changes)
        if changes.get("sessionId", before.content["sessionId"]) != before.content["sessionId"]:
            changes["contextRevision"] = await self._revision(changes["sessionId"])
        return await self.entities.update(KIND, entity_id, changes, why, expected)

    async def delete(self, entity_id: int, why: Why, expected: int | None) -> None:
        """Soft delete; NotFound."""
        await self.entities.delete(KIND, entity_id, why, expected)

    async def of(self, original: Original, limit: int | None, offset: int) -> Page:
        """All wordings of one thing in their order; NotFound if there is no such thing."""
        await self.entities.get(original.kind, original.id)
        return await self.listing.page(
            [KIND], _of(original), in_order=True, limit=limit, offset=offset
        )

    async def page(
        self,
        originals: Mapping[str, int | None],
        filters: Mapping[str, Any],
        keyword: str | None,
        limit: int | None,
        offset: int,
    ) -> Page:
        """Paraphrases of these originals, by kind, that have all these values and words in text
        or commentary; of one original in their order."""
        wanted = [Original(kind, i) for kind, i in originals.items() if i is not None]
        clauses = [clause for original in wanted for clause in _of(original)]
        clauses += [queries.term(f"content.{f}", v) for f, v in filters.items() if v is not None]
        if keyword is not None:
            in_text, in_why = (
                queries.text(f"content.{field}", keyword) for field in ("text", "commentary")
            )
            clauses.append(queries.either(in_text, in_why))
        return await self.listing.page(
            [KIND], clauses, in_order=len(wanted) == 1, limit=limit, offset=offset
        )


def _of(original: Original) -> list[queries.Clause]:
    return [
        queries.term("content.originalType", original.kind),
        queries.term("content.originalId", original.id),
    ]

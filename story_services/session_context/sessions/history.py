"""The history of a session: its revisions, each as the change from the one before. Reads only.

Nothing of it is stored twice: revisions are versions, and what changed is worked out from them.
It ascends, so that whoever follows a session asks for what comes after the last revision seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from story_services.common.context import Context
from story_services.common.records import Record
from story_services.session_context.sessions.changes import change, mentions
from story_services.session_context.sessions.service import KIND

_AT_ONCE = 100  # revisions read in one request, each with its whole context


class SessionHistory:
    """Histories of all sessions."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records

    async def page(
        self,
        session_id: int,
        *,
        after: int,
        words: str | None,
        limit: int | None,
        offset: int,
    ) -> tuple[list[dict[str, Any]], int]:
        """Revisions after one, oldest first, with all the words in them; and how many in all."""
        current = (await self.entities.get(KIND, session_id)).record.version
        numbers = range(after + 1, current + 1)
        end = None if limit is None else offset + limit
        if words is None:
            return await self._items(session_id, numbers[offset:end]), len(numbers)
        found = [i for i in await self._items(session_id, numbers) if mentions(i, words)]
        return found[offset:end], len(found)

    async def _items(self, session_id: int, numbers: Sequence[int]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for start in range(0, len(numbers), _AT_ONCE):
            part = numbers[start : start + _AT_ONCE]
            wanted = [(KIND, session_id, n) for n in (part[0] - 1, *part) if n]
            found = await self.records.version_many(wanted)
            for number in part:
                before = found.get((KIND, session_id, number - 1))
                items.append(_item(before, found[KIND, session_id, number]))
        return items


def _item(before: Record | None, after: Record) -> dict[str, Any]:
    return {
        "revision": after.version,
        "change": change(before, after),
        "actor": after.actor,
        "comment": after.comment,
        "createdAt": after.updated_at,
    }

"""What the Central Sequence does, as one object per request: its parts are pure of HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from story_services.central_sequence.listing import NumberList
from story_services.central_sequence.numbers import Numbers, places
from story_services.central_sequence.reorder import Reordering
from story_services.central_sequence.versions import Editor, Versions
from story_services.common.context import Context
from story_services.common.errors import NotFound
from story_services.common.history import Change
from story_services.common.records import Record


class CentralSequence:
    """Numbers, reorders, versions and the history of scripts. One per process."""

    def __init__(self, context: Context, editors: Mapping[str, Editor]) -> None:
        self.context = context
        self.numbers = Numbers(context)
        self.list = NumberList(self.numbers)
        self.reordering = Reordering(self.numbers, context.orders)
        self.versions = Versions(context, self.numbers, editors)
        self.history = context.history

    async def require_script(self, script_id: int) -> None:
        """NotFound unless there ever was such a script: a deleted one has a history too, and
        undo brings it back."""
        if await self.context.records.get("script", script_id) is None:
            raise NotFound.of("script", script_id)

    async def number_or_none(self, record: Record) -> int | None:
        """The number in the element's own space; None for kinds without one."""
        for space in places(record):
            found = await self.context.orders.spaces([space])
            return found[space].number_of(record.key)
        return None

    async def changes(
        self, script_id: int, limit: int | None, offset: int
    ) -> tuple[list[Change], int]:
        """A page of a script's changes, newest first, and how many there are."""
        await self.require_script(script_id)
        found = [change async for change in self.history.changes(script_id)]
        end = None if limit is None else offset + limit
        return found[offset:end], len(found)

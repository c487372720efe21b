"""The world states of a session, as they are now or were at an earlier moment. Reads only.

Narrower scope first, then newest first, kind by kind, as everywhere (`resolve`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.queries import between, either, every, missing, term
from story_services.common.records import Record
from story_services.session_context import filters
from story_services.session_context.entries import WORLD_STATE
from story_services.session_context.resolve import covers, holds_in, precedence


class States:
    """World states as sessions see them."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.listing = context.listing
        self.records = context.records

    async def of(
        self,
        session_id: int,
        session: Mapping[str, Any],
        *,
        moment: int | None = None,
        at_sequence: int | None = None,
    ) -> list[Entity]:
        """Those that hold in a session, at a number if one is given; `moment` is the change id
        up to which changes count."""
        script = session["scriptId"]
        query = [filters.of_session(session_id, script), *filters.covering(at_sequence)]
        if moment is not None:
            query.append(between("changeId", None, moment))
        found = (await self.listing.page([WORLD_STATE], query)).items
        if moment is not None:
            then = await self._changed_since(moment, script)
            here = [r for r in then if _in_session(r.content, session_id, script)]
            if at_sequence is not None:
                here = [r for r in here if covers(r.content, at_sequence)]
            found += await self.entities.with_numbers(here)
        return sorted(sorted(found, key=precedence), key=lambda s: s.content["kind"])

    async def _changed_since(self, moment: int, script: int | None) -> list[Record]:
        """States that were changed after a moment, as they were at it."""
        wanted = [term("kind", WORLD_STATE), between("changeId", None, moment)]
        if script is not None:
            wanted.append(either(missing("scope"), term("scope", script)))
        newest: dict[int, Record] = {}
        for record in await self.records.find("version", every(wanted), sort=("changeId",)):
            newest[record.id] = record
        nexts = await self.records.version_many(_after(newest.values()))
        later = {(r.id, r.version) for r in nexts.values() if r.change_id > moment}
        then = [r for r in newest.values() if (r.id, r.version + 1) in later and not r.deleted]
        return await self.entities.parents_live(then)


def _after(records: Iterable[Record]) -> list[tuple[str, int, int]]:
    return [(r.kind, r.id, r.version + 1) for r in records]


def _in_session(content: Mapping[str, Any], session_id: int, script: int | None) -> bool:
    own = content["sessionId"] == session_id
    if own and script is None:
        return True
    return holds_in(content, script, session_id)

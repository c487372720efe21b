"""Scripts with their sections. No HTTP.

A script becomes visible with its number, which it gets last: its sections are there from the
first moment. What a kill leaves before that is invisible, and the same request under its
Idempotency-Key completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from story_services.common.context import Context
from story_services.common.entities import Entity, New, require_version
from story_services.common.errors import BadInput, NotFound
from story_services.common.queries import Clause, terms, text
from story_services.common.records import Why
from story_services.common.store.records import Draft
from story_services.common.transitions import Target
from story_services.core_script.repository import Repository, all_words
from story_services.core_script.sections.service import KIND as SECTION
from story_services.core_script.sections.service import Sections
from story_services.core_script.together import Pair, change_together

KIND = "script"
SortBy = Literal["title", "author", "sequence"]


@dataclass(frozen=True)
class Script:
    """A script and its sections by number."""

    entity: Entity
    sections: Sequence[Entity]


@dataclass(frozen=True)
class Heading:
    """A section as part of a script's change. Without an id it is a new one; `expected` is the
    version that the caller saw."""

    id: int | None
    title: str | None
    expected: int | None = None


@dataclass(frozen=True)
class Filters:
    """What scripts are asked for; None for whatever does not matter."""

    author: str | None = None
    title: str | None = None
    section_title: str | None = None
    words: str | None = None
    character_id: int | None = None
    action_id: int | None = None


class Scripts:
    """All scripts."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records
        self.numbering = context.numbering
        self.listing = context.listing
        self.sections = Sections(context)
        self.repository = Repository(context)

    async def create(self, fields: Mapping[str, Any], titles: Sequence[str], why: Why) -> Script:
        """A new script with sections of these titles."""
        why = replace(why, change_id=self.records.clock.change_id())  # one change, one undo
        (record,) = await self.entities.resuming.create([Draft(KIND, fields, ())], why)
        if record.version == 1:
            why = replace(why, change_id=record.change_id)  # of an earlier try, if it is resumed
        sections = await self._append(record.id, titles, why)
        await self.numbering.admit([record])
        (entity,) = await self.entities.with_numbers([record])
        return Script(entity, sections)

    async def get(self, script_id: int) -> Script:
        """One script; NotFound."""
        entity = await self.entities.get(KIND, script_id)
        return Script(entity, (await self.sections.of_scripts([script_id]))[script_id])

    async def update(
        self,
        script_id: int,
        changes: Mapping[str, Any],
        headings: Sequence[Heading],
        why: Why,
        expected: int | None,
    ) -> Script:
        """Change the script and its sections, all of it or nothing, then append the new sections.

        No section is ever removed. Conflict when any version is not the current one.
        """
        script = await self.get(script_id)
        require_version(script.entity.record, expected)
        known = {section.id: section for section in script.sections}
        named = {h.id: h for h in headings if h.id is not None}
        if len(named) < sum(h.id is not None for h in headings):
            raise BadInput.field("sections", "a headingId is named more than once")
        if strange := sorted(named.keys() - known.keys()):
            raise BadInput.unknown_reference(
                "sections", f"section of script {script_id} with headingId", strange
            )
        for heading_id, heading in named.items():
            require_version(known[heading_id].record, heading.expected)
        newest = max(e.record.change_id for e in (script.entity, *script.sections))
        why = replace(why, change_id=self.records.clock.change_id(newest))  # one change, one undo
        wanted = [(script.entity, changes)]
        wanted += [(known[i], {"title": h.title}) for i, h in named.items() if h.title is not None]
        script = await self._apply(script, wanted, why)
        titles = [h.title for h in headings if h.id is None and h.title is not None]
        new = await self._append(script_id, titles, why)
        return Script(script.entity, [*script.sections, *new])

    async def _apply(
        self, script: Script, wanted: Iterable[tuple[Entity, Mapping[str, Any]]], why: Why
    ) -> Script:
        pairs: list[Pair] = [
            (entity.record, Target(content, entity.record.scope))
            for entity, changes in wanted
            if (content := {**entity.content, **changes}) != entity.content
        ]
        if not pairs:
            return script
        done = {r.key: r for r in await change_together(self.entities, pairs, why)}
        entity, *sections = (
            replace(each, record=done.get(each.record.key, each.record))
            for each in (script.entity, *script.sections)
        )
        return Script(entity, sections)

    async def _append(self, script_id: int, titles: Sequence[str], why: Why) -> list[Entity]:
        news = [New(SECTION, {"scriptId": script_id, "title": title}) for title in titles]
        # Named by their script too: a request that is resumed after its first script was cleared
        # away makes another one, whose sections are not those of the first.
        of_script = replace(why, nonce=f"{why.nonce}.{script_id}")
        return await self.entities.create_many(news, of_script) if news else []

    async def delete(self, script_id: int, why: Why, expected: int | None) -> None:
        """Soft delete: everything in the script is hidden until it is restored."""
        await self.entities.delete(KIND, script_id, why, expected)

    async def page(
        self, filters: Filters, sort_by: SortBy, limit: int | None, offset: int
    ) -> tuple[list[Script], int]:
        """Scripts that match all filters, and how many there are without the page's bounds."""
        clauses = await self._clauses(filters)
        if clauses is None:
            return [], 0
        found = await self.listing.all([KIND], clauses)  # by number
        if sort_by != "sequence":
            found.sort(key=lambda script: _place(script.content[sort_by]))
        shown = found[offset : None if limit is None else offset + limit]
        sections = await self.sections.of_scripts([script.id for script in shown])
        return [Script(script, sections[script.id]) for script in shown], len(found)

    async def _clauses(self, filters: Filters) -> list[Clause] | None:
        """The filters as a query; None when nothing can match."""
        clauses: list[Clause] = []
        if filters.author is not None:
            clauses.append(text("content.author", filters.author))
        if filters.title is not None:
            clauses.append(text("content.title", filters.title))
        if filters.words is not None:
            clauses += all_words(filters.words)
        among: list[set[int]] = []
        if filters.section_title is not None:
            among.append(await self.repository.scripts_with_section(filters.section_title))
        if filters.character_id is not None:
            among.append(await self.repository.scripts_of_character(filters.character_id))
        if filters.action_id is not None:
            among.append(await self._of_action(filters.action_id))
        if among:
            both = set.intersection(*among)
            if not both:
                return None
            clauses.append(terms("id", sorted(both)))
        return clauses

    async def _of_action(self, action_id: int) -> set[int]:
        try:
            action = await self.entities.get("action", action_id)
        except NotFound:
            return set()
        script_id = action.content["scriptId"]
        return set() if script_id is None else {script_id}


def _place(value: str | None) -> tuple[bool, str]:
    """Names in the order of an index of them, whatever has none at the end."""
    return value is None, (value or "").casefold()

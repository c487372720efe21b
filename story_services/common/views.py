"""What several services show of an entity beyond its own content. Reads only.

An element keeps the section it was written in even while that section is deleted; it *reads* as
having none until the section is back. So a deletion touches one record only, and undoing it
brings every element home.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from story_services.common.entities import Entities, Entity


async def live_sections(entities: Entities, shown: Iterable[Entity]) -> Set[int]:
    """Which of the sections that these entities are in exist: one look-up for a whole list."""
    wanted = {i for entity in shown if (i := entity.content.get("sectionId")) is not None}
    if not wanted:
        return frozenset()
    records = await entities.records.get_many(("section", i) for i in sorted(wanted))
    found = await entities.with_numbers([r for r in records.values() if not r.deleted])
    return {section.id for section in found if section.numbers}


def section_or_none(entity: Entity, sections: Set[int]) -> int | None:
    """The entity's sectionId, None when it has none or `sections`, the live ones, lack it."""
    section_id = entity.content.get("sectionId")
    return section_id if section_id in sections else None

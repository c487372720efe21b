"""What several services show of an entity beyond its own content. Reads only.

An element keeps the section it was written in even while that section is deleted; it *reads* as
having none until the section is back. So a deletion touches one record only, and undoing it
brings every element home.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from pydantic import BaseModel, Field

from story_services.common.entities import Entities, Entity

#: Fields that the services set: an entity may be sent back as it was read.
SET_BY_SERVICE = frozenset({"sequenceNumber", "indexed", "createdAt", "updatedAt"})


class Envelope(BaseModel):
    """What every entity of the contract ends with."""

    sequenceNumber: int | None = Field(description="Its number in its own order.", examples=[1])
    versionNumber: int = Field(description="Its current version, for If-Match.", examples=[1])
    indexed: bool = Field(description="Whether searches find this version.", examples=[True])
    createdAt: str = Field(examples=["2026-01-31T12:00:00.000000Z"])
    updatedAt: str = Field(examples=["2026-01-31T12:00:00.000000Z"])
    comment: str | None = Field(description="Why it was last changed.", examples=[None])


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

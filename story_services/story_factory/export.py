"""A stored script as a play by itself, ready for any of the corpora's formats.

Ids stay behind: the cast is in cast order, sections in theirs, speeches numbered as they begin.
What has no place in a play (contexts, paraphrases, versions) is not part of the export.
"""

from __future__ import annotations

from story_services.corpora.model import Element, Play, Role, Section, number_speeches
from story_services.story_factory.parts import Item, Placed, Surroundings
from story_services.story_factory.reading import Reading


def play_of(around: Surroundings, cast: list[Item], placed: list[Placed]) -> Play:
    """The play. `cast` is in cast order and may be followed by characters from outside it."""
    roles = {item.id: n for n, item in enumerate(cast)}
    sections = {item.id: n for n, (_, item) in enumerate(around.sections)}
    elements = [
        Element(
            one.item.kind,  # type: ignore[arg-type]
            one.item.content["text"],
            section=sections.get(one.item.content.get("sectionId") or 0),
            role=roles.get(one.item.content.get("characterId") or 0),
            speech=one.item.content.get("speechId"),
        )
        for one in placed
        if one.item.kind in ("spokenWord", "action", "transition", "note")
    ]
    script = around.script.content
    return Play(
        title=script["title"],
        author=script.get("author") or "",
        description=script.get("description") or "",
        cast=tuple(Role(c.content["name"], c.content["description"] or "") for c in cast),
        sections=tuple(Section(item.content["title"]) for _, item in around.sections),
        elements=tuple(number_speeches(elements)),
    )


async def export(reading: Reading, script_id: int) -> Play:
    """The play of a script, whole. NotFound for an unknown script."""
    ground = await reading.ground(script_id)
    around = await reading.around(ground)
    placed = [one async for chunk in reading.chunks(script_id, ground.numbers) for one in chunk]
    strangers = await reading.characters_of(placed, around.cast)
    cast = [around.cast[i] for i in around.cast_order if i in around.cast]
    return play_of(around, [*cast, *strangers.values()], placed)

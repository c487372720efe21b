"""What the body of a request refers to: whether it is there, and whether it fits.

Nothing can be stored that names a section or an action of another script, or anything that does
not exist. Only what a change changes is looked at, so that an entity can be sent back as it was
read even when something that it refers to is gone by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from story_services.common import kinds
from story_services.common.entities import Entities, Entity
from story_services.common.errors import BadInput

#: References of elements, by the field that holds them.
KIND_OF = {
    "scriptId": "script",
    "sectionId": "section",
    "characterId": "character",
    "actionId": "action",
}
#: Those that must be of the element's own script.
OF_SCRIPT = ("sectionId", "actionId")

#: Entities by key; what was looked up and is missing here does not exist.
Found = Mapping[str, Entity]


async def look_up(entities: Entities, contents: Iterable[Mapping[str, Any]]) -> Found:
    """Whatever these contents refer to and exists, what notes are about included."""
    refs = {
        (kind, content[field])
        for content in contents
        for field, kind in KIND_OF.items()
        if content.get(field) is not None
    }
    refs |= {
        (content["targetType"], content["targetId"])
        for content in contents
        if content.get("targetType") is not None
    }
    records = await entities.records.get_many(sorted(refs))
    return {entity.record.key: entity for entity in await entities.visible(records.values())}


def settled(content: dict[str, Any], found: Found, at: str = "") -> dict[str, Any]:
    """The content of a new element; without a script it belongs to its section's.

    BadInput naming the field, `at` being the place before it (`elements[2].`).
    """
    for field, kind in KIND_OF.items():
        wanted = content.get(field)
        if wanted is not None and kinds.key(kind, wanted) not in found:
            raise BadInput.unknown_reference(at + field, kind, wanted)
    about = content.get("targetType")
    if about is not None and kinds.key(about, content["targetId"]) not in found:
        raise BadInput.unknown_reference(f"{at}targetId", about, content["targetId"])
    section = _of("sectionId", content, found)
    if section is not None and content["scriptId"] is None:
        content = {**content, "scriptId": section.content["scriptId"]}
    for field in OF_SCRIPT:
        target = _of(field, content, found)
        if target is not None and target.content["scriptId"] != content["scriptId"]:
            raise _foreign(at + field, target, content["scriptId"])
    return content


def resettled(
    before: Mapping[str, Any], changes: Mapping[str, Any], found: Found
) -> dict[str, Any]:
    """The changes with what follows from them: a new section brings its script along unless one
    is given, and an element that leaves a script leaves behind what is deleted there."""
    changes = dict(changes)
    moved = {f for f in KIND_OF if f in changes and changes[f] != before.get(f)}
    for field in sorted(moved):
        wanted = changes[field]
        if wanted is not None and kinds.key(KIND_OF[field], wanted) not in found:
            raise BadInput.unknown_reference(field, KIND_OF[field], wanted)
    content = {**before, **changes}
    section = _of("sectionId", content, found)
    if section is not None and content["scriptId"] is None and "scriptId" not in changes:
        changes["scriptId"] = content["scriptId"] = section.content["scriptId"]
        moved.add("scriptId")
    for field in OF_SCRIPT:
        if content.get(field) is None or not moved & {field, "scriptId"}:
            continue
        target = _of(field, content, found)
        if target is None:
            changes[field] = None
        elif target.content["scriptId"] != content["scriptId"]:
            raise _foreign(field, target, content["scriptId"])
    return changes


def _of(field: str, content: Mapping[str, Any], found: Found) -> Entity | None:
    wanted = content.get(field)
    return None if wanted is None else found.get(kinds.key(KIND_OF[field], wanted))


def _foreign(field: str, target: Entity, script_id: int | None) -> BadInput:
    whose = "no script" if script_id is None else f"script {script_id}"
    kind = target.record.kind
    return BadInput.field(field, f"{kind} {target.id} is not of the same script ({whose})")

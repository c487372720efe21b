"""The kinds of things a story is made of: names, indices, ids, number spaces. Pure data.

A kind's `name` is the contract's elementType in its canonical spelling; older spellings are
aliases (`canonical`). Which number space an entity belongs to follows from its content alone
(`spaces`), and so do the scripts whose change log it appears in (`scope`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Line = Literal["type", "sections", "story", "cast", "paraphrases"]


@dataclass(frozen=True)
class Kind:
    """One kind of entity. `line` is the number space within a script, None for the unnumbered."""

    name: str
    index: str
    id_field: str
    line: Line | None


@dataclass(frozen=True, order=True)
class SpaceId:
    """Where numbers come from: a space of one order root."""

    root: str
    name: str


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("script", "script", "scriptId", "type"),
        Kind("section", "section", "headingId", "sections"),
        Kind("character", "character", "characterId", "cast"),
        Kind("action", "element", "actionId", "story"),
        Kind("spokenWord", "element", "dialogueId", "story"),
        Kind("transition", "element", "transitionId", "story"),
        Kind("note", "element", "noteId", "story"),
        Kind("musicSound", "element", "musicSoundId", "story"),
        Kind("paraphrase", "paraphrase", "paraphraseId", "paraphrases"),
        Kind("performer", "performer", "performerId", "type"),
        Kind("casting", "casting", "castingId", None),
        Kind("session", "session", "sessionId", None),
        Kind("context", "context", "contextId", None),
        Kind("worldState", "world-state", "worldStateId", None),
    )
}
ALIASES = {"dialogue": "spokenWord", "line": "spokenWord", "sectionHeading": "section"}
#: Kinds that share a script's story line.
STORY_KINDS = tuple(k.name for k in KINDS.values() if k.line == "story")
#: Kinds that POST /sequence numbers: all that carry a number of their own.
NUMBERED = tuple(k.name for k in KINDS.values() if k.line)


def canonical(element_type: str) -> str:
    """The canonical spelling; an unknown name comes back as it is."""
    return ALIASES.get(element_type, element_type)


def key(kind: str, entity_id: int) -> str:
    """The document id of an entity, which is also its reference in an order, `action-12`."""
    return f"{kind}-{entity_id}"


def parse_key(ref: str) -> tuple[str, int]:
    """The inverse of `key`."""
    kind, _, number = ref.rpartition("-")
    return kind, int(number)


def script_root(script_id: int) -> str:
    """The id of the order root that holds a script's sections, story line and cast."""
    return f"script-{script_id}"


def script_spaces(kind: str, scripts: tuple[int, ...]) -> tuple[SpaceId, ...]:
    """The spaces of a kind in these scripts; without a script the kind's own one."""
    line = KINDS[kind].line
    if line is None:
        return ()
    if line == "type" or not scripts:
        return (SpaceId(f"type-{kind}", "type"),)
    return tuple(SpaceId(script_root(s), line) for s in scripts)


def spaces(kind: str, content: Mapping[str, Any]) -> tuple[SpaceId, ...]:
    """The number spaces an entity with this content belongs to; the first one shows its number."""
    if kind == "paraphrase":
        return (SpaceId(f"of-{content['originalType']}-{content['originalId']}", "paraphrases"),)
    return script_spaces(kind, scripts_of(content))


def scripts_of(content: Mapping[str, Any]) -> tuple[int, ...]:
    """The scripts named by an entity's content: `scriptIds`, or the one `scriptId`."""
    if "scriptIds" in content:
        return tuple(content["scriptIds"])
    script = content.get("scriptId")
    return () if script is None else (int(script),)


def parents(kind: str, content: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """The entities whose deletion hides this one with them."""
    if kind == "paraphrase":
        return ((content["originalType"], content["originalId"]),)
    if kind in ("character", "script", "session"):
        return ()
    return tuple(("script", s) for s in scripts_of(content))

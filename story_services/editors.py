"""How entities of each kind are shown and changed by versions: one table over all services.

The Central Sequence gets it injected, so that it depends on what services have in common and not
on any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from story_services.characters.actions.schemas import ActionChange
from story_services.characters.elements import Elements
from story_services.characters.paraphrases.schemas import ParaphraseChange
from story_services.characters.paraphrases.service import Paraphrases
from story_services.characters.people.schemas import CharacterChange
from story_services.characters.people.service import Cast
from story_services.characters.words.schemas import SpokenWordChange
from story_services.common.context import Context
from story_services.common.errors import BadInput
from story_services.common.http.types import Input
from story_services.common.records import Why
from story_services.core_script.remarks.schemas import NoteChange, TransitionChange
from story_services.core_script.remarks.service import Remarks
from story_services.core_script.scripts.schemas import ScriptChange
from story_services.core_script.scripts.service import Scripts
from story_services.core_script.sections.schemas import SectionChange
from story_services.core_script.sections.service import Sections
from story_services.editing import Apply, Editor
from story_services.performers.schemas import PerformerChange
from story_services.performers.service import Performers
from story_services.session_context.contexts.schemas import ContextChange
from story_services.session_context.entries import Entries
from story_services.session_context.sessions.schemas import SessionChange
from story_services.session_context.sessions.service import Sessions
from story_services.session_context.world_states.schemas import WorldStateChange

_NO_TARGET: Mapping[str, str | None] = {"targetType": None, "targetId": None}
_NOT_SPOKEN: Mapping[str, str | None] = {
    "characterId": None, "speechId": None, "actionId": None,
}  # fmt: skip


class _Unchangeable(Input):
    """A casting says who plays whom where; another one is another casting."""


def editors(context: Context) -> dict[str, Editor]:
    """By kind."""
    scripts = Scripts(context)

    async def script(i: int, fields: dict[str, Any], why: Why, expected: int | None) -> object:
        if "sections" in fields:
            raise BadInput.field("newVersionData.sections", "are versioned by themselves")
        return await scripts.update(i, fields, (), why, expected)

    async def casting(i: int, _: dict[str, Any], why: Why, expected: int | None) -> object:
        return await context.entities.update("casting", i, {}, why, expected)

    def within(kind: str, update: Any) -> Apply:
        """For entities that are reached through their script."""

        async def apply(i: int, fields: dict[str, Any], why: Why, expected: int | None) -> object:
            entity = await context.entities.get(kind, i)
            return await update(entity.content["scriptId"], i, fields, why, expected)

        return apply

    return {
        "script": Editor(ScriptChange, script),
        "section": Editor(SectionChange, within("section", Sections(context).update)),
        "transition": Editor(
            TransitionChange,
            within("transition", Remarks(context, "transition").update),
            {"text": "description", **_NOT_SPOKEN, **_NO_TARGET},
        ),
        "note": Editor(NoteChange, within("note", Remarks(context, "note").update), _NOT_SPOKEN),
        "character": Editor(CharacterChange, Cast(context).update),
        "action": Editor(
            ActionChange,
            Elements(context, "action").update,
            {"text": "description", "actionId": None, **_NO_TARGET},
        ),
        "spokenWord": Editor(SpokenWordChange, Elements(context, "spokenWord").update, _NO_TARGET),
        "paraphrase": Editor(ParaphraseChange, Paraphrases(context).update),
        "performer": Editor(PerformerChange, Performers(context).update),
        "casting": Editor(_Unchangeable, casting),
        "session": Editor(SessionChange, Sessions(context).update, {"contextEntries": None}),
        "context": Editor(ContextChange, Entries(context, "context").update),
        "worldState": Editor(WorldStateChange, Entries(context, "worldState").update),
    }

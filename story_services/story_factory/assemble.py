"""Elements of a story in the contract's form. Pure, and quick: a play has thousands.

Each part of an element may be missing. A line that names an action shows it in its own element;
the action stays an element of its own as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from story_services.session_context.resolve import effective
from story_services.story_factory.choose import choose
from story_services.story_factory.parts import Item, Placed, Surroundings

View = dict[str, Any]


class Assembler:
    """Makes elements of one script. `actions` finds the actions that lines name."""

    def __init__(self, around: Surroundings, actions: Mapping[int, Item]) -> None:
        self._around = around
        self._actions = actions
        self._cast: dict[int, View] = {
            i: self._with_wording(_character(c), "character", i) for i, c in around.cast.items()
        }
        self._contexts: dict[tuple[int | None, int | None], View | None] = {}
        self._states: dict[int, View] = {}
        self._parts: Mapping[str, Callable[[View, Placed], None]] = {
            "action": self._action,
            "spokenWord": self._spoken_word,
            "transition": self._transition,
            "note": self._note,
        }

    def elements(self, placed: Iterable[Placed]) -> Iterator[View]:
        """The elements, one by one, in the order given."""
        for one in placed:
            yield self.element(one)

    def element(self, placed: Placed) -> View:
        """One element."""
        item = placed.item
        content = item.content
        section = content.get("sectionId")
        view: View = {
            "sequence": placed.sequence,
            "elementType": item.kind,
            "elementId": item.id,
            "sectionId": section if section in self._around.section_ids else None,
        }
        character = content.get("characterId")
        if character in self._cast:
            view["character"] = self._cast[character]
        self._parts[item.kind](view, placed)
        if self._around.has_circumstances or self._around.session:
            self._surround(view, character, placed.sequence)
        if self._around.paraphrases is not None:
            self._with_wording(view, item.kind, item.id)
        if item.comment is not None:
            view["comment"] = item.comment
        return view

    def _action(self, view: View, placed: Placed) -> None:
        view["action"] = _action(placed.item)

    def _spoken_word(self, view: View, placed: Placed) -> None:
        content = placed.item.content
        view["spokenWord"] = {
            "dialogueId": placed.item.id,
            "text": content["text"],
            "sequence": placed.sequence,
            "speechId": content.get("speechId"),
        }
        action = self._actions.get(content["actionId"]) if content.get("actionId") else None
        if action is not None:
            view["action"] = _action(action)

    def _transition(self, view: View, placed: Placed) -> None:
        item = placed.item
        view["transition"] = {"transitionId": item.id, "description": item.content["text"]}

    def _note(self, view: View, placed: Placed) -> None:
        content = placed.item.content
        view["note"] = {
            "noteId": placed.item.id,
            "text": content["text"],
            "targetType": content.get("targetType"),
            "targetId": content.get("targetId"),
        }

    def _surround(self, view: View, character: int | None, sequence: int) -> None:
        circumstances = self._around.circumstances
        context = circumstances.context_at(character, sequence)
        merged = self._context(character, context)
        if merged is not None:
            view["context"] = merged
        states = circumstances.world_states_at(sequence)
        if states:
            view["worldStates"] = [self._state(state) for state in states]

    def _context(self, character: int | None, context: Item | None) -> View | None:
        key = (character, context.id if context else None)
        if key not in self._contexts:
            session = self._around.session
            merged = effective(
                context.content if context else None, session.content if session else None
            )
            self._contexts[key] = (
                {
                    "contextId": context.id if context else None,
                    "characterId": character,
                    "data": merged.data,
                    "source": merged.source,
                }
                if context is not None or merged.data
                else None
            )
        return self._contexts[key]

    def _state(self, state: Item) -> View:
        if state.id not in self._states:
            names = ("kind", "description", "data", "fromSequence", "toSequence")
            content = state.content
            self._states[state.id] = {
                "worldStateId": state.id,
                **{name: content.get(name) for name in names},
            }
        return self._states[state.id]

    def _with_wording(self, view: View, kind: str, entity_id: int) -> View:
        """Adds the paraphrase to show instead of the original, which stays."""
        if self._around.paraphrases is None:
            return view
        chosen = choose(self._around.paraphrases.get((kind, entity_id), ()), self._around.session)
        if chosen is not None:
            paraphrase, reason = chosen
            names = ("originalType", "originalId", "text", "commentary", "style")
            view["paraphrase"] = {
                "paraphraseId": paraphrase.id,
                **{name: paraphrase.content.get(name) for name in names},
                "reason": reason,
            }
        return view


def _character(item: Item) -> View:
    return {
        "characterId": item.id,
        "name": item.content["name"],
        "description": item.content["description"],
    }


def _action(item: Item) -> View:
    return {"actionId": item.id, "description": item.content["text"]}

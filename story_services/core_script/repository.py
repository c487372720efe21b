"""The searches of this service: what is in which script. Reads only.

Everything answers from acknowledged writes, and nothing that is not visible has a part in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.queries import Clause, either, every, live, term, text
from story_services.common.store.documents import Document

_SPOKEN_OR_DONE = ("action", "spokenWord")
_WORDED = ("content.title", "content.author", "content.description")


class Repository:
    """Searches over elements, characters and sections for the sake of scripts."""

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self.listing = context.listing
        self.orders = context.orders

    async def members(self, script_id: int) -> dict[str, str]:
        """The section of every element of a script that has one, both as references."""
        of_script = term("content.scriptId", script_id)
        in_section = {"exists": {"field": "content.sectionId"}}
        query = every([*live(kinds.STORY_KINDS), of_script, in_section])
        return {
            document.id: kinds.key("section", document.source["content"]["sectionId"])
            async for document in self._elements(query, "content.sectionId")
        }

    async def scripts_of_character(self, character_id: int) -> set[int]:
        """Scripts in which a character is cast, says or does something."""
        found: set[int] = set()
        cast = await self.listing.page(["character"], [term("id", character_id)])
        if not cast.items:
            return found
        for character in cast.items:
            found.update(character.content["scriptIds"])
        query = every([*live(_SPOKEN_OR_DONE), term("content.characterId", character_id)])
        parts: dict[int, list[str]] = {}
        async for document in self._elements(query, "content.scriptId"):
            script_id = document.source["content"].get("scriptId")
            if script_id is not None and script_id not in found:
                parts.setdefault(script_id, []).append(document.id)
        spaces = {i: kinds.SpaceId(kinds.script_root(i), "story") for i in parts}
        stories = await self.orders.spaces(spaces.values())
        for script_id, refs in parts.items():
            story = stories[spaces[script_id]]
            if any(story.number_of(ref) for ref in refs):
                found.add(script_id)
        return found

    async def scripts_with_section(self, title: str) -> set[int]:
        """Scripts with a section in whose title all these words occur."""
        sections = await self.listing.all(["section"], [text("content.title", title)])
        return {section.content["scriptId"] for section in sections}

    async def _elements(self, query: Clause, field: str) -> AsyncIterator[Document]:
        await self.store.refresh("element")
        source = ["kind", "id", field]
        async for document in self.store.search_all("element", query, sort=["id"], source=source):
            yield document


def all_words(words: str) -> list[Clause]:
    """Each of the words occurs in the title, the author or the description of a script."""
    searched = [word for word in words.split() if any(map(str.isalnum, word))] or [words]
    return [either(*(text(field, word) for field in _WORDED)) for word in searched]

"""Search over a script's elements: in any spelling, in reading order or by relevance.

The store finds and ranks; numbers and their range come from the order. Highlights show the
original words, marked by `<em>`, everything else escaped for HTML.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.kinds import STORY_KINDS
from story_services.common.queries import Clause, live, phrase, term, text
from story_services.story_factory.assemble import View
from story_services.story_factory.parts import Item, Placed, Surroundings
from story_services.story_factory.service import StoryFactory

_TEXT = "content.text"
#: The most that a search looks at (index.max_result_window); a play has half of it.
_MOST = 10_000


@dataclass(frozen=True)
class Wanted:
    """What to search for. A question in double quotes must be found word for word."""

    script: int
    question: str
    kinds: Sequence[str] = ()
    character: int | None = None
    section: int | None = None
    start: int | None = None
    end: int | None = None
    by_relevance: bool = False
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class Hit:
    """An element that was found, how well it fits, and its words with those found marked."""

    view: View
    score: float
    highlights: list[str]


class Search:
    """Searches scripts."""

    def __init__(self, context: Context, factory: StoryFactory) -> None:
        self.store = context.store
        self.factory = factory

    async def search(self, wanted: Wanted) -> tuple[list[Hit], int]:
        """A page of hits, and how many there are."""
        ground = await self.factory.reading.ground(wanted.script)
        query = _query(wanted)
        body = {"query": query, "size": _MOST, "_source": False, "sort": ["_score", "id"]}
        around, found = await asyncio.gather(
            self.factory.reading.around(ground),
            self.store.search("element", {**body, "track_scores": True}),
        )
        numbers = {ref: number for number, ref in ground.numbers}
        hits = [
            (numbers[hit.id], hit.score or 0.0, hit.id)
            for hit in found.hits
            if hit.id in numbers and _within(numbers[hit.id], wanted)
        ]
        hits.sort(key=lambda h: (-h[1], h[0]) if wanted.by_relevance else (h[0], 0))
        end = None if wanted.limit is None else wanted.offset + wanted.limit
        page = hits[wanted.offset : end]
        return await self._shown(query, page, around), len(hits)

    async def _shown(
        self, query: Clause, page: Sequence[tuple[int, float, str]], around: Surroundings
    ) -> list[Hit]:
        if not page:
            return []
        body = {
            "query": {
                "bool": {"must": [query], "filter": [{"ids": {"values": [h[2] for h in page]}}]}
            },
            "size": len(page),
            "highlight": {
                "encoder": "html",
                "pre_tags": ["<em>"],
                "post_tags": ["</em>"],
                "number_of_fragments": 0,
                "require_field_match": False,
                "fields": {_TEXT: {}, f"{_TEXT}.exact": {}},
            },
        }
        documents = {d.id: d for d in (await self.store.search("element", body)).hits}
        placed = [
            Placed(number, Item(d.source["kind"], d.source["id"], d.source["content"],
                                d.source.get("comment")))
            for number, _, ref in page
            if (d := documents.get(ref)) is not None
        ]  # fmt: skip
        assembler = await self.factory.assembler(around, placed)
        scores = {ref: score for _, score, ref in page}
        return [
            Hit(
                assembler.element(one),
                scores[(ref := kinds.key(one.item.kind, one.item.id))],
                _highlights(documents[ref].highlight or {}),
            )
            for one in placed
        ]


def _highlights(found: Any) -> list[str]:
    return list(found.get(_TEXT) or found.get(f"{_TEXT}.exact") or [])


def _query(wanted: Wanted) -> Clause:
    filters = [*live(wanted.kinds or STORY_KINDS), term("content.scriptId", wanted.script)]
    if wanted.character is not None:
        filters.append(term("content.characterId", wanted.character))
    if wanted.section is not None:
        filters.append(term("content.sectionId", wanted.section))
    return {"bool": {"must": [_words(wanted.question)], "filter": filters}}


def _words(question: str) -> Clause:
    stripped = question.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == '"':
        return phrase(_TEXT, stripped[1:-1])
    return text(_TEXT, stripped)


def _within(number: int, wanted: Wanted) -> bool:
    after = wanted.start is None or wanted.start <= number
    return after and (wanted.end is None or number <= wanted.end)

"""Puts stories together: load, place, filter, page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

from story_services.common.context import Context
from story_services.story_factory.assemble import Assembler, View
from story_services.story_factory.filters import Filter
from story_services.story_factory.parts import Item, Placed, Surroundings
from story_services.story_factory.reading import CHUNK, Ground, Reading, require_numbers


@dataclass(frozen=True)
class Story:
    """A story's head and its elements, which come in pieces when there are very many. `cast`
    are the ids of the script's own characters."""

    head: dict[str, Any]
    pieces: AsyncIterator[Sequence[View]]
    long: bool
    cast: Container[int]

    def is_own(self, elements: Sequence[View]) -> bool:
        """Whether all who act and speak belong to the script, so that every change of what is
        shown is in the script's log."""
        return all(
            "character" not in e or e["character"]["characterId"] in self.cast for e in elements
        )


class StoryFactory:
    """Stories of one store. One per process."""

    def __init__(self, context: Context) -> None:
        self.reading = Reading(context)

    async def story(
        self,
        ground: Ground,
        wanted: Filter,
        *,
        paraphrased: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Story:
        """The story of a script, or the part of it that is wanted."""
        numbers = [(n, ref) for n, ref in ground.numbers if wanted.covers(n)]
        if not wanted.by_content and limit is not None:
            around = await self.reading.around(ground, paraphrased)
            pieces = self._slice(around, numbers, limit, offset)
        else:
            around, first = await asyncio.gather(
                self.reading.around(ground, paraphrased),
                self.reading.elements(ground.script.id, numbers[:CHUNK]),
            )
            pieces = _paged(self._views(around, first, numbers[CHUNK:], wanted), limit, offset)
        return Story(story_head(around), pieces, len(numbers) > CHUNK, around.cast)

    async def sequences(
        self, ground: Ground, start: int, end: int, wanted: Filter, *, paraphrased: bool = False
    ) -> Story:
        """The elements from one number to another. NotFound when there are none."""
        numbers = [(n, ref) for n, ref in ground.numbers if start <= n <= end]
        require_numbers(ground.script.id, numbers, start, end)
        wanted = replace(wanted, sequences=(start, end))
        story = await self.story(ground, wanted, paraphrased=paraphrased)
        head = {"scriptId": ground.script.id, "comment": ground.script.comment}
        return replace(story, head=head)

    async def _views(
        self,
        around: Surroundings,
        first: Sequence[Placed],
        numbers: Sequence[tuple[int, str]],
        wanted: Filter,
    ) -> AsyncIterator[Sequence[View]]:
        yield await self._kept(around, first, wanted)
        async for placed in self.reading.chunks(around.script.id, numbers):
            yield await self._kept(around, placed, wanted)

    async def _kept(
        self, around: Surroundings, placed: Sequence[Placed], wanted: Filter
    ) -> list[View]:
        views = (await self.assembler(around, placed)).elements(placed)
        return [v for v in views if wanted.keeps(v)] if wanted.by_content else list(views)

    async def _slice(
        self, around: Surroundings, numbers: Sequence[tuple[int, str]], limit: int, offset: int
    ) -> AsyncIterator[Sequence[View]]:
        """A page by numbers alone: fetches no more than the page, unless some of its elements
        are being created or deleted at this very moment."""
        start, left = offset, limit
        while left and start < len(numbers):
            placed = await self.reading.elements(around.script.id, numbers[start : start + left])
            yield list((await self.assembler(around, placed)).elements(placed))
            start += left
            left -= len(placed)

    async def assembler(self, around: Surroundings, placed: Sequence[Placed]) -> Assembler:
        """What makes elements of these, with all that they name."""
        actions = await self.reading.actions_of(placed)
        strangers = await self.reading.characters_of(placed, around.cast)
        if strangers:
            around = replace(around, cast={**around.cast, **strangers})
        return Assembler(around, actions)


def story_head(around: Surroundings) -> dict[str, Any]:
    """A story without its elements. Its music is not made yet."""
    script = around.script
    return {
        "scriptId": script.id,
        "title": script.content["title"],
        "author": script.content.get("author"),
        "description": script.content.get("description"),
        "sections": [section_view(number, item) for number, item in around.sections],
        "orchestration": {
            "csoundFilePath": None,
            "lilyPondFilePath": None,
            "midiFilePath": None,
        },
        "comment": script.comment,
    }


def section_view(number: int, item: Item) -> dict[str, Any]:
    """A heading of a story."""
    return {
        "headingId": item.id,
        "scriptId": item.content["scriptId"],
        "title": item.content["title"],
        "sequence": number,
    }


async def _paged(
    pieces: AsyncIterator[Sequence[View]], limit: int | None, offset: int
) -> AsyncIterator[Sequence[View]]:
    """Leaves out `offset` elements and stops after `limit`."""
    async for piece in pieces:
        rest = piece[offset:]
        offset = max(0, offset - len(piece))
        if limit is not None:
            rest = rest[:limit]
            limit -= len(rest)
        if rest:
            yield rest
        if limit == 0:
            return

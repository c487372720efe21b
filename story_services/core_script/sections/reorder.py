"""Sections in another order, and with them what they contain: one change of one order value.

All or nothing: a refused request writes nothing, and of two at the same time one wins. The
membership of elements is read before the order is changed; an element that is added in between
stays behind the one it was put after, so it moves along with it. Undo brings both lines back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.errors import BadInput, NotFound
from story_services.common.order import (
    DuplicateNumbers,
    NumberOutOfRange,
    Root,
    UnknownRefs,
    arrange_blocks,
    diff,
)
from story_services.common.records import Why
from story_services.core_script.repository import Repository
from story_services.core_script.sections.service import KIND, SPACE

STORY = "story"


@dataclass(frozen=True)
class Reordered:
    """What a reorder did: the new number of every section that was named or moved, ascending;
    how many elements of the story have another number; the order's revision since."""

    sections: list[tuple[int, int]]
    moved_elements: int
    revision: int


class SectionOrder:
    """Reorders the sections of a script."""

    def __init__(self, context: Context) -> None:
        self.entities = context.entities
        self.records = context.records
        self.orders = context.orders
        self.repository = Repository(context)

    async def reorder(
        self,
        script_id: int,
        wanted: Sequence[tuple[int, int]],
        why: Why,
        *,
        with_contents: bool = True,
        expected: int | None = None,
    ) -> Reordered:
        """Give headings, as (id, number), their numbers; the others close up in their order.

        BadInput for an id or a number given twice or a number beyond the end; NotFound lists
        headings that are not this script's; Conflict when the order was changed meanwhile, or
        `expected` is not its revision.
        """
        numbers = _by_ref(wanted)
        await self.entities.get("script", script_id)
        root_id = kinds.script_root(script_id)
        if expected is None:
            expected = (await self.orders.state(root_id)).revision
        await self._require(script_id, numbers)
        members = await self.repository.members(script_id) if with_contents else {}
        before, after = await self.orders.change(
            root_id, lambda root: _rearranged(root, numbers, members), why, expected
        )
        moved = diff(before.space(SPACE), after.space(SPACE))
        refs = numbers.keys() | {ref for ref, _, _ in moved}
        return Reordered(
            sorted(
                ((kinds.parse_key(ref)[1], after.space(SPACE).number_of(ref) or 0) for ref in refs),
                key=lambda row: row[1],
            ),
            len(diff(before.space(STORY), after.space(STORY))),
            (await self.orders.state(root_id)).revision,
        )

    async def _require(self, script_id: int, refs: Mapping[str, int]) -> None:
        records = await self.records.get_many(kinds.parse_key(ref) for ref in refs)
        mine = {
            section.record.key
            for section in await self.entities.visible(records.values())
            if section.content["scriptId"] == script_id
        }
        if missing := [ref for ref in refs if ref not in mine]:
            raise _unknown(missing, script_id)


def _rearranged(
    root: Root, numbers: Mapping[str, int], members: Mapping[str, str]
) -> tuple[Root, tuple[Root, Root]]:
    """The root with its sections at these numbers and its story arranged to follow them, once as
    the value to store and once, with the root itself, as the answer."""
    before = root.space(SPACE)
    try:
        after = before.reorder(numbers)
    except UnknownRefs as error:
        raise _unknown(error.refs, None) from None
    except DuplicateNumbers as error:
        raise BadInput.field("elements", f"numbers {error}") from None
    except NumberOutOfRange as error:
        raise BadInput.field("elements", f"numbers {error}") from None
    changed = root.with_space(SPACE, after)
    if members:
        present, past = ([ref for _, ref in space.live()] for space in (after, before))
        story = arrange_blocks(root.space(STORY), members, present, past)
        changed = changed.with_space(STORY, story)
    return changed, (root, changed)


def _by_ref(wanted: Sequence[tuple[int, int]]) -> dict[str, int]:
    times = Counter(heading_id for heading_id, _ in wanted)
    if twice := [heading_id for heading_id, n in times.items() if n > 1]:
        named = ", ".join(str(heading_id) for heading_id in twice[:20])
        raise BadInput.field("elements", f"headingId {named} is named more than once")
    return {kinds.key(KIND, heading_id): number for heading_id, number in wanted}


def _unknown(refs: Sequence[str], script_id: int | None) -> NotFound:
    ids = [kinds.parse_key(ref)[1] for ref in refs]
    whose = "the script" if script_id is None else f"script {script_id}"
    return NotFound.of(KIND, ids, f"Nothing was reordered: not sections of {whose}.")

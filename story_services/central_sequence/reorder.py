"""Reordering: the listed elements take the numbers asked for, the rest close up, all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from story_services.central_sequence.numbers import Numbers, places
from story_services.common import kinds
from story_services.common.errors import BadInput, NotFound
from story_services.common.kinds import SpaceId
from story_services.common.order.errors import DuplicateNumbers, NumberOutOfRange, UnknownRefs
from story_services.common.order.root import Root
from story_services.common.records import Why
from story_services.common.store.orders import Orders


@dataclass(frozen=True)
class Moved:
    """What a reorder did with one element."""

    ref: str
    old: int
    new: int


@dataclass(frozen=True)
class Reordered:
    """A reorder that is done, and the order's revision since."""

    moved: list[Moved]
    revision: int


class Reordering:
    """Reorders of any space."""

    def __init__(self, numbers: Numbers, orders: Orders) -> None:
        self.numbers = numbers
        self.orders = orders

    async def reorder(
        self,
        wanted: Sequence[tuple[str, int, int]],
        script: int | None,
        why: Why,
        expected: int | None = None,
    ) -> Reordered:
        """Give (kind, id, number) triples their numbers in the one space that they share.

        BadInput for an id or a number given twice, a number beyond the end, or elements of
        several spaces; NotFound lists ids that are not there; Conflict when the order was
        changed meanwhile or `expected` is not its revision.
        """
        numbers = _by_ref(wanted)
        space = await self._space(numbers, script)
        moved = await self.orders.change(space.root, reordering(space, numbers), why, expected)
        return Reordered(moved, (await self.orders.state(space.root)).revision)

    async def _space(self, numbers: Mapping[str, int], script: int | None) -> SpaceId:
        if script is not None:
            spaces = {
                s
                for ref in numbers
                for s in kinds.script_spaces(kinds.parse_key(ref)[0], (script,))
            }
            if len(spaces) != 1:
                raise _apart("The elements do not share a number space.", _lines(numbers))
            return spaces.pop()
        holders = await self.numbers.holders(list(numbers))
        missing = [ref for ref in numbers if ref not in holders]
        if missing:
            raise NotFound(f"There is no {', '.join(missing[:20])}.")
        shared = set.intersection(*(set(places(holder)) for holder in holders.values()))
        if len(shared) != 1:
            raise _apart(
                "The elements do not stand in one number space.",
                "name the scriptId" if shared else _lines(numbers),
            )
        return shared.pop()


def reordering(
    space: SpaceId, numbers: Mapping[str, int]
) -> Callable[[Root], tuple[Root, list[Moved]]]:
    """The change of a root that gives these references their numbers in a space."""

    def edit(root: Root) -> tuple[Root, list[Moved]]:
        before = root.space(space.name)
        try:
            after = before.reorder(numbers)
        except UnknownRefs as error:
            raise NotFound(f"There is no {', '.join(error.refs[:20])} in this order.") from None
        except DuplicateNumbers as error:
            raise BadInput.field("elements", f"numbers {error}") from None
        except NumberOutOfRange as error:
            raise BadInput.field("elements", f"numbers {error}") from None
        moved = [Moved(ref, before.number_of(ref) or 0, n) for ref, n in numbers.items()]
        return root.with_space(space.name, after), moved

    return edit


def _by_ref(wanted: Sequence[tuple[str, int, int]]) -> dict[str, int]:
    refs = [kinds.key(kind, element_id) for kind, element_id, _ in wanted]
    twice = [ref for ref, n in Counter(refs).items() if n > 1]
    if twice:
        raise BadInput.field("elements", f"named more than once: {', '.join(twice[:20])}")
    return {ref: number for ref, (_, _, number) in zip(refs, wanted, strict=True)}


def _apart(message: str, details: str) -> BadInput:
    return BadInput(message, details, code="refused_value")


def _lines(numbers: Mapping[str, int]) -> str:
    found = sorted({kinds.KINDS[kinds.parse_key(ref)[0]].line or "none" for ref in numbers})
    return f"they belong to: {', '.join(found)}"

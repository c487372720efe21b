"""One number space: which element stands at which number, as a value.

A `Space` never changes; every method gives a new one, or the very same when there was nothing to
do. A slot is "" (a gap), an element's ref (any text without a leading "-"), or "-" and a ref: a
deleted element that keeps its slot until a reorder closes the gaps. The number of an element is the
place of its slot, from 1. No element is ever in two slots, so numbers are unique by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from story_services.common.order.errors import (
    BadRefs,
    BehindItself,
    BrokenOrder,
    DuplicateNumbers,
    NumberOutOfRange,
    UnknownRefs,
)

DELETED = "-"


@dataclass(frozen=True)
class Space:
    """Slots in order. `len()` counts live elements; `last` is the highest number ever given."""

    slots: tuple[str, ...] = ()

    @cached_property
    def _at(self) -> dict[str, int]:
        """The number of every slot but gaps, by its text; BrokenOrder for an element twice."""
        at = {slot: number for number, slot in enumerate(self.slots, 1) if slot}
        dead = [slot for slot in at if slot[0] == DELETED]
        if len(at) + self.slots.count("") != len(self.slots):
            twice = sorted(slot for slot, n in Counter(self.slots).items() if slot and n > 1)
            raise BrokenOrder(f"more than once in one space: {twice[:5]}")
        if wrong := [slot for slot in dead if slot[1:2] in ("", DELETED) or slot[1:] in at]:
            raise BrokenOrder(f"deleted slots that cannot be: {wrong[:5]}")
        return at

    @cached_property
    def _count(self) -> int:
        return sum(1 for slot in self._at if slot[0] != DELETED)

    def __len__(self) -> int:
        return self._count

    @property
    def last(self) -> int:
        """The highest number; the next new element gets the one after it."""
        return len(self.slots)

    def check(self) -> None:
        """BrokenOrder if these slots are no order: an element twice, or both live and deleted."""
        _ = self._at

    def number_of(self, ref: str) -> int | None:
        """The number of a live element; None for one that is deleted or was never here."""
        return None if ref.startswith(DELETED) else self._at.get(ref)

    def is_deleted(self, ref: str) -> bool:
        """Whether the element was removed and still keeps its slot."""
        return DELETED + ref in self._at

    def live(self) -> list[tuple[int, str]]:
        """(number, ref) of every live element, ascending."""
        return [(n, slot) for n, slot in enumerate(self.slots, 1) if slot and slot[0] != DELETED]

    def append(self, refs: Iterable[str]) -> tuple[Space, dict[str, int]]:
        """Numbers for elements: the one they have or had, else last + 1, last + 2 ..."""
        wanted = _valid(refs)
        marks: dict[int, str] = {}
        numbers: dict[str, int] = {}
        fresh: list[str] = []
        for ref in wanted:
            number = self._at.get(ref)
            if number is None:
                number = self._at.get(DELETED + ref)
                if number is None:
                    fresh.append(ref)
                    number = self.last + len(fresh)
                else:
                    marks[number] = ref
            numbers[ref] = number
        return self._marked(marks, fresh), numbers

    def restore(self, ref: str) -> Space:
        """A deleted element back in its own slot; at the end if a reorder has dropped the slot."""
        return self.append((ref,))[0]

    def insert(self, refs: Iterable[str], after: str | None) -> Space:
        """New elements behind `after` (None: at the start); live ones among them stay in place.

        UnknownRefs if `after` is not live.
        """
        wanted = _valid(refs)
        place = self._behind(after)
        fresh = tuple(ref for ref in wanted if ref not in self._at)
        slots = self.forget(fresh).slots
        return Space(slots[:place] + fresh + slots[place:]) if fresh else self

    def remove(self, refs: Iterable[str]) -> Space:
        """Elements marked as deleted, their slots kept; what is not live is passed over."""
        at = self._at
        return self._marked({at[ref]: DELETED + ref for ref in _valid(refs) if ref in at})

    def forget(self, refs: Iterable[str]) -> Space:
        """Elements, live or deleted, dropped without a trace: their slots become gaps."""
        wanted = _valid(refs)
        at = self._at
        return self._marked({at[s]: "" for r in wanted for s in (r, DELETED + r) if s in at})

    def reorder(self, wanted: Mapping[str, int]) -> Space:
        """The listed elements at the asked numbers, the others in the free ones, in their order.

        Afterwards the numbers are exactly 1 to n, n being the live elements: gaps and slots of
        deleted elements are gone. UnknownRefs, NumberOutOfRange, DuplicateNumbers: nothing done.
        """
        if unknown := [ref for ref in wanted if self.number_of(ref) is None]:
            raise UnknownRefs(unknown)
        n = len(self)
        asked = Counter(wanted.values())
        if outside := sorted(number for number in asked if not 1 <= number <= n):
            raise NumberOutOfRange(outside, n)
        if twice := sorted(number for number, times in asked.items() if times > 1):
            raise DuplicateNumbers(twice)
        slots = [""] * n
        for ref, number in wanted.items():
            slots[number - 1] = ref
        rest = (ref for _, ref in self.live() if ref not in wanted)
        return self._if_new(tuple(ref or next(rest) for ref in slots))

    def move(self, refs: Sequence[str], after: str | None) -> Space:
        """These elements, in the order given, directly behind `after` (None: at the start).

        Everything else keeps its order, gaps and deleted slots included. UnknownRefs lists all that
        are not live; BehindItself if `after` is itself moved.
        """
        moving = dict.fromkeys(refs)
        if unknown := [ref for ref in moving if self.number_of(ref) is None]:
            raise UnknownRefs(unknown)
        if after in moving:
            raise BehindItself(after or "")
        place = self._behind(after)
        head = tuple(slot for slot in self.slots[:place] if slot not in moving)
        tail = tuple(slot for slot in self.slots[place:] if slot not in moving)
        return self._if_new(head + tuple(moving) + tail)

    def _behind(self, after: str | None) -> int:
        """How many slots stand up to `after`, itself included."""
        place = 0 if after is None else self.number_of(after)
        if place is None:
            raise UnknownRefs((after or "",))
        return place

    def _if_new(self, slots: tuple[str, ...]) -> Space:
        return self if slots == self.slots else Space(slots)

    def _marked(self, marks: Mapping[int, str], fresh: Sequence[str] = ()) -> Space:
        """Some slots replaced and some added. Nothing shifts, so the index is copied, not built."""
        if not marks and not fresh:
            return self
        slots, at = list(self.slots), self._at.copy()
        for number, slot in marks.items():
            del at[slots[number - 1]]
            slots[number - 1] = slot
            if slot:
                at[slot] = number
        at.update((ref, number) for number, ref in enumerate(fresh, self.last + 1))
        slots.extend(fresh)
        space = Space(tuple(slots))
        space.__dict__["_at"] = at  # where cached_property keeps its value
        return space


def diff(before: Space, after: Space) -> list[tuple[str, int, int]]:
    """(ref, old, new) of every element live in both that changed its number, by new number."""
    old = before._at
    return [
        (slot, old[slot], number)
        for number, slot in enumerate(after.slots, 1)
        if slot in old and old[slot] != number and slot[0] != DELETED
    ]


def _valid(refs: Iterable[str]) -> list[str]:
    """Each ref once, in order; BadRefs for what no slot can hold."""
    wanted = list(dict.fromkeys(refs))
    if bad := [ref for ref in wanted if not ref or ref[0] == DELETED]:
        raise BadRefs(bad)
    return wanted

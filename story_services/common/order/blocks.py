"""Sections moved with their contents: a story line rearranged to follow the order of its sections.

The result holds exactly the slots it was given, gaps and deleted elements included, so nothing is
lost and a deleted element can still come back to its place inside its section. A block is one
section's elements, each with what follows it: an element without a section, a deleted one and a gap
belong to the element before them. What stands before the first element with a section is the head
and stays there.

With `before`, the sections' order until now, as little as possible is disturbed: the fewest
sections that explain the new order count as moved (of several such choices, the one with the fewest
elements). Each of them is gathered into one block directly behind the last element of the section
before it; all others stay as they stand, even where a writer has interleaved them or told them in
another order than the sections'. Without `before` every section is gathered, in order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from story_services.common.order.space import DELETED, Space


@dataclass
class _Run:
    """Neighbouring slots of one block; a section whose elements are interleaved has several."""

    section: str
    slots: list[str]


@dataclass(frozen=True)
class _Chain:
    """The heaviest increasing sequence that ends with `section`."""

    weight: int
    section: str
    previous: _Chain | None


def arrange_blocks(
    story: Space,
    section_of: Mapping[str, str],
    sections: Sequence[str],
    before: Sequence[str] | None = None,
) -> Space:
    """The story line in the order of `sections`; see the module on what moves and what does not.

    An element whose section is not in `sections` counts as one without a section.
    """
    head, runs = _runs(story, section_of, set(sections))
    sizes: dict[str, int] = {}
    for run in runs:
        sizes[run.section] = sizes.get(run.section, 0) + len(run.slots)
    present = [section for section in dict.fromkeys(sections) if section in sizes]
    moved = set(present) - (_in_place(present, before, sizes) if before is not None else set())

    blocks: dict[str, list[str]] = {section: [] for section in moved}
    ends: dict[str, _Run] = {}
    for run in runs:
        if run.section in moved:
            blocks[run.section] += run.slots
        else:
            ends[run.section] = run
    slots, behind = list(head), _behind(present, moved)
    for section in behind.get(None, ()):
        slots += blocks[section]
    for run in runs:
        if run.section not in moved:
            slots += run.slots
            if ends[run.section] is run:
                for section in behind.get(run.section, ()):
                    slots += blocks[section]
    return story if tuple(slots) == story.slots else Space(tuple(slots))


def _runs(
    story: Space, section_of: Mapping[str, str], known: set[str]
) -> tuple[list[str], list[_Run]]:
    """The head, and the rest as runs."""
    head: list[str] = []
    runs: list[_Run] = []
    current = head
    for slot in story.slots:
        section = None if slot.startswith(DELETED) else section_of.get(slot)
        if section in known and not (runs and runs[-1].section == section):
            runs.append(_Run(str(section), current := []))
        current.append(slot)
    return head, runs


def _behind(present: Sequence[str], moved: set[str]) -> dict[str | None, list[str]]:
    """Moved sections by the one, itself not moved, that they follow; None: they come first."""
    behind: dict[str | None, list[str]] = {}
    anchor = None
    for section in present:
        if section in moved:
            behind.setdefault(anchor, []).append(section)
        else:
            anchor = section
    return behind


def _in_place(present: Sequence[str], before: Sequence[str], sizes: Mapping[str, int]) -> set[str]:
    """The most sections, then the most elements, that kept their order among each other."""
    ranks = {section: rank for rank, section in enumerate(before)}
    one_more = sum(sizes.values()) + 1  # one section more outweighs all elements
    ends: list[_Chain] = []  # by rank and by weight ascending
    end_ranks: list[int] = []
    for section in present:
        if section not in ranks:
            continue  # new among the sections, so it has to be put in its place
        at = bisect_left(end_ranks, ranks[section])
        previous = ends[at - 1] if at else None
        weight = one_more + sizes[section] + (previous.weight if previous else 0)
        worse = at
        while worse < len(ends) and ends[worse].weight <= weight:
            worse += 1
        ends[at:worse] = [_Chain(weight, section, previous)]
        end_ranks[at:worse] = [ranks[section]]
    found: set[str] = set()
    chain = ends[-1] if ends else None
    while chain:
        found.add(chain.section)
        chain = chain.previous
    return found

"""Sections moved with their contents: what follows them, what stays, and nothing is ever lost."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.common.order import Space, arrange_blocks

SECTIONS = tuple("ABCDEF")
#: Slots by what they carry: a section, nothing (n), an unknown section (Z), a deletion, a gap.
KINDS = st.lists(st.sampled_from((*SECTIONS, *SECTIONS, "n", "Z", "-", ".")), max_size=40)
ORDERS = st.permutations(SECTIONS)


def story_of(kinds: list[str]) -> tuple[Space, dict[str, str]]:
    """A story line, and the sections of its elements; deleted ones have one too, to no effect."""
    slots = {i: f"{kind}{i}" for i, kind in enumerate(kinds)}
    section_of = {slot: slot[0] for slot in slots.values() if slot[0] in (*SECTIONS, "Z")}
    section_of |= {slot[1:]: "A" for slot in slots.values() if slot[0] == "-"}
    return Space(tuple("" if slot[0] == "." else slot for slot in slots.values())), section_of


def labels(space: Space) -> list[str]:
    """The section of each slot, its own or that of the one before; "" in the head."""
    found, current = [], ""
    for slot in space.slots:
        current = slot[0] if slot[:1] in SECTIONS and slot else current
        found.append(current)
    return found


def of(space: Space, sections: set[str]) -> list[str]:
    """The slots of these sections, in order."""
    return [slot for s, slot in zip(labels(space), space.slots, strict=True) if s in sections]


def labels_of(space: Space) -> list[str]:
    """The section of each run of slots of one section."""
    return [label for label, _ in groupby(labels(space))]


def arrange(text: str, sections: str, before: str | None = None) -> str:
    """The same in short: "A1 B1", "BA" gives "B1 A1"."""
    slots = tuple(text.split())
    section_of = {slot: slot[0] for slot in slots if slot[0].isupper()}
    return " ".join(arrange_blocks(Space(slots), section_of, sections, before).slots)


@pytest.mark.parametrize("before", ["ABC", None])
def test_a_section_takes_its_elements_along(before: str | None) -> None:
    """Elements of none follow the one before them; those before all sections stay first."""
    assert arrange("t A1 n A2 B1 m -x C1", "BCA", before) == "t B1 m -x C1 A1 n A2"
    assert arrange("t A1 n A2 B1 m -x C1", "CAB", before) == "t C1 A1 n A2 B1 m -x"
    assert arrange("t u", "BAC", before) == "t u"
    assert arrange("A1 B1", "", before) == "A1 B1"


def test_interleaved_sections_are_gathered_only_if_they_move() -> None:
    assert arrange("A1 B1 A2 B2 C1 D1", "ABDC", "ABCD") == "A1 B1 A2 B2 D1 C1"
    assert arrange("A1 B1 A2 B2 C1 D1", "ACDB", "ABCD") == "A1 A2 C1 D1 B1 B2"
    assert arrange("A1 B1 A2 B2 C1 D1", "ABDC") == "A1 A2 B1 B2 D1 C1"


def test_a_story_told_in_another_order_than_its_sections_keeps_it() -> None:
    """C is told first on purpose; moving B in front of A does not put C last."""
    assert arrange("C1 A1 A2 B1", "BAC", "ABC") == "B1 C1 A1 A2"
    assert arrange("C1 A1 B1 B2", "BAC", "ABC") == "C1 B1 B2 A1"


def test_an_empty_section_does_not_decide_what_counts_as_moved() -> None:
    assert arrange("A1 B1 A2 E1", "BCDAE", "ABCDE") == "B1 A1 A2 E1"


def test_a_section_that_was_not_there_before_is_put_in_its_place() -> None:
    """Restored, say: until then its elements went with what stood before them."""
    assert arrange("A1 B1 C1 B2", "CAB", "AB") == "C1 A1 B1 B2"
    assert arrange("A1 B1 C1 B2", "ABC", "AB") == "A1 B1 B2 C1"


@given(KINDS, ORDERS, st.none() | ORDERS)
def test_nothing_is_lost_and_blocks_are_never_torn(
    kinds: list[str], order: list[str], before: list[str] | None
) -> None:
    story, section_of = story_of(kinds)
    result = arrange_blocks(story, section_of, order, before)
    assert sorted(result.slots) == sorted(story.slots)
    for section in SECTIONS:
        assert of(result, {section}) == of(story, {section})
        assert labels_of(result).count(section) <= labels_of(story).count(section)
    assert of(result, {""}) == of(story, {""})
    assert "" not in labels_of(result)[1:]
    assert arrange_blocks(result, section_of, order, order) is result


@given(KINDS, ORDERS)
def test_without_the_order_until_now_every_section_is_one_block_in_its_place(
    kinds: list[str], order: list[str]
) -> None:
    story, section_of = story_of(kinds)
    result = arrange_blocks(story, section_of, order)
    present = [label for label in labels_of(result) if label]
    assert present == [section for section in order if section in labels(story)]
    assert arrange_blocks(result, section_of, order) is result


@given(KINDS, ORDERS, ORDERS)
def test_where_blocks_follow_their_sections_both_ways_agree_and_can_be_taken_back(
    kinds: list[str], before: list[str], order: list[str]
) -> None:
    raw, section_of = story_of(kinds)
    story = arrange_blocks(raw, section_of, before)
    result = arrange_blocks(story, section_of, order, before)
    assert result == arrange_blocks(story, section_of, order)
    assert arrange_blocks(result, section_of, before, order) == story


@given(KINDS, ORDERS, st.sampled_from(SECTIONS), st.integers(0, len(SECTIONS) - 1))
def test_one_moved_section_disturbs_no_other(
    kinds: list[str], before: list[str], section: str, place: int
) -> None:
    """It comes to stand, gathered, behind the last element of the section before it."""
    story, section_of = story_of(kinds)
    present = [s for s in before if s in labels(story)]
    order = [s for s in before if s != section]
    order.insert(place, section)
    result = arrange_blocks(story, section_of, order, before)
    ranked = [s for s in order if s in present]
    if section not in present or abs(present.index(section) - ranked.index(section)) < 2:
        return  # two neighbours changed places: either may be the one that moved
    others = {"", *SECTIONS} - {section}
    assert of(result, others) == of(story, others)
    assert labels_of(result).count(section) == 1
    now = labels(result)
    at = now.index(section)
    ahead = ranked[: ranked.index(section)]
    assert now[at - 1 : at] == ahead[-1:] if ahead else set(now[:at]) <= {""}
    assert not ahead or ahead[-1] not in now[at:]

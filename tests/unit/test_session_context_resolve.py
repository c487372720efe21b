"""What holds at a place of a story: the laws, and the cases that a leak would come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.session_context.resolve import (
    Circumstances,
    context_at,
    covers,
    effective,
    facts,
    holds_in,
    serves,
    world_states_at,
)


@dataclass(frozen=True)
class Entry:
    id: int
    content: Mapping[str, Any]


def context(id: int, character: int = 1, **fields: Any) -> Entry:
    return Entry(id, {"characterId": character, "data": {}, **fields})


def state(id: int, kind: str = "weather", **fields: Any) -> Entry:
    return Entry(id, {"kind": kind, "data": {}, **fields})


NUMBERS = st.integers(1, 12)
IDS = st.none() | st.integers(1, 3)


@st.composite
def placed(draw: st.DrawFn) -> list[Entry]:
    """Entries that pass for contexts and for states, with narrow bounds so that they collide."""
    found = []
    for id in draw(st.lists(st.integers(1, 60), unique=True, max_size=12)):
        low, high = draw(st.none() | NUMBERS), draw(st.none() | NUMBERS)
        if low is not None and high is not None:
            low, high = sorted((low, high))
        place = {"fromSequence": low, "toSequence": high}
        place |= {"scriptId": draw(IDS), "sessionId": draw(IDS)}
        kind = draw(st.sampled_from(["weather", "economy", "time"]))
        found.append(Entry(id, {"characterId": draw(st.integers(1, 2)), "kind": kind, **place}))
    return found


def width(entry: Entry) -> int:
    """How wide a scope is: session and script, session, script, everywhere."""
    content = entry.content
    return 2 * (content["sessionId"] is None) + (content["scriptId"] is None)


@given(placed(), IDS, IDS, NUMBERS)
def test_states_at_a_number_are_exactly_those_that_hold_there(
    entries: list[Entry], script: int | None, session: int | None, number: int
) -> None:
    found = world_states_at(entries, number, script_id=script, session_id=session)
    expected = {
        e.id
        for e in entries
        if e.content["scriptId"] in (None, script)
        and e.content["sessionId"] in (None, session)
        and (e.content["fromSequence"] or 0) <= number
        and number <= (e.content["toSequence"] or 10**9)
    }
    assert len(found) == len(expected)
    assert {e.id for e in found} == expected


@given(placed(), IDS, IDS, NUMBERS)
def test_within_a_kind_the_narrower_scope_and_then_the_newest_comes_first(
    entries: list[Entry], script: int | None, session: int | None, number: int
) -> None:
    found = world_states_at(entries, number, script_id=script, session_id=session)
    for one, next_ in pairwise(found):
        assert one.content["kind"] <= next_.content["kind"]
        if one.content["kind"] == next_.content["kind"]:
            assert (width(one), -one.id) < (width(next_), -next_.id)


@given(placed(), IDS, IDS, NUMBERS, st.integers(1, 2))
def test_the_context_is_the_narrowest_and_newest_that_covers(
    entries: list[Entry], script: int | None, session: int | None, number: int, character: int
) -> None:
    found = context_at(entries, character, number, script_id=script, session_id=session)
    possible = [
        e
        for e in entries
        if e.content["characterId"] == character
        and holds_in(e.content, script, session)
        and covers(e.content, number)
    ]
    assert found == min(possible, key=lambda e: (width(e), -e.id), default=None)


@given(placed(), st.data())
def test_the_answer_does_not_depend_on_the_order_of_what_is_given(
    entries: list[Entry], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(entries))
    for number in range(1, 14):
        asked = {"script_id": 1, "session_id": 2}
        assert world_states_at(entries, number, **asked) == world_states_at(
            shuffled, number, **asked
        )
        assert context_at(entries, 1, number, **asked) == context_at(shuffled, 1, number, **asked)


@given(placed(), IDS, IDS, st.lists(NUMBERS, max_size=30))
def test_asking_for_many_numbers_is_asking_for_each(
    entries: list[Entry], script: int | None, session: int | None, numbers: list[int]
) -> None:
    """Stretches between ends of ranges are worked out once; none may be taken for another."""
    many = Circumstances(entries, entries, script_id=script, session_id=session)
    asked = {"script_id": script, "session_id": session}
    for number in numbers:
        assert many.world_states_at(number) == world_states_at(entries, number, **asked)
        for character in (1, 2):
            assert many.context_at(character, number) == context_at(
                entries, character, number, **asked
            )


@given(placed(), st.integers(1, 3), NUMBERS)
def test_a_script_never_sees_what_belongs_to_another_script_or_to_a_session(
    entries: list[Entry], script: int, number: int
) -> None:
    found = [*world_states_at(entries, number, script_id=script)]
    found += [c for who in (1, 2) if (c := context_at(entries, who, number, script_id=script))]
    assert all(e.content["scriptId"] in (None, script) for e in found)
    assert all(e.content["sessionId"] is None for e in found)


@given(placed(), NUMBERS)
def test_a_question_without_a_script_sees_only_what_names_none(
    entries: list[Entry], number: int
) -> None:
    assert all(
        e.content["scriptId"] is None and e.content["sessionId"] is None
        for e in world_states_at(entries, number)
    )


@pytest.mark.parametrize(
    ("low", "high", "inside", "outside"),
    [
        (3, 5, [3, 4, 5], [1, 2, 6]),
        (None, 5, [1, 5], [6]),
        (3, None, [3, 10**12], [2]),
        (None, None, [1, 10**12], []),
        (4, 4, [4], [3, 5]),
    ],
)
def test_ranges_include_both_ends_and_a_missing_one_is_open(
    low: int | None, high: int | None, inside: list[int], outside: list[int]
) -> None:
    content = {"fromSequence": low, "toSequence": high}
    assert all(covers(content, number) for number in inside)
    assert not any(covers(content, number) for number in outside)


def test_a_scripts_own_state_comes_before_a_newer_one_of_all_scripts() -> None:
    own, everywhere = state(1, scriptId=7), state(2)
    assert world_states_at([everywhere, own], 1, script_id=7) == (own, everywhere)
    assert world_states_at([everywhere, own], 1, script_id=8) == (everywhere,)


def test_nobody_has_no_context() -> None:
    assert context_at([context(1)], None, 1) is None
    assert context_at([context(1)], 2, 1) is None


def test_a_session_serves_its_own_script_only() -> None:
    assert serves({"scriptId": 1}, 1)
    assert not serves({"scriptId": 1}, 2)
    assert not serves({"scriptId": 1}, None)
    assert serves({"scriptId": None}, 2)


def test_the_session_comes_over_the_characters_context_and_is_marked() -> None:
    own = {"data": {"mood": "grave", "weather": "mild", "place": {"room": "hall"}}}
    session = {"context": "It is cold.", "data": {"weather": "bitter", "place": {"floor": 2}}}
    found = effective(own, session)
    assert found.data == {"mood": "grave", "weather": "bitter", "place": {"floor": 2}}
    assert found.source == {"mood": "context", "weather": "session", "place": "session"}


def test_either_side_may_be_missing() -> None:
    assert effective(None, None).data == {}
    assert effective({"data": {"a": 1}}, None).source == {"a": "context"}
    assert effective(None, {"context": None, "data": {"a": None}}).data == {"a": None}


def test_objects_of_a_sessions_context_are_facts_later_ones_over_earlier_ones() -> None:
    context = [{"a": 1, "b": 1, "c": 1}, "a text", {"b": 2, "c": 2}]
    assert facts({"context": context, "data": {"c": 3}}) == {"a": 1, "b": 2, "c": 3}
    assert facts({"context": {"a": 1}, "data": None}) == {"a": 1}


KEYS = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 3))


@given(KEYS, KEYS)
def test_every_key_comes_from_where_it_is_said_to(
    own: dict[str, int], over: dict[str, int]
) -> None:
    found = effective({"data": own}, {"context": None, "data": over})
    sources = {"context": own, "session": over}
    assert found.data.keys() == found.source.keys() == own.keys() | over.keys()
    assert all(sources[found.source[key]][key] == value for key, value in found.data.items())
    assert all(found.source[key] == "session" for key in over)

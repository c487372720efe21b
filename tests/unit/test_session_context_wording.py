"""The context of a session in its shapes, and what a revision changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.common.errors import BadInput
from story_services.common.records import Record, Why, first, same
from story_services.session_context.sessions.changes import change, mentions
from story_services.session_context.sessions.wording import (
    DATA_KEYS,
    ENTRIES,
    SIZE,
    appended,
    as_list,
    entries,
    merged,
    require_bounded,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
DATA = st.dictionaries(st.sampled_from("abcdef"), JSON)


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        (None, []),
        ("rain, cold", ["rain, cold"]),
        (["rain, cold", "x"], ["rain, cold", "x"]),
        ([], []),
        ({"weather": "rain", "hour": 12}, ["weather: rain", "hour: 12"]),
        (["x", {"deep": {"a": [1, True]}}], ["x", 'deep: {"a":[1,true]}']),
    ],
)
def test_entries_are_the_context_as_texts(context: Any, texts: list[str]) -> None:
    assert entries(context) == texts


@pytest.mark.parametrize(
    ("context", "after"),
    [
        (None, ["new"]),
        ("old", ["old", "new"]),
        (["a", "b"], ["a", "b", "new"]),
        ({"k": 1}, [{"k": 1}, "new"]),
    ],
)
def test_an_entry_goes_behind_whatever_was_there(context: Any, after: list[Any]) -> None:
    assert appended(context, "new") == after


@given(DATA, DATA)
def test_merging_sets_removes_and_leaves_the_rest(data: dict[str, Any], by: dict[str, Any]) -> None:
    together = merged(data, by)
    assert all(same(together[k], v) for k, v in by.items() if v is not None)
    assert not [k for k, v in by.items() if v is None and k in together]
    assert all(same(together[k], v) for k, v in data.items() if k not in by)
    assert together.keys() <= data.keys() | by.keys()
    assert same(merged(together, by), together)


def test_equal_for_json_is_not_equal_for_python() -> None:
    assert not same({"a": True}, {"a": 1})
    assert not same([1], [1.0])
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_a_session_is_bounded() -> None:
    require_bounded(["x"] * ENTRIES, {})
    for context, data in (
        (["x"] * (ENTRIES + 1), {}),
        (None, {str(n): 1 for n in range(DATA_KEYS + 1)}),
        (None, {"long": "x" * SIZE}),
    ):
        with pytest.raises(BadInput):
            require_bounded(context, data)


EMPTY = {"userId": None, "name": None, "scriptId": None, "context": None, "data": {}}


def revision(before: Record | None, content: Mapping[str, Any]) -> Record:
    if before is None:
        return first("session", 1, content, (), 1, Why())
    return before.following(before.change_id + 1, Why("ann", "because"), content=content)


CONTEXTS = st.none() | st.text(max_size=3) | DATA | st.lists(st.text(max_size=3) | DATA, max_size=4)


@given(CONTEXTS, CONTEXTS, DATA, DATA)
def test_a_change_leads_from_one_revision_to_the_next(
    was: Any, now: Any, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Whoever follows the history holds the session itself."""
    before = revision(None, {**EMPTY, "context": was, "data": old})
    step = change(before, revision(before, {**EMPTY, "context": now, "data": new}))
    if step["appended"]:
        assert step["context"] is None
        context: Any = [*as_list(was), *step["appended"]]
    else:
        context = step["context"]["to"] if step["context"] else was
    data = {k: v for k, v in old.items() if k not in step["data"]["removed"]}
    assert same(context, now)
    assert same(data | step["data"]["set"], new)
    if same((was, old), (now, new)):
        assert step["context"] is None
        assert step["data"] == {"set": {}, "removed": []}


def test_the_first_revision_is_a_change_from_nothing() -> None:
    content = {**EMPTY, "name": "Reading", "context": ["a"], "data": {"k": 1}}
    assert change(None, revision(None, content)) == {
        "action": "create",
        "context": {"from": None, "to": ["a"]},
        "appended": [],
        "data": {"set": {"k": 1}, "removed": []},
        "fields": {"name": {"from": None, "to": "Reading"}},
    }


def test_a_change_is_found_by_its_words() -> None:
    item = {
        "comment": "Darker.",
        "actor": "ann",
        "change": {
            "data": {"set": {"Weather": {"sky": ["Black"]}}, "removed": []},
            "context": None,
        },
    }
    assert mentions(item, "darker")
    assert mentions(item, "BLACK weather ann")
    assert not mentions(item, "darker bright")

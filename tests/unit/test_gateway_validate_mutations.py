"""Any single damage to a valid kong.yml is found; whatever is read, nothing crashes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.gateway.reading import Unreadable, parse
from deploys.gateway.validate import problems
from tests.gateway_example import example, uid

Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in a document, from the root down."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


def holder(kong: Any, at: Place) -> Any:
    for key in at[:-1]:
        kong = kong[key]
    return kong


ALL = [at for at in places(example()) if at]
KEYS = [at for at in ALL if isinstance(at[-1], str)]
#: Without these Kong refuses the entity, or we do.
REQUIRED = {"id", "host", "target", "cert", "key", "group", "_format_version", "strategy", "path"}


def test_every_renamed_key_is_found_where_it_is() -> None:
    for at in KEYS:
        kong = example()
        table = holder(kong, at)
        table[f"{at[-1]}_x"] = table.pop(at[-1])
        assert any(p.path.endswith(f"{at[-1]}_x") for p in problems(kong)), at


def test_every_required_key_is_missed() -> None:
    deleted = 0
    for at in KEYS:
        named = at[-1] == "name" and at[-3] in ("services", "routes", "upstreams", "plugins")
        if at[-1] in REQUIRED or named:
            kong = example()
            holder(kong, at).pop(at[-1])
            assert problems(kong), at
            deleted += 1
    assert deleted > 70


def test_every_value_of_another_kind_is_found() -> None:
    for at in ALL:
        kong = example()
        table = holder(kong, at)
        for other in ({"x": 1}, ["x", ["y"]], "no-such-thing", 10**9, True):
            if type(other) is type(table[at[-1]]):
                continue
            damaged = copy.deepcopy(kong)
            holder(damaged, at)[at[-1]] = other
            assert problems(damaged), (at, other)


def test_every_reference_that_dangles_is_found() -> None:
    """An id that something refers to, changed where it is declared or where it is used."""
    text = json.dumps(example())
    ids = {v["id"] for v in (at_value(at[:-1]) for at in KEYS if at[-1] == "id")}
    used = [one for one in ids if text.count(one) > 1]
    assert len(used) == 2  # the client certificate and the authority
    for one in used:
        for place in range(text.count(one)):
            parts = text.split(one)
            changed = one.join(parts[: place + 1]) + uid("nobody") + one.join(parts[place + 1 :])
            assert problems(json.loads(changed)), (one, place)


def at_value(at: Place) -> Any:
    value: Any = example()
    for key in at:
        value = value[key]
    return value


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([str(at[-1]) for at in KEYS]) | st.text(max_size=3), inner
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ALL), junk)
def test_junk_anywhere_is_never_a_traceback(at: Place, value: Any) -> None:
    kong = example()
    holder(kong, at)[at[-1]] = value
    for problem in problems(kong):
        assert problem.path or problem.reason
        assert str(problem)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(max_size=4) | st.sampled_from(list(example())), junk))
def test_a_document_of_junk_is_never_a_traceback(kong: dict[str, Any]) -> None:
    assert isinstance(problems(kong), list)


def test_json_and_yaml_are_read_alike() -> None:
    assert parse(json.dumps(example(), indent=1).encode()) == example()
    assert parse(b"_format_version: '3.0'\nservices: []\n") == {
        "_format_version": "3.0",
        "services": [],
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a is in line 1 already"),
        ("services:\n- name: x\n  name: y\n", 3, "name is in line 2 already"),
        ('{"a": 1,\n "a": 2}', 2, "already"),
        ("a: &x [1]\nb: *x\n", 2, "alias"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, ""),
        ("a: [1\nb: 2\n", 2, ""),
        ("a: 2027-01-01\n", 1, "date"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "constructor"),
        ("? [1, 2]\n: 3\n", 1, "no text"),
        ("a: 1\n---\nb: 2\n", 2, ""),
        ("- 1\n", 1, "no table"),
        ("", 1, "no table"),
        ("a: \x07", 1, ""),
        ("[" * 5000, 1, ""),
    ],
)
def test_what_readers_disagree_about_is_refused_with_its_line(
    text: str, line: int, words: str
) -> None:
    with pytest.raises(Unreadable, match=rf"^line {line}: .*{words}"):
        parse(text.encode())


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(Unreadable, match="line 2: a byte that is no UTF-8"):
        parse(b"a: 1\nb: \xff\n")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"\n #?,01", max_size=40) | st.binary(max_size=20))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    raw = text.encode() if isinstance(text, str) else text
    try:
        document = parse(raw)
    except Unreadable:
        return
    assert isinstance(document, dict)

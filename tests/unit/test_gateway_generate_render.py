"""The text of a configuration: the same bytes, and the same value in every reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploys.gateway.redact import redacted
from deploys.gateway.render import render

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
def test_a_yaml_reader_gets_the_same_value_back(value: dict[str, Any]) -> None:
    assert yaml.safe_load(render(value)) == value


def test_order_and_kind_of_sequence_do_not_matter() -> None:
    one = {"b": [{"d": 1, "c": ("x", "y")}], "a": {}, "e": [], "no": {"y": "no"}}
    other = {"no": {"y": "no"}, "e": [], "a": {}, "b": [{"c": ["x", "y"], "d": 1}]}
    assert render(one) == render(other)
    assert render(one).decode() == (
        'a: {}\nb:\n  - c: ["x", "y"]\n    d: 1\ne: []\n"no":\n  "y": "no"\n'
    )


@pytest.mark.parametrize("value", [1.5, b"x", {1}, object(), "\ud800", {1: 2}, {"k" * 1001: 1}])
def test_what_has_no_one_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        render({"a": value})


KONG = {
    "certificates": [{"id": "1", "cert": "PUBLIC", "key": "planted-private"}],
    "consumers": [
        {"username": "a", "keyauth_credentials": [{"id": "2", "key": "planted-key"}]},
        {"username": "b"},
    ],
}


def test_the_twin_holds_no_secret_and_shows_a_changed_one() -> None:
    text = json.dumps(redacted(KONG))
    assert "planted" not in text
    assert text.count("<secret>") == 2
    assert "PUBLIC" in text
    first = redacted(KONG, b"k")
    assert "planted" not in json.dumps(first)
    assert first == redacted(KONG, b"k") != redacted(KONG, b"other")
    rotated = json.loads(json.dumps(KONG).replace("planted-key", "planted-new"))
    assert redacted(rotated, b"k")["consumers"] != first["consumers"]
    assert redacted(rotated, b"k")["certificates"] == first["certificates"]
    assert "planted-key" in json.dumps(KONG)

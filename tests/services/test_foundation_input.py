"""What a request may hold: types, strict JSON, strict queries. No server needed."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from story_services.common.errors import BadInput, NotFound
from story_services.common.http import body, headers
from story_services.common.http.free_data import DEPTH, FreeData, check_data
from story_services.common.http.problems import bad_input
from story_services.common.http.queries import rules
from story_services.common.http.types import (
    MAX_ID,
    EntityId,
    Input,
    Limit,
    Name,
    Offset,
    PathId,
    QueryBool,
    Text,
)

TEXT: TypeAdapter[str] = TypeAdapter(Annotated[str, Text(50)])
NAME: TypeAdapter[str] = TypeAdapter(Annotated[str, Name(50)])
GOOD = [
    "To be, or not to be",
    "שלום לך, המלט",
    "ἦ που",
    "哈姆雷特",
    "می‌خواهم",  # Persian needs the joiner
    "👩‍👩‍👧 and 🎭",
    "e\u0301 is not \u00e9",
    "' OR 1=1 --",
    "../../etc/passwd",
    "{{7*7}}${x}",
    '{"match_all":{}}',
]


@pytest.mark.parametrize("value", GOOD)
def test_every_language_is_kept_as_given(value: str) -> None:
    assert TEXT.validate_python(value) == value
    assert NAME.validate_python(value) == value


def test_texts_have_lines_and_names_have_not() -> None:
    assert TEXT.validate_python("a\n\tb") == "a\n\tb"
    for value in ("a\nb", "a\tb", "a\u2028b"):
        with pytest.raises(ValidationError):
            NAME.validate_python(value)


@pytest.mark.parametrize("code", [0x00, 0x07, 0x08, 0x0B, 0x0D, 0x1B, 0x7F, 0x85, 0x9F])
def test_control_characters_are_refused_and_named(code: int) -> None:
    with pytest.raises(ValidationError, match=f"U\\+{code:04X}"):
        TEXT.validate_python(f"a{chr(code)}b")
    with pytest.raises(ValidationError):
        NAME.validate_python(f"a{chr(code)}b")


@pytest.mark.parametrize(
    "value",
    ["\u202egnp.exe", "a\u200bb", "\ufeffa", "\u2066a\u2069", "\U000e0041a", "", "  ", "\u200d"],
)
def test_names_that_hide_something_or_show_nothing_are_refused(value: str) -> None:
    """One character of the cast must not be able to pass for another."""
    with pytest.raises(ValidationError):
        NAME.validate_python(value)


def test_unpaired_surrogates_are_refused() -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python("\ud800")
    with pytest.raises(BadInput):
        body.load(b'{"a":"\\ud800"}', 32)


def test_texts_are_not_made_of_other_things() -> None:
    for value in (1, True, None, b"x", ["x"]):
        with pytest.raises(ValidationError):
            TEXT.validate_python(value)
    with pytest.raises(ValidationError, match="at most 50"):
        TEXT.validate_python("x" * 51)


@pytest.mark.parametrize("value", [0, -1, True, 0.0, 1.5, 1e300, math.inf, "1", None, MAX_ID + 1])
def test_ids_in_bodies_are_integers_and_nothing_else(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EntityId).validate_python(value)


def test_an_integer_is_what_json_schema_calls_one() -> None:
    found = TypeAdapter(EntityId).validate_python(3.0)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", ["0", "-1", "1.0", " 1", "+1", "1_0", "٣", "", "1e3", "9" * 17])
def test_ids_in_paths_are_plain_digits(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PathId).validate_python(value)


def test_paging_is_bounded() -> None:
    for adapter, good, bad in (
        (TypeAdapter(Limit), ("1", "1000"), ("0", "1001", "-1", "x")),
        (TypeAdapter(Offset), ("0", "5000"), ("-1", "1.5")),
    ):
        assert [adapter.validate_python(v) for v in good] == [int(v) for v in good]
        for value in bad:
            with pytest.raises(ValidationError):
                adapter.validate_python(value)
    assert TypeAdapter(QueryBool).validate_python("true") is True
    with pytest.raises(ValidationError, match="true or false"):
        TypeAdapter(QueryBool).validate_python("yes")


class _Body(Input):
    read_only = frozenset({"playId"})
    title: Annotated[str, Name(20)] | None = None
    number: EntityId | None = None


def test_unknown_fields_are_refused_and_read_only_ones_dropped() -> None:
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate({"titel": "x"})
    assert bad_input(caught.value.errors()).details == "titel is not a field of this request"
    assert _Body.model_validate({"playId": "whatever", "title": "x"}).given() == {"title": "x"}


def test_absent_and_null_are_different() -> None:
    assert _Body.model_validate({}).given() == {}
    assert _Body.model_validate({"title": None}).given() == {"title": None}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_ID, MAX_ID)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cc", "Cs"])), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_bodies_are_read_as_they_are(value: Any, escaped: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=escaped, indent=indent).encode()
    assert body.load(raw, 32) == value


@given(JSON, st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_key_given_twice_is_always_found(value: Any, key: str) -> None:
    """Two readers could take different ones: the gateway's filter and this service."""
    name = json.dumps(key)
    raw = f'{{"list": [{{{name} : {json.dumps(value)}, {name}: 1}}]}}'.encode()
    with pytest.raises(BadInput) as caught:
        body.load(raw, 64)
    assert "is given twice" in str(caught.value.details)


def test_an_escaped_key_is_the_same_key() -> None:
    with pytest.raises(BadInput, match="not valid JSON"):
        body.load(b'{"title":1,"t\\u0069tle":2}', 32)


@pytest.mark.parametrize(
    "raw",
    [b"{", b"NaN", b"[Infinity]", b"[-Infinity]", b"[1e999]", b"{'a':1}", b"[1,]", b"\xff", b"01",
     b"\xef\xbb\xbf{}", b"[9007199254740992]", b"[1e300]", b"[18446744073709551616]",
     b"[" + b"9" * 5000 + b"]",
     b'["\\u0000"]', b'{"a\\u0007":1}', b'["\x7f"]', '["\x85"]'.encode(), b'"\\u001b"'],
)  # fmt: skip
def test_bodies_that_are_not_plain_json_are_refused(raw: bytes) -> None:
    with pytest.raises(BadInput):
        body.load(raw, 32)


@pytest.mark.parametrize("depth", [33, 1000, 1025, 100_000, 500_000])
def test_depth_is_bounded_without_recursion(depth: int) -> None:
    for raw in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with pytest.raises(BadInput):
            body.load(raw, 32)
    assert body.load(b"[" * 32 + b"]" * 32, 32)


def test_a_large_body_is_read_at_once() -> None:
    """Two million small things must not hold up everybody else for seconds."""
    raw = orjson.dumps([{"a": 1, "b": [1, 2]}] * 80_000)
    assert len(body.load(raw, 32)) == 80_000


def test_free_data_takes_any_keys_that_can_be_stored() -> None:
    data = {"weather.today": {"°C": -3.5, "": None} | {"x": [1, "b", {"c": True}]}}
    with pytest.raises(ValidationError, match="keys of 1 to 200"):
        TypeAdapter(FreeData).validate_python(data)
    del data["weather.today"][""]
    assert TypeAdapter(FreeData).validate_python(data) == data


@pytest.mark.parametrize(
    "data",
    [{"k" * 201: 1}, {"a\0": 1}, {"a": "x" * 5001}, {"a": "\0"}, {"a": math.nan}, {"a": 2**53},
     {str(i): i for i in range(5001)}, {"a": [0] * 5000}],
)  # fmt: skip
def test_free_data_that_cannot_be_stored_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(FreeData).validate_python(data)


def test_free_data_is_as_deep_as_the_store_likes() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth > 1 else {}

    check_data(nested(DEPTH))
    with pytest.raises(ValueError, match="nested"):
        check_data(nested(DEPTH + 1))


QUERY = rules([("limit", False), ("tags", True), ("q", False)])


@pytest.mark.parametrize("raw", [b"", b"limit=1", b"q=a%20b+c&tags=1&tags=2", b"q=%D7%A9", b"&q=&"])
def test_known_parameters_pass(raw: bytes) -> None:
    QUERY.check(raw)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"limt=1", "query limt is not a parameter of this operation (there are: limit, q, tags)"),
        (b"limit=1&limit=1", "query limit is given more than once"),
        (b"limit=1&li%6dit=1", "query limit is given more than once"),
        (b"q=%00", "query q must not contain the control character U+0000"),
        (b"q=%FF", "not valid UTF-8"),
        (b"q=\xff", "not valid UTF-8"),
        (b"&".join([b"tags=1"] * 201), "more than 200"),
    ],
)
def test_other_parameters_are_refused(raw: bytes, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        QUERY.check(raw)
    assert says in str(caught.value.details)


def test_headers_are_read_or_refused() -> None:
    assert [headers.match_version(v) for v in (None, '"3"', "3", 'W/"3"')] == [None, 3, 3, 3]
    for value in ("*", '"0"', "three", '"1", "2"', ""):
        with pytest.raises(BadInput):
            headers.match_version(value)
    assert headers.expected_version(None, 2) == headers.expected_version(2, None) == 2
    assert headers.expected_version(2, 2) == 2
    with pytest.raises(BadInput, match="not valid"):
        headers.expected_version(1, 2)
    for key in ("", "a b", "é", "x" * 201, "a\tb"):
        with pytest.raises(BadInput):
            headers.idempotency_key(key)
    assert headers.actor(None) == headers.actor(b"") == "anonymous"
    assert headers.actor("Zoë".encode()) == "Zoë"
    for name in (b"\xff", b"a\x00b", b"x" * 201):
        with pytest.raises(BadInput):
            headers.actor(name)
    assert headers.request_id(b"a" * 32 + b"#1") == "a" * 32 + "#1"
    for given_id in (b"a b", b'"}{', b"x" * 129, b"", "é".encode()):
        assert len(headers.request_id(given_id)) == 32


def test_problems_name_the_field_and_never_the_value() -> None:
    class Move(Input):
        newSequence: EntityId

    class Moves(Input):
        elements: Annotated[list[Move], Field(min_length=1)]

    with pytest.raises(ValidationError) as caught:
        Moves.model_validate({"elements": [{"newSequence": 1}, {"newSequence": "secret"}, {}]})
    assert bad_input(caught.value.errors()).details == (
        "elements[1].newSequence must be a whole number; elements[2].newSequence is required"
    )


def test_a_request_in_the_documented_form_is_refused_under_another_code() -> None:
    """So that tests can tell a document that is not true from a rule it cannot express."""
    assert BadInput("x").code == bad_input([]).code == "bad_input"
    assert BadInput.field("toSequence", "is too small").code == "refused_value"
    missing = BadInput.unknown_reference("scriptIds", "script", [7, 8])
    assert (missing.code, missing.details) == ("unknown_reference", "scriptIds: no script 7, 8")
    assert NotFound.of("script", range(30)).message.endswith("19 and 10 more.")

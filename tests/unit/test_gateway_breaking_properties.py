"""The breaking-change gate against a real validator and against the project's own documents.

A schema pair and values decide: what was valid and is not any more must be a break for senders,
what was not valid and is now one for readers. A gate that called such a pair safe would fail here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploys.gateway.breaking import METHODS, compare, gate
from deploys.gateway.compare_places import Place
from deploys.gateway.compare_schemas import TOLERATED, Edit, Schemas
from story_services.main import services
from story_services.openapi import documents

Documents = dict[str, dict[str, Any]]
VALUES: list[Any] = [
    None, True, False, 0, 1, 2, 3, 4, 6, 1.5, -1, 99, "", "a", "b", "ab", "abc", "aaaaaa", [],
    [1], ["a"], [1, 1], [1, "a"], [None], [[]], [["a"]], [{}], {}, {"a": 1}, {"a": "a"},
    {"a": None}, {"b": 1}, {"a": 1, "b": 1}, {"a": "a", "b": "b"}, {"a": {"a": 1}}, {"a": []},
    {"a": [{"a": "b"}]}, {"c": 1}, {"a": 1, "c": "a"}, {"k": "x"}, {"k": "y", "a": 1},
]  # fmt: skip
names = st.sampled_from(["a", "b", "k"])
refs = st.sampled_from(["X", "Y"]).map(lambda n: {"$ref": f"#/components/schemas/{n}"})


def _without_nones(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if value is not None}


def some(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keywords, each given or not."""
    optional = {key: st.one_of(st.none(), value) for key, value in keywords.items()}
    return st.fixed_dictionaries(optional).map(_without_nones)


small = st.integers(0, 4)
plain = st.one_of(
    st.booleans(),
    some(type=st.just("string"), minLength=small, maxLength=small,
         pattern=st.sampled_from(["^a", "b$"])),
    some(type=st.sampled_from(["integer", "number"]), minimum=small, maximum=small,
         exclusiveMinimum=small, exclusiveMaximum=small, multipleOf=st.integers(1, 4)),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from([1, 2, "a", "b", None, True]),
                                            min_size=1, max_size=3)}),
    st.fixed_dictionaries({"const": st.sampled_from([1, 1.0, "x", "y", None, False])}),
    st.fixed_dictionaries({"type": st.lists(st.sampled_from(
        ["string", "null", "integer", "boolean", "array"]), min_size=1, max_size=3, unique=True)}),
    refs,
)  # fmt: skip


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        some(type=st.just("array"), items=inner, minItems=small, maxItems=small,
             uniqueItems=st.booleans()),
        some(type=st.just("object"), properties=st.dictionaries(names, inner, max_size=3),
             required=st.lists(names, max_size=2, unique=True),
             additionalProperties=st.one_of(st.booleans(), inner), minProperties=small),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    )  # fmt: skip


schemas = st.recursive(plain, deeper, max_leaves=6)


def _spots(node: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key and index in a schema."""
    if not isinstance(node, dict | list):
        return []
    keys = list(node) if isinstance(node, dict) else range(len(node))
    return [at for key in keys for at in [(*trail, key), *_spots(node[key], (*trail, key))]]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """A schema, and the same with one spot gone or otherwise: what real changes look like."""
    old = draw(schemas)
    new = copy.deepcopy(old)
    spots = _spots(new) if isinstance(new, dict) else []
    if not spots or draw(st.integers(0, 9)) == 0:
        return old, draw(schemas)
    *trail, last = draw(st.sampled_from(spots))
    at = new
    for key in trail:
        at = at[key]
    kept = at[last]
    if draw(st.booleans()) and isinstance(at, dict):
        del at[last]
    elif type(kept) is int:
        at[last] = draw(st.integers(1, 4))
    elif last == "uniqueItems":
        at[last] = not kept
    elif isinstance(kept, bool | dict):
        at[last] = draw(st.one_of(schemas, st.just({"anyOf": [kept, {"type": "null"}]})))
    return old, new


def holding(schema: Any, x: Any, y: Any) -> dict[str, Any]:
    return {"root": schema, "components": {"schemas": {"X": x, "Y": y}}}


def edits(old: dict[str, Any], new: dict[str, Any]) -> list[Edit]:
    return Schemas().edits(*(Place(doc, doc["root"], "/root") for doc in (old, new)))


def valid(document: dict[str, Any]) -> list[bool] | None:
    """Which of the values a real validator takes; None for a schema that refers to itself only."""
    schema = {"$ref": "#/root", **document}
    try:
        checker = jsonschema_rs.Draft202012Validator(schema)
        return [checker.is_valid(value) for value in VALUES]
    except (jsonschema_rs.ValidationError, RecursionError, ValueError):
        return None


def _loops(x: Any, y: Any) -> bool:
    """References that lead round without a field between: no validator can read them."""
    return "$ref" in json.dumps([x, y])


Five = tuple[tuple[Any, Any], Any, Any, Any, Any]
fives: st.SearchStrategy[Five] = st.tuples(pairs(), plain, plain, plain, plain)


@settings(max_examples=150, deadline=None)
@given(fives)
@example((({"type": "integer"}, {"type": "number"}), True, True, True, True))
@example((({"enum": [1]}, {"enum": [1, True]}), True, True, True, True))
def test_nothing_that_breaks_is_called_safe(five: Five) -> None:
    check(*five)


@pytest.mark.long
@settings(max_examples=4_000, deadline=None)
@given(fives)
def test_nothing_that_breaks_is_called_safe_at_length(five: Five) -> None:
    check(*five)


def check(pair: tuple[Any, Any], x: Any, y: Any, x2: Any, y2: Any) -> None:
    """What a validator takes before and after, against the verdict on the pair."""
    old, new = pair
    if _loops(x, y) or _loops(x2, y2):
        return
    before, after = holding(old, x, y), holding(new, x2, y2)
    taken, takes = valid(before), valid(after)
    if taken is None or takes is None:
        return
    found = edits(before, after)
    if {edit.rule for edit in found} & TOLERATED:
        return
    narrower = [v for v, a, b in zip(VALUES, taken, takes, strict=True) if a and not b]
    wider = [v for v, a, b in zip(VALUES, taken, takes, strict=True) if b and not a]
    assert not narrower or any(edit.request for edit in found), (narrower[0], found)
    assert not wider or any(edit.response for edit in found), (wider[0], found)


@settings(max_examples=80, deadline=None)
@given(schemas, plain, plain)
def test_schema_equals_itself_however_it_is_named(schema: Any, x: Any, y: Any) -> None:
    """The copy calls its parts otherwise, so nothing is equal by name alone."""
    old = holding(schema, x, y)
    text = json.dumps(old).replace('schemas/X"', 'schemas/V"').replace('schemas/Y"', 'schemas/W"')
    new = json.loads(text)
    parts = new["components"]["schemas"]
    parts["V"], parts["W"] = parts.pop("X"), parts.pop("Y")
    assert edits(old, new) == []


@pytest.fixture(scope="module")
def ours() -> Documents:
    return json.loads(json.dumps(documents(services())))  # type: ignore[no-any-return]


def operations(docs: Documents) -> list[tuple[str, str, str]]:
    return [
        (service, path, method)
        for service, doc in docs.items()
        for path, item in doc["paths"].items()
        for method in item
        if method in METHODS
    ]


def test_our_documents_equal_themselves(ours: Documents) -> None:
    assert len(operations(ours)) > 100
    assert compare(ours, ours) == []
    assert compare(ours, copy.deepcopy(ours)) == []


def _closed_body(operation: dict[str, Any], doc: dict[str, Any]) -> dict[str, Any]:
    """The object a request carries, by reference or in place."""
    schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
    if "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema  # type: ignore[no-any-return]


Change = Callable[[dict[str, Any], dict[str, Any]], None]
ADDITIONS: dict[str, Change] = {
    "parameter": lambda op, doc: op.setdefault("parameters", []).append(
        {"name": "extra", "in": "query", "required": False, "schema": {"type": "string"}}),
    "header": lambda op, doc: op.setdefault("parameters", []).append(
        {"name": "X-Extra", "in": "header", "schema": {"type": "integer"}}),
    "error": lambda op, doc: op["responses"].update({"418": {"description": "teapot"}}),
    "media type": lambda op, doc: op.get("requestBody", {"content": {}})["content"].update(
        {"text/x-new": {"schema": {"type": "string"}}}),
    "way in": lambda op, doc: op["security"].append({"Other": []}) if op["security"] else None,
    "field": lambda op, doc: [
        schema["properties"].update(extra={"type": ["string", "null"]})
        for schema in doc["components"]["schemas"].values() if "properties" in schema],
    "operation": lambda op, doc: doc["paths"].update({"/extra": {"get": {"responses": {}}}}),
}  # fmt: skip
BREAKS: dict[str, Change] = {
    "parameter": lambda op, doc: op.setdefault("parameters", []).append(
        {"name": "extra", "in": "query", "required": True, "schema": {"type": "string"}}),
    "status": lambda op, doc: op["responses"].pop(
        next(status for status in op["responses"] if status.startswith("2"))),
    "way in": lambda op, doc: op.update(security=[{"Other": []}]),
    "field": lambda op, doc: [
        schema.update(
            required=[*schema.get("required", []), "extra"],
            properties={**schema["properties"], "extra": {"type": "string"}})
        for schema in ([_closed_body(op, doc)] if "requestBody" in op else [])
        if "properties" in schema],
}  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_additions_to_our_documents_never_break(ours: Documents, data: st.DataObject) -> None:
    new = copy.deepcopy(ours)
    for service, path, method in data.draw(
        st.lists(st.sampled_from(operations(ours)), min_size=1, max_size=4, unique=True)
    ):
        kind = data.draw(st.sampled_from(sorted(ADDITIONS)))
        ADDITIONS[kind](new[service]["paths"][path][method], new[service])
    assert gate(ours, new) == []


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_break_anywhere_in_our_documents_is_found_there(
    ours: Documents, data: st.DataObject
) -> None:
    new = copy.deepcopy(ours)
    service, path, method = data.draw(st.sampled_from(operations(ours)))
    kind = data.draw(st.sampled_from(sorted(BREAKS)))
    operation = new[service]["paths"][path][method]
    if kind == "field" and "properties" not in (
        _closed_body(operation, new[service]) if "requestBody" in operation else {}
    ):
        return
    BREAKS[kind](operation, new[service])
    found = gate(ours, new)
    assert f"{method.upper()} {path}" in {finding.operation for finding in found}, kind
    assert {finding.service for finding in found} == {service}

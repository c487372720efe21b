"""The OpenAPI documents against the contract: every promised operation, under its old name, with
the fields that were agreed, and nothing that does not work yet."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from story_services.main import services
from story_services.openapi import document, documents
from tests.services.contract_table import ENVELOPE, FIELDS, LATER, NAMED, PROMISED
from tests.services.openapi_rules import Document, broken_rules, operations, resolved

#: Of an element of a story, parts that it does not have are left out.
_LEFT_OUT = {"StoryElement", "Found", "PartCharacter", "ExportedElement"}


@pytest.fixture(scope="module")
def whole() -> Document:
    return document(services())


@pytest.fixture(scope="module")
def named(whole: Document) -> dict[str, Document]:
    return {operation["operationId"]: operation for _, _, operation in operations(whole)}


def test_every_document_is_valid_and_complete(whole: Document) -> None:
    """OpenAPI 3.1; every operation has its answers and errors, each with an example."""
    each = documents(services())
    assert len(each) == len(services())
    found = {name: broken_rules(made) for name, made in {**each, "whole": whole}.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_the_whole_is_the_sum_of_its_parts(whole: Document) -> None:
    parts = list(documents(services()).values())
    assert {p for part in parts for p in part["paths"]} == set(whole["paths"])
    for part in parts:
        for path, method, operation in operations(part):
            assert _unlinked(operation) == _unlinked(whole["paths"][path][method])
        for name, schema in part["components"]["schemas"].items():
            assert schema == whole["components"]["schemas"][name], name


def _unlinked(operation: Document) -> Document:
    """Links lead only to what is in the same document."""
    answers = {
        status: {key: value for key, value in answer.items() if key != "links"}
        for status, answer in operation["responses"].items()
    }
    return {**operation, "responses": answers}


def test_links_lead_from_what_is_made_to_all_that_can_be_done_with_it(whole: Document) -> None:
    paths = {o["operationId"]: p for p, _, o in operations(whole)}
    linked: dict[str, set[str]] = {}
    for path, _, operation in operations(whole):
        for answer in operation["responses"].values():
            for name, link in answer.get("links", {}).items():
                target = paths[link["operationId"]]
                assert set(link["parameters"]) == set(re.findall(r"\{(\w+)\}", target)), name
                for said in link["parameters"].values():
                    source, _, field = said.partition("#/")
                    known = _properties(answer, whole) if field else re.findall(r"\{(\w+)\}", path)
                    assert (field or source.removeprefix("$request.path.")) in known, name
                linked.setdefault(operation["operationId"], set()).add(link["operationId"])
    assert linked["createSpokenWord"] >= {"getSpokenWordById", "patchSpokenWord"}
    assert linked["addSectionHeading"] >= {"getSectionHeadingById", "deleteSectionHeading"}
    assert linked["createActionParaphrase"] >= {"getParaphraseById"}
    assert linked["createVersion"] >= {"getVersion", "restoreVersion"}
    by_id = {path for path in paths.values() if re.search(r"Id\}$", path)}
    reached = {paths[name] for names in linked.values() for name in names}
    assert by_id - reached == set()


def test_every_promised_operation_is_there(whole: Document) -> None:
    def plain(path: str) -> str:
        return re.sub(r"\{\w+\}", "{}", path)

    served = {(method.upper(), plain(path)) for path, method, _ in operations(whole)}
    assert {(method, plain(path)) for method, path in PROMISED} - served == set()


def test_what_comes_later_is_not_there(whole: Document) -> None:
    assert LATER & set(whole["paths"]) == set()


def test_operations_keep_their_names(whole: Document) -> None:
    served = {o["operationId"]: f"{m.upper()} {p}" for p, m, o in operations(whole)}
    assert {name: served.get(name) for name in NAMED} == NAMED


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_as_agreed(whole: Document, named: dict[str, Document], name: str) -> None:
    sent, answered = (set(text.split()) for text in FIELDS[name])
    if "E" in answered:
        answered = answered - {"E"} | set(ENVELOPE.split())
    operation = named[name]
    taken = {p["name"] for p in operation.get("parameters", ())}
    taken |= _properties(operation.get("requestBody", {}), whole)
    assert sent - taken == set()
    success = next(r for status, r in operation["responses"].items() if status < "3")
    assert answered - _properties(success, whole) == set()


def _properties(part: Document, whole: Document) -> set[str]:
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    schema = resolved(schema, whole)
    if schema.get("type") == "array":
        schema = resolved(schema["items"], whole)
    return set(schema.get("properties", ()))


def test_answers_have_all_their_fields(whole: Document) -> None:
    """A field without a value is there as null: what may be missing is said by name here."""
    found = {
        name: set(schema["properties"]) - set(schema.get("required", ()))
        for name, schema in _answer_schemas(whole)
        if "properties" in schema
    }
    assert {name for name, missing in found.items() if missing} <= _LEFT_OUT


def _answer_schemas(whole: Document) -> list[tuple[str, Any]]:
    schemas = whole["components"]["schemas"]
    todo = [
        content["schema"]
        for _, _, operation in operations(whole)
        for part in operation["responses"].values()
        for content in resolved(part, whole).get("content", {}).values()
    ]
    seen: dict[str, Any] = {}
    while todo:
        for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(todo.pop())):
            if name not in seen:
                seen[name] = schemas[name]
                todo.append(schemas[name])
    return list(seen.items())


def test_every_example_of_an_answer_fits(whole: Document) -> None:
    """Once more with another validator than the one of `broken_rules`, formats included."""
    checked = 0
    for path, method, operation in operations(whole):
        for status, part in operation["responses"].items():
            for media, content in resolved(part, whole).get("content", {}).items():
                if "json" not in media:
                    continue
                schema = {**content["schema"], "components": whole["components"]}
                validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
                given = [content["example"]] if "example" in content else []
                given += [e["value"] for e in content.get("examples", {}).values()]
                assert given, f"{method} {path} {status} has no example"
                for example in given:
                    errors = [error.message for error in validator.iter_errors(example)]
                    assert errors == [], f"{method} {path} {status}"
                    checked += 1
    assert checked > 500

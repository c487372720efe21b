"""What may refuse a request in the documented form, and that the checks find what they are for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from story_services.characters.batch.schemas import BatchElement
from story_services.characters.people.schemas import CharacterCreate
from story_services.common.http.problems import bad_input
from story_services.core_script.scripts.schemas import SectionEdit
from story_services.main import services
from story_services.openapi import document
from story_services.session_context.world_states.schemas import WorldStateCreate
from tests.services.contract_answers import Answers, documented
from tests.services.openapi_rules import Document


def error(code: str, details: str | None) -> bytes:
    return json.dumps({"errorCode": code, "message": "No.", "details": details}).encode()


def nested(depth: int) -> dict[str, Any]:
    return {"k": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (CharacterCreate, {"name": "N", "description": "D", "scriptId": 1, "scriptIds": [2]}),
        (SectionEdit, {"versionNumber": 1}),
        (BatchElement, {"elementType": "action", "text": "T", "content": "C"}),
        (BatchElement, {"elementType": "action", "text": "T", "actionId": 1}),
        (BatchElement, {"elementType": "note", "text": "T", "targetId": 1}),
        (WorldStateCreate, {"kind": "k", "data": nested(13)}),
        (WorldStateCreate, {"kind": "k", "data": {str(n): n for n in range(5001)}}),
    ],
)
def test_rules_between_fields_are_told_from_the_documented_form(
    model: type[BaseModel], value: dict[str, Any]
) -> None:
    """A program can tell a slip in its request from one in its document."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    refusal = bad_input([{**e, "loc": ("body", *e["loc"])} for e in caught.value.errors()])
    assert refusal.code == "refused_value"
    at = "the body" if model is CharacterCreate else "data"
    place = {SectionEdit: "sections[0]", BatchElement: "elements[0]"}.get(model, at)
    told = (refusal.details or "").replace("the body", place)
    assert documented(400, error(refusal.code, told)), told


def test_a_slip_in_the_form_counts_more_than_a_rule() -> None:
    with pytest.raises(ValidationError) as caught:
        WorldStateCreate.model_validate({"kind": 1, "data": nested(13)})
    assert bad_input(caught.value.errors()).code == "bad_input"


@pytest.mark.parametrize(
    ("status", "code", "details", "may"),
    [
        (400, "unknown_reference", "scriptIds: no script 7, 8 and 3 more", True),
        (400, "refused_value", "toSequence: must not be less than fromSequence (3)", True),
        (400, "refused_value", "elements: numbers asked for more than once: 1", True),
        (400, "bad_input", "toSequence: must not be less than fromSequence (3)", False),
        (400, "refused_value", "title: is too beautiful", False),
        (400, "refused_value", None, False),
        (400, "unknown_reference", "scriptId: something went wrong", False),
        (404, "not_found", None, False),
        (500, "internal_error", None, False),
    ],
)
def test_only_known_rules_excuse_a_refusal(
    status: int, code: str, details: str | None, may: bool
) -> None:
    assert documented(status, error(code, details)) is may


@pytest.fixture(scope="module")
def whole() -> Document:
    return document(services())


def test_answers_beside_their_document_are_found(whole: Document) -> None:
    answers = Answers(whole)
    headers = {"content-type": ["application/json"], "x-request-id": ["1"]}

    def problems(operation: str, status: int, body: Any, **more: list[str]) -> list[str]:
        said = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        return list(answers.problems(operation, status, said, json.dumps(body).encode()))

    answer = whole["paths"]["/performers"]["post"]["responses"]["201"]
    made = answer["content"]["application/json"]["example"]
    assert problems("createPerformer", 201, made) == []
    assert "secret" in problems("createPerformer", 201, {**made, "secret": 1})[0]
    assert "name" in problems("createPerformer", 201, {**made, "name": 1})[0]
    assert problems("createPerformer", 201, made, x_request_id=[]) == ["no X-Request-Id"]
    good = {"errorCode": "bad_input", "message": "No.", "details": None}
    assert problems("createPerformer", 400, good) == []
    for bad in ({"detail": []}, {**good, "more": 1}, {**good, "errorCode": "Bad!"}):
        assert problems("createPerformer", 400, bad) != []
    assert problems("createPerformer", 500, {**good, "message": 'File "x", line 1'}) != []
    assert problems("createPerformer", 400, good, content_type=["text/plain"]) != []

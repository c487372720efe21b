"""OpenAPI documents of services: valid, complete, true, and the same bytes everywhere."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from story_services.common.http.documents import ServiceDefinition
from story_services.common.http.examples import example_of
from story_services.common.http.operation import service_router
from story_services.openapi import document, documents, dumps
from tests.services.foundation import PLAYS
from tests.services.openapi_rules import broken_rules, operations

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(PLAYS, "https://api.example.org")


def test_all_documents_keep_every_rule(whole: dict[str, Any]) -> None:
    assert broken_rules(whole) == []
    for each in documents(PLAYS).values():
        assert broken_rules(each) == []


def test_the_rules_find_what_they_are_for(whole: dict[str, Any]) -> None:
    def broken(change: str) -> list[str]:
        bad = copy.deepcopy(whole)
        operation = bad["paths"]["/plays"]["post"]
        exec(change, {"bad": bad, "op": operation})
        return broken_rules(bad)

    assert "operationId listPlays twice" in broken("op['operationId'] = 'listPlays'")
    assert "422" in broken("op['responses']['422'] = op['responses']['400']")[0]
    assert "no Idempotency-Key" in broken("del op['parameters']")[0]
    assert "['413']" in broken("del op['responses']['413']")[0]
    content = "op['requestBody']['content']['application/json']"
    assert "does not fit" in broken(f"{content}['example'] = {{}}")[0]
    assert "no example" in broken(f"del {content}['example']")[0]
    assert "description" in broken("op['description'] = 'x' * 301")[0]
    schemas = "bad['components']['schemas']"
    assert "ge is not a word" in broken(f"{schemas}['Play']['properties']['playId']['ge'] = 1")[0]
    assert broken("op['tags'] = [1]")[0].startswith("not valid")


def test_operation_ids_are_the_routes_own(whole: dict[str, Any]) -> None:
    assert sorted(o["operationId"] for _, _, o in operations(whole)) == sorted(
        ["getHealth", "createPlay", "listPlays", "getPlay", "updatePlay", "patchPlay", "deletePlay",
         "getBestPlay", "getSlow", "makeDefect", "getStream"]
    )  # fmt: skip


def test_the_server_is_the_configured_one(whole: dict[str, Any]) -> None:
    assert whole["servers"] == [{"url": "https://api.example.org"}]
    assert document(PLAYS)["servers"] == [{"url": "/"}]


def test_if_match_is_there_where_it_is_read(whole: dict[str, Any]) -> None:
    reads = {
        operation["operationId"]
        for _, _, operation in operations(whole)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "If-Match"
    }
    assert reads == {"updatePlay", "patchPlay"}


def test_free_data_says_what_it_may_hold(whole: dict[str, Any]) -> None:
    schemas = whole["components"]["schemas"]
    data = schemas["PlayIn"]["properties"]["data"]["anyOf"][0]
    assert data["additionalProperties"] == {"$ref": "#/components/schemas/FreeValue"}
    assert schemas["FreeValue"]["anyOf"][-1]["propertyNames"] == data["propertyNames"]


def test_only_used_schemas_are_there(whole: dict[str, Any]) -> None:
    text = dumps(whole).decode()
    for name in whole["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text
    assert "ValidationError" not in text


def test_the_bytes_are_the_same_in_every_process() -> None:
    """The gateway is made from them, and a difference means a change to review."""
    code = (
        "import hashlib; from story_services.openapi import document, dumps;"
        "from tests.services.foundation import PLAYS;"
        "print(hashlib.sha256(dumps(document(PLAYS))).hexdigest())"
    )
    found = {hashlib.sha256(dumps(document(PLAYS))).hexdigest()}
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        argv = [sys.executable, "-c", code]
        done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_a_slip_of_an_author_is_an_error_not_a_bad_document() -> None:
    async def handler() -> None: ...

    long = service_router(tags=["Odd"])
    long.add_api_route("/x", handler, operation_id="x", methods=["GET"], description="x" * 301)
    with pytest.raises(ValueError, match="GET /x: the description is longer than 300"):
        document([ServiceDefinition("odd", "Odd", "", {}, "1.0.0", (long,))])
    untagged = service_router()
    untagged.add_api_route("/x", handler, operation_id="x", methods=["GET"], description="x")
    with pytest.raises(ValueError, match="GET /x: no tag"):
        document([ServiceDefinition("odd", "Odd", "", {}, "1.0.0", (untagged,))])


def test_a_routes_own_error_keeps_its_words_and_gets_the_common_form() -> None:
    async def handler() -> list[int]:
        return []

    router = service_router(tags=["Odd"])
    example = {"a": None}
    router.add_api_route(
        "/x",
        handler,
        operation_id="getX",
        methods=["GET"],
        description="X.",
        responses={
            404: {"description": "No such range."},
            200: {"content": {"application/json": {"example": [example]}}},
        },
    )
    made = document([ServiceDefinition("odd", "Odd", "", {"Odd": "Odd."}, "1.0.0", (router,))])
    responses = made["paths"]["/x"]["get"]["responses"]
    assert responses["404"]["description"] == "No such range."
    assert responses["404"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
    assert responses["200"]["content"]["application/json"]["example"] == [example]


def test_examples_are_made_of_the_fields_examples() -> None:
    schemas: dict[str, Any] = {
        "Part": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 3}}},
        "Loop": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}},
    }
    whole = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "examples": ["Hamlet"]},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
            "kind": {"enum": ["a", "b"]},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
            "both": {"allOf": [{"$ref": "#/components/schemas/Part"}]},
            "at": {"type": "string", "format": "date-time"},
            "none": {"type": "null"},
        },
    }
    assert example_of(whole, schemas) == {
        "title": "Hamlet",
        "parts": [{"id": 3}],
        "kind": "a",
        "maybe": True,
        "both": {"id": 3},
        "at": "2026-01-31T12:00:00.000000Z",
        "none": None,
    }
    assert example_of({"$ref": "#/components/schemas/Loop"}, schemas)["next"]

"""Contexts of characters over HTTP on a real node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from story_services.characters.routes import DEFINITION as CHARACTERS
from story_services.core_script.routes import DEFINITION as CORE
from story_services.session_context.routes import DEFINITION
from tests.services.core_script_support import Api, serving

CONTEXT = {
    "contextId", "characterId", "data", "scriptId", "sessionId", "fromSequence", "toSequence",
    "revision", "versionNumber", "indexed", "createdAt", "updatedAt", "comment",
}  # fmt: skip


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE, CHARACTERS) as made:
        yield made


def character(api: Api, **fields: Any) -> int:
    body = {"name": "Hamlet", "description": "A prince.", **fields}
    made: int = api.post("/characters", body)["characterId"]
    return made


def context(api: Api, characterId: int, **fields: Any) -> int:
    body = {"characterId": characterId, "data": {}, **fields}
    made: int = api.post("/contexts", body)["contextId"]
    return made


def ids(api: Api, **query: Any) -> list[int]:
    return [c["contextId"] for c in api.get("/contexts", **query)]


def test_a_context_has_all_fields_and_no_number(api: Api) -> None:
    who = character(api)
    made = api.post("/contexts", {"characterId": who, "data": {"mood": "grave"}, "comment": "x"})
    assert set(made) == CONTEXT
    assert (made["characterId"], made["data"], made["comment"]) == (who, {"mood": "grave"}, "x")
    assert made["revision"] == 1
    assert api.get(f"/contexts/{made['contextId']}") == made


def test_what_is_absent_stays_and_null_clears(api: Api) -> None:
    who, script = character(api), api.script()["scriptId"]
    path = f"/contexts/{context(api, who, scriptId=script, fromSequence=2, data={'k': [1]})}"
    changed = api.put(path, {"toSequence": 7, "comment": "until then"})
    assert (changed["fromSequence"], changed["toSequence"], changed["revision"]) == (2, 7, 2)
    assert (changed["scriptId"], changed["data"]) == (script, {"k": [1]})
    assert api.patch(path, {"data": {"m": 1}})["data"] == {"m": 1}
    assert api.patch(path, {"scriptId": None})["scriptId"] is None
    back = api.get(path)
    assert api.put(path, back) == back
    for field in ("characterId", "data"):
        api.patch(path, {field: None}, 400)
    api.delete(path, 409, headers={"If-Match": '"1"'})
    api.delete(f"{path}?comment=enough")
    api.get(path, 404)
    api.delete(path, 404)
    assert ids(api, characterId=who) == []


def test_a_stale_revision_is_told_who_came_first(api: Api) -> None:
    path = f"/contexts/{context(api, character(api))}"
    headers = {"X-Consumer-Username": "bob"}
    api.patch(path, {"data": {"k": 1}, "comment": "first"}, headers=headers)
    for seen in ("ifRevision", "revision", "versionNumber"):
        said = api.patch(path, {"data": {"k": 2}, seen: 1}, 409)
        assert "version 2 (update) by bob at 20" in said["details"]
        assert said["details"].endswith(": first")
    assert api.get(path)["data"] == {"k": 1}


def test_lists_narrow_by_character_scope_number_and_data(api: Api) -> None:
    one, two, script = character(api), character(api), api.script()["scriptId"]
    session = api.post("/sessions", {"scriptId": script})["sessionId"]
    plain = context(api, one, data={"mood": "pensive", "age": 30})
    scene = context(api, one, scriptId=script, fromSequence=3, toSequence=4)
    reading = context(api, one, sessionId=session, data={"mood": {"now": "glad"}})
    other = context(api, two, scriptId=script, data={"mood": "pensive"})
    assert ids(api, characterId=one) == [plain, scene, reading]
    assert ids(api, scriptId=script) == [scene, other]
    assert ids(api, scriptId=script, characterId=two) == [other]
    assert ids(api, sessionId=session) == [reading]
    assert ids(api, characterId=one, atSequence=3) == [plain, scene, reading]
    assert ids(api, characterId=one, atSequence=5) == [plain, reading]
    assert ids(api, key="mood", value="pensive") == [plain, other]
    assert ids(api, key="mood.now") == [reading]
    assert ids(api, value="30", characterId=one) == [plain]
    assert api.total("/contexts", characterId=one, limit=1) == 3
    assert ids(api, characterId=one, limit=1, offset=2) == [reading]


def test_contexts_of_a_deleted_script_are_gone(api: Api) -> None:
    who, script = character(api), api.script()["scriptId"]
    gone, kept = context(api, who, scriptId=script), context(api, who)
    api.delete(f"/scripts/{script}")
    assert ids(api, characterId=who) == [kept]
    assert api.total("/contexts", characterId=who, limit=5) == 1
    api.get(f"/contexts/{gone}", 404)


@pytest.mark.parametrize(
    "body",
    [
        {"characterId": 9999},
        {"characterId": None},
        {"characterId": "1"},
        {"data": None},
        {"data": "x"},
        {"scriptId": 9999},
        {"sessionId": 9999},
        {"fromSequence": 3, "toSequence": 2},
        {"fromSequence": -1},
        {"mood": "grave"},
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(
    api: Api, body: dict[str, Any]
) -> None:
    who = character(api)
    path = f"/contexts/{context(api, who)}"
    for answer in (
        api.post("/contexts", {"characterId": who, "data": {}, **body}, 400),
        api.patch(path, body, 400),
    ):
        assert next(iter(body)) in answer["details"] or "toSequence" in answer["details"]
    assert len(ids(api, characterId=who)) == 1
    assert api.get(path)["revision"] == 1


@pytest.mark.parametrize("body", [{"data": {}}, {"characterId": 1}])
def test_character_and_data_are_required(api: Api, body: dict[str, Any]) -> None:
    assert "is required" in api.post("/contexts", body, 400)["details"]


def test_a_reference_that_is_gone_does_not_keep_a_context_from_changing(api: Api) -> None:
    session = api.post("/sessions", {})["sessionId"]
    made = context(api, character(api), sessionId=session)
    api.delete(f"/sessions/{session}")
    assert api.patch(f"/contexts/{made}", {"data": {"k": 1}})["sessionId"] == session

"""Sessions over HTTP on a real node: shapes of the context, lists, references, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from story_services.core_script.routes import DEFINITION as CORE
from story_services.session_context.routes import DEFINITION
from story_services.session_context.sessions.wording import ENTRIES, SIZE
from tests.services.core_script_support import Api, serving

SESSION = {
    "sessionId", "userId", "name", "scriptId", "context", "contextEntries", "data", "revision",
    "versionNumber", "indexed", "createdAt", "updatedAt", "comment",
}  # fmt: skip


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE) as made:
        yield made


def session(api: Api, **fields: Any) -> int:
    made: int = api.post("/sessions", fields)["sessionId"]
    return made


def test_a_session_has_all_fields_and_no_number(api: Api) -> None:
    made = api.post("/sessions", {})
    assert set(made) == SESSION
    assert made["context"] is None
    assert made["contextEntries"] == []
    assert made["data"] == {}
    assert made["revision"] == made["versionNumber"] == 1
    assert api.get(f"/sessions/{made['sessionId']}") == made


@pytest.mark.parametrize(
    ("context", "entries"),
    [
        ("It rains.", ["It rains."]),
        ("", [""]),
        (["rain, cold", "x"], ["rain, cold", "x"]),
        ([], []),
        ({"weather": "rain", "watch": {"hour": 12}}, ["weather: rain", 'watch: {"hour":12}']),
        (["x", {"k": True}], ["x", "k: true"]),
        (None, []),
    ],
)
def test_the_context_keeps_the_shape_in_which_it_was_written(
    api: Api, context: Any, entries: list[str]
) -> None:
    made = api.post("/sessions", {"context": context})
    assert (made["context"], made["contextEntries"]) == (context, entries)
    again = api.put(f"/sessions/{session(api)}", {"context": context})
    assert (again["context"], again["contextEntries"]) == (context, entries)
    read = api.get(f"/sessions/{again['sessionId']}/context")
    assert (read["context"], read["contextEntries"]) == (context, entries)


def test_the_first_clients_find_what_they_know(api: Api) -> None:
    """v1: create with user and text, list, replace the text, read it."""
    made = api.post("/sessions", {"userId": 41, "context": "a"})
    assert {k: made[k] for k in ("userId", "context")} == {"userId": 41, "context": "a"}
    changed = api.put(f"/sessions/{made['sessionId']}", {"context": "b"})
    assert (changed["userId"], changed["context"], changed["revision"]) == (41, "b", 2)
    assert [s["context"] for s in api.get("/sessions", userId=41)] == ["b"]


def test_what_is_absent_stays_and_null_clears(api: Api) -> None:
    script = api.script()["scriptId"]
    whole = {"userId": 5, "name": "Reading", "scriptId": script, "context": "a", "data": {"k": 1}}
    made = api.post("/sessions", {**whole, "comment": "first"})
    path = f"/sessions/{made['sessionId']}"
    assert made["comment"] == "first"
    changed = api.patch(path, {"name": "Second reading"})
    assert {k: changed[k] for k in whole} == {**whole, "name": "Second reading"}
    assert changed["comment"] is None
    cleared = api.put(path, dict.fromkeys(whole))
    assert {k: cleared[k] for k in whole} == {**dict.fromkeys(whole), "data": {}}
    assert cleared["revision"] == 3


def test_a_session_can_be_sent_back_as_it_was_read(api: Api) -> None:
    made = api.post("/sessions", {"context": ["a", {"b": 1}], "data": {"c": [None]}})
    again = api.put(f"/sessions/{made['sessionId']}", made)
    assert again == made
    read = api.get(f"/sessions/{made['sessionId']}/context")
    assert api.put(f"/sessions/{made['sessionId']}/context", read) == read


def test_changes_that_python_takes_for_none_are_changes(api: Api) -> None:
    """True equals 1 in Python, and 1 equals 1.0; in a story they differ."""
    path = f"/sessions/{session(api, data={'lit': 1, 'hour': 12})}"
    changed = api.patch(path, {"data": {"lit": True, "hour": 12.0}})
    assert changed["revision"] == 2
    assert repr(api.get(path)["data"]) == "{'lit': True, 'hour': 12.0}"


def test_sessions_are_listed_by_words_of_their_context(api: Api) -> None:
    script = api.script()["scriptId"]
    one = session(api, context="The ghost walks at midnight", scriptId=script)
    two = session(api, context=["midnight", "a ghost"], scriptId=script, userId=77)
    three = session(api, context={"haunted": "by a Ghost"}, scriptId=script)
    session(api, data={"ghost": "ghost"}, scriptId=script)

    def ids(**query: Any) -> list[int]:
        return [s["sessionId"] for s in api.get("/sessions", scriptId=script, **query)]

    assert ids(context="ghost") == [one, two, three]
    assert ids(context="ghost midnight") == [one, two]
    assert ids(context="haunted") == [three]
    assert ids(context="ghost", userId=77) == [two]
    assert ids(context='ghost" OR *:*') == []
    assert len(ids()) == 4
    assert api.total("/sessions", scriptId=script, limit=1) == 4
    assert ids(limit=2, offset=1) == [two, three]
    api.patch(f"/sessions/{one}", {"context": "nothing"})
    assert ids(context="ghost") == [two, three]


def test_a_deleted_session_is_gone_and_its_history_with_it(api: Api) -> None:
    gone = session(api, context="x", userId=99)
    api.delete(f"/sessions/{gone}?comment=done")
    for path in ("", "/context", "/context/history"):
        api.get(f"/sessions/{gone}{path}", 404)
    api.put(f"/sessions/{gone}/context", {"context": "y"}, 404)
    api.patch(f"/sessions/{gone}/context", {"data": {}}, 404)
    api.post(f"/sessions/{gone}/context", {"entry": "y"}, 404)
    api.delete(f"/sessions/{gone}", 404)
    assert api.get("/sessions", userId=99) == []


def test_an_unknown_script_is_named(api: Api) -> None:
    for method, path in (("POST", "/sessions"), ("PUT", f"/sessions/{session(api)}")):
        said = api.call(method, path, 400, {"scriptId": 9999})
        assert said["details"] == "scriptId: no script 9999"


def test_a_deleted_script_does_not_keep_its_session_from_changing(api: Api) -> None:
    script = api.script()["scriptId"]
    made = session(api, scriptId=script)
    api.delete(f"/scripts/{script}")
    assert api.patch(f"/sessions/{made}", {"name": "later"})["scriptId"] == script


DEEP: Any = "leaf"
for _ in range(14):
    DEEP = {"k": DEEP}


@pytest.mark.parametrize(
    "body",
    [
        {"context": 1},
        {"context": True},
        {"context": [["x"]]},
        {"context": [None]},
        {"context": "x" * 20_001},
        {"context": ["x"] * (ENTRIES + 1)},
        {"context": {"": 1}},
        {"context": DEEP},
        {"context": "bell\u0007"},
        {"context": ["bell\u0007"]},
        {"data": DEEP},
        {"data": []},
        {"data": {"k" * 201: 1}},
        {"data": {"k\u0000": 1}},
        {"data": {str(n): "x" * 4999 for n in range(SIZE // 4999 + 1)}},
        {"userId": 0},
        {"userId": "1"},
        {"name": ""},
        {"name": " "},
        {"name": "x" * 201},
        {"scriptId": True},
        {"other": 1},
        [],
        "text",
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(api: Api, body: Any) -> None:
    before = api.total("/sessions")
    for answer in (
        api.call("POST", "/sessions", 400, body),
        api.call("PATCH", f"/sessions/{session(api)}", 400, body),
    ):
        assert set(answer) == {"errorCode", "message", "details"}
    assert api.total("/sessions") == before + 1


def test_nan_is_refused(api: Api) -> None:
    headers = {"content-type": "application/json"}
    for raw in ('{"data": {"k": NaN}}', '{"data": {"k": 1, "k": 2}}'):
        answer = api.client.post("/sessions", content=raw, headers=headers)
        assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/sessions/0", "/sessions/x", "/sessions/1.0/context"])
def test_a_path_that_is_no_id_is_refused(api: Api, path: str) -> None:
    api.get(path, 400)


def test_a_repeated_create_makes_one_session(api: Api) -> None:
    headers = {"Idempotency-Key": "session-once"}
    one = api.post("/sessions", {"context": "once"}, headers=headers)
    assert api.post("/sessions", {"context": "once"}, headers=headers) == one

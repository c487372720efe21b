"""The history of a session: every revision as a change, with who and why, and following it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from story_services.central_sequence.definition import DEFINITION as SEQUENCE
from story_services.session_context.routes import DEFINITION
from tests.services.core_script_support import Api, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, SEQUENCE) as made:
        yield made


def session(api: Api, **fields: Any) -> str:
    return f"/sessions/{api.post('/sessions', fields)['sessionId']}"


def history(api: Api, path: str, **query: Any) -> Any:
    return api.get(f"{path}/context/history", **query)


def revisions(api: Api, path: str, **query: Any) -> list[int]:
    return [item["revision"] for item in history(api, path, **query)]


def test_each_revision_says_what_changed_who_did_it_and_why(api: Api) -> None:
    ann = {"X-Consumer-Username": "ann"}
    path = session(api, context="a", data={"k": 1, "old": 2}, comment="begin")
    api.post(f"{path}/context", {"entry": "b", "comment": "more"}, 200, headers=ann)
    api.patch(f"{path}/context", {"data": {"k": {"deep": True}, "old": None, "new": [1]}})
    api.put(f"{path}/context", {"context": {"x": 1}})
    api.patch(path, {"name": "Reading", "userId": 4})
    first, second, third, fourth, fifth = history(api, path)
    none: dict[str, Any] = {
        "action": "update", "context": None, "appended": [],
        "data": {"set": {}, "removed": []}, "fields": {},
    }  # fmt: skip
    assert first["change"] == {
        **none,
        "action": "create",
        "context": {"from": None, "to": "a"},
        "data": {"set": {"k": 1, "old": 2}, "removed": []},
    }
    assert (first["comment"], first["actor"]) == ("begin", "anonymous")
    assert second["change"] == {**none, "appended": ["b"]}
    assert (second["comment"], second["actor"]) == ("more", "ann")
    changed = {"set": {"k": {"deep": True}, "new": [1]}, "removed": ["old"]}
    assert third["change"] == {**none, "data": changed}
    assert fourth["change"] == {**none, "context": {"from": ["a", "b"], "to": {"x": 1}}}
    fields = {"name": {"from": None, "to": "Reading"}, "userId": {"from": None, "to": 4}}
    assert fifth["change"] == {**none, "fields": fields}
    items = [first, second, third, fourth, fifth]
    assert [item["revision"] for item in items] == [1, 2, 3, 4, 5]
    assert [item["createdAt"] for item in items] == sorted(item["createdAt"] for item in items)
    assert fifth["createdAt"] == api.get(path)["updatedAt"]


def test_what_changes_nothing_is_no_revision(api: Api) -> None:
    path = session(api, context=["a"], data={"k": 1})
    api.put(f"{path}/context", {"context": ["a"], "comment": "the same"})
    api.patch(f"{path}/context", {"data": {"k": 1, "absent": None}})
    assert revisions(api, path) == [1]


def test_history_is_searched_by_words_in_any_case(api: Api) -> None:
    path = session(api, context="A ghost.", comment="begin")
    api.patch(f"{path}/context", {"data": {"weather": {"sky": "Black"}}, "comment": "darker"})
    api.post(f"{path}/context", {"entry": "The ghost again."}, 200)
    assert revisions(api, path, q="GHOST") == [1, 3]
    assert revisions(api, path, q="ghost again") == [3]
    assert revisions(api, path, q="darker black weather") == [2]
    assert revisions(api, path, q="begin") == [1]
    assert revisions(api, path, q="none of it") == []
    assert revisions(api, path, q="ghost", limit=1, offset=1) == [3]
    assert api.total(f"{path}/context/history", q="ghost", limit=1) == 2


def test_a_long_history_is_paged_and_can_be_followed(api: Api) -> None:
    path = session(api)
    for n in range(2, 106):
        api.patch(f"{path}/context", {"data": {"n": n}})
    whole = history(api, path)
    assert [item["revision"] for item in whole] == list(range(1, 106))
    assert all(i["change"]["data"]["set"] == {"n": i["revision"]} for i in whole[1:])
    assert history(api, path, limit=20, offset=90) == whole[90:110]
    assert api.total(f"{path}/context/history", limit=1) == 105
    assert history(api, path, afterRevision=103) == whole[103:]
    assert history(api, path, afterRevision=105) == []
    assert api.total(f"{path}/context/history", afterRevision=95) == 10
    assert revisions(api, path, offset=200) == []


def test_following_the_history_gives_the_session_itself(api: Api) -> None:
    path = session(api, context="a")
    api.post(f"{path}/context", {"entry": {"b": 1}}, 200)
    api.patch(f"{path}/context", {"data": {"x": 1, "y": 2}})
    api.put(f"{path}/context", {"context": ["c"]})
    api.post(f"{path}/context", {"entry": "d"}, 200)
    api.patch(f"{path}/context", {"data": {"x": None}})
    context: Any = None
    data: dict[str, Any] = {}
    for item in history(api, path):
        change = item["change"]
        if change["context"]:
            context = change["context"]["to"]
        if change["appended"]:
            context = [*(context if isinstance(context, list) else [context]), *change["appended"]]
        data |= change["data"]["set"]
        for key in change["data"]["removed"]:
            del data[key]
    now = api.get(f"{path}/context")
    assert (now["context"], now["data"]) == (context, data) == (["c", "d"], {"y": 2})


def test_a_deleted_session_comes_back_with_its_history(api: Api) -> None:
    path = session(api, context="a", data={"k": 1})
    api.put(f"{path}/context", {"context": "b"})
    api.delete(path)
    number = path.rpartition("/")[2]
    api.post(f"/sequence/version/session/{number}/1/restore", {"comment": "back"})
    now = api.get(f"{path}/context")
    assert (now["context"], now["data"], now["revision"]) == ("a", {"k": 1}, 4)
    steps = [(i["revision"], i["change"]["action"], i["comment"]) for i in history(api, path)]
    assert steps[2:] == [(3, "delete", None), (4, "restore", "back")]
    assert history(api, path)[3]["change"]["context"] == {"from": "b", "to": "a"}
    assert api.get(f"{path}/context", asOf=2)["context"] == "b"
    assert "the newest is 4" in api.get(f"{path}/context", 404, asOf=3)["details"]


def test_a_history_of_nothing_is_not_found(api: Api) -> None:
    api.get("/sessions/9999/context/history", 404)
    api.get("/sessions/9999/context", 404)

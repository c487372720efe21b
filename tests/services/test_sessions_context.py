"""The context of a session: replaced, merged, appended to, and read as it once was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from story_services.core_script.routes import DEFINITION as CORE
from story_services.session_context.routes import DEFINITION
from tests.services.core_script_support import Api, serving

CONTEXT = {
    "sessionId", "context", "contextEntries", "data", "worldStates", "revision", "comment",
    "updatedAt",
}  # fmt: skip


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE) as made:
        yield made


def session(api: Api, **fields: Any) -> str:
    return f"/sessions/{api.post('/sessions', fields)['sessionId']}"


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls return, all begun together."""
    found: list[Any] = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def run(n: int) -> None:
        ready.wait(20)
        found[n] = calls[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_put_replaces_the_context_and_leaves_the_data(api: Api) -> None:
    path = session(api, context="a", data={"k": 1})
    read = api.put(f"{path}/context", {"context": {"b": 2}, "comment": "anew"})
    assert set(read) == CONTEXT
    assert (read["context"], read["data"], read["revision"]) == ({"b": 2}, {"k": 1}, 2)
    assert read["comment"] == "anew"
    assert api.get(f"{path}/context") == read
    assert api.put(f"{path}/context", {"context": None})["contextEntries"] == []
    api.put(f"{path}/context", {}, 400)
    api.put(f"{path}/context", {"data": {}}, 400)


def test_patch_merges_data_by_key_and_null_removes_a_key(api: Api) -> None:
    path = session(api, context="a", data={"weather": "rain", "watch": {"hour": 1}, "moon": "new"})
    merge = {"weather": "storm", "watch": {"minute": 5}, "moon": None, "wind": [1, None]}
    read = api.patch(f"{path}/context", {"data": merge})
    assert read["data"] == {"weather": "storm", "watch": {"minute": 5}, "wind": [1, None]}
    assert (read["context"], read["revision"]) == ("a", 2)
    assert api.patch(f"{path}/context", {"data": {}})["revision"] == 2
    api.patch(f"{path}/context", {}, 400)
    api.patch(f"{path}/context", {"context": "x"}, 400)


def test_post_appends_an_entry_in_whatever_shape(api: Api) -> None:
    path = session(api, context="a")
    assert api.post(f"{path}/context", {"entry": "b"}, 200)["context"] == ["a", "b"]
    read = api.post(f"{path}/context", {"entry": {"wind": "north"}, "comment": "blows"}, 200)
    assert read["context"] == ["a", "b", {"wind": "north"}]
    assert read["contextEntries"] == ["a", "b", "wind: north"]
    assert (read["revision"], read["comment"]) == (3, "blows")
    for body in ({}, {"entry": None}, {"entry": 1}, {"entry": ["x"]}, {"entry": "\u0007"}):
        api.post(f"{path}/context", body, 400)
    full = session(api, context=["x"] * 1000)
    assert "1000 entries" in api.post(f"{full}/context", {"entry": "y"}, 400)["details"]


def test_a_stale_revision_is_told_who_came_first_and_why(api: Api) -> None:
    path = session(api, context="a")
    ann = {"X-Consumer-Username": "ann"}
    api.put(f"{path}/context", {"context": "b", "comment": "bleaker"}, headers=ann)
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", path, {"context": "c"}),
        ("PATCH", path, {"name": "c"}),
        ("PUT", f"{path}/context", {"context": "c"}),
        ("PATCH", f"{path}/context", {"data": {"k": 1}}),
        ("POST", f"{path}/context", {"entry": "c"}),
    ]
    for method, where, body in attempts:
        for seen in ("ifRevision", "revision", "versionNumber"):
            said = api.call(method, where, 409, {**body, seen: 1})
            assert said["errorCode"] == "conflict"
            assert "version 2 (update) by ann at 20" in said["details"]
            assert said["details"].endswith(": bleaker")
        api.call(method, where, 409, body, headers={"If-Match": '"1"'})
        api.call(method, where, 409, {**body, "ifRevision": 3})  # one that is yet to come
        api.call(method, where, 409, {**body, "ifRevision": 2, "versionNumber": 1})
        api.call(method, where, 409, {**body, "ifRevision": 2}, headers={"If-Match": '"1"'})
    api.delete(path, 409, headers={"If-Match": '"1"'})
    assert api.get(path)["context"] == "b"
    assert api.get(path)["revision"] == 2
    api.put(f"{path}/context", {"context": "c", "ifRevision": 2}, headers={"If-Match": '"2"'})


def test_of_two_merges_at_once_none_is_lost_silently(api: Api) -> None:
    """Those that are answered with 200 are in the data; every other one was told."""
    path = session(api)

    def merge(key: str) -> Callable[[], int]:
        body = {"data": {key: True}}
        return lambda: api.client.patch(f"{path}/context", json=body).status_code

    told: list[int] = []
    for round_ in range(8):
        keys = [f"{round_}-{n}" for n in range(4)]
        answers = at_once(*(merge(key) for key in keys))
        data = api.get(f"{path}/context")["data"]
        assert set(answers) <= {200, 409}
        assert 200 in answers
        assert [key in data for key in keys] == [answer == 200 for answer in answers]
        told += answers
    assert api.get(path)["revision"] == 1 + told.count(200)


def test_of_two_changes_of_one_revision_one_wins(api: Api) -> None:
    path = session(api)
    for revision in range(1, 6):
        body = {"data": {"k": revision}, "ifRevision": revision}

        def merge(who: str, body: dict[str, Any] = body) -> Callable[[], Any]:
            headers = {"X-Consumer-Username": who}
            return lambda: api.client.patch(f"{path}/context", json=body, headers=headers)

        answers = at_once(merge("ann"), merge("bob"))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = (answer.json() for answer in answers if answer.status_code == 409)
        assert f"version {revision + 1} (update) by" in lost["details"]


def test_entries_appended_at_once_are_all_kept(node_url: str, api: Api) -> None:
    """Ten writers, each in its own thread; nobody's entry is lost and nobody is refused."""
    path = session(api, context=["first"])

    def append(n: int) -> Callable[[], Any]:
        return lambda: [
            api.client.post(f"{path}/context", json={"entry": f"{n}.{k}"}).status_code
            for k in range(4)
        ]

    answers = at_once(*(append(n) for n in range(10)))
    assert {status for mine in answers for status in mine} == {200}
    found = api.get(f"{path}/context")
    assert found["context"][0] == "first"
    assert sorted(found["context"][1:]) == sorted(f"{n}.{k}" for n in range(10) for k in range(4))
    assert found["revision"] == 41


def test_a_repeated_append_appends_once(api: Api) -> None:
    path = session(api)
    headers = {"Idempotency-Key": "append-once"}
    one = api.post(f"{path}/context", {"entry": "x"}, 200, headers=headers)
    api.post(f"{path}/context", {"entry": "y"}, 200)
    assert api.post(f"{path}/context", {"entry": "x"}, 200, headers=headers) == one
    assert api.get(f"{path}/context")["context"] == ["x", "y"]


def test_an_older_revision_is_read_as_it_was(api: Api) -> None:
    path = session(api, context="a", data={"k": 1})
    api.put(f"{path}/context", {"context": ["b"], "comment": "two"})
    api.patch(f"{path}/context", {"data": {"k": None}})
    one, two, three = (api.get(f"{path}/context", asOf=n) for n in (1, 2, 3))
    assert (one["context"], one["data"], one["revision"]) == ("a", {"k": 1}, 1)
    assert (two["context"], two["data"], two["comment"]) == (["b"], {"k": 1}, "two")
    assert three == api.get(f"{path}/context")
    assert "the newest is 3" in api.get(f"{path}/context", 404, asOf=4)["details"]
    api.get(f"{path}/context", 400, asOf=0)
    api.get(f"{path}/context", 400, asOf="x")

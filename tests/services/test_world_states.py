"""World states over HTTP on a real node: any keys, ranges, scopes, queries by key and value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from story_services.core_script.routes import DEFINITION as CORE
from story_services.session_context.routes import DEFINITION
from tests.services.core_script_support import Api, serving

STATE = {
    "worldStateId", "kind", "description", "data", "scriptId", "sessionId", "fromSequence",
    "toSequence", "revision", "versionNumber", "indexed", "createdAt", "updatedAt", "comment",
}  # fmt: skip


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE) as made:
        yield made


@pytest.fixture
def script(api: Api) -> int:
    made: int = api.script()["scriptId"]
    return made


def state(api: Api, **fields: Any) -> int:
    made: int = api.post("/worldStates", {"kind": "weather", **fields})["worldStateId"]
    return made


def ids(api: Api, **query: Any) -> list[int]:
    return [s["worldStateId"] for s in api.get("/worldStates", **query)]


def test_a_state_has_all_fields_and_no_number(api: Api) -> None:
    made = api.post("/worldStates", {"kind": "weather"})
    assert set(made) == STATE
    assert (made["data"], made["description"], made["scriptId"]) == ({}, None, None)
    assert made["revision"] == made["versionNumber"] == 1
    assert api.get(f"/worldStates/{made['worldStateId']}") == made


def test_what_is_absent_stays_and_null_clears(api: Api, script: int) -> None:
    whole = {
        "kind": "economy", "description": "Bread is dear.", "data": {"bread": 3},
        "scriptId": script, "sessionId": None, "fromSequence": 2, "toSequence": 9,
    }  # fmt: skip
    made = api.post("/worldStates", {**whole, "comment": "famine"})
    path = f"/worldStates/{made['worldStateId']}"
    assert {k: made[k] for k in whole} == whole
    changed = api.patch(path, {"toSequence": None})
    assert {k: changed[k] for k in whole} == {**whole, "toSequence": None}
    assert changed["revision"] == 2
    nullable = {k: None for k in whole if k != "kind"}
    cleared = api.put(path, nullable)
    assert {k: cleared[k] for k in whole} == {**nullable, "kind": "economy", "data": {}}
    assert api.put(path, cleared) == cleared
    api.put(path, {"kind": None}, 400)
    api.patch(path, {"data": {"x": 1}, "ifRevision": 1}, 409)
    api.delete(f"{path}?comment=over")
    for method in ("GET", "DELETE"):
        api.call(method, path, 404)


def test_a_thousand_keys_do_not_grow_the_mapping(api: Api, script: int) -> None:
    """Each can be asked for, and the store knows as many fields as before."""
    with httpx.Client(base_url=api.settings.store_url, trust_env=False) as store:
        url = f"/{api.settings.index_prefix}world-state/_mapping"
        before = store.get(url).json()
        data = {f"key-{n}": {"deep": f"value-{n}"} for n in range(1000)}
        one = state(api, scriptId=script, data=data)
        for n in range(0, 1000, 100):
            state(api, scriptId=script, data={f"own-{n}-{k}": k for k in range(100)})
        assert store.get(url).json() == before
    assert ids(api, key="key-999.deep", value="value-999", scriptId=script) == [one]
    assert ids(api, key="key-17.deep", scriptId=script) == [one]
    assert len(ids(api, key="own-300-99", scriptId=script)) == 1
    assert api.get(f"/worldStates/{one}")["data"] == data


DATA: dict[str, Any] = {
    "weather": "rain",
    "watch": {"hour": 12, "cold": True, "t": 1.5, "list": ["x", {"y": "deep"}]},
    "nothing": None,
    "empty": "",
}


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("weather", "rain", True),
        ("weather", "rai", False),
        ("weather", "Rain", False),
        ("weather", None, True),
        ("weath", None, False),
        ("watch.hour", "12", True),
        ("watch.cold", "true", True),
        ("watch.t", "1.5", True),
        ("watch.list", "x", True),
        ("watch.list.y", "deep", True),
        ("watch.hour", "rain", False),
        ("hour", None, False),
        ("nothing", None, False),
        ("empty", None, True),
        ("empty", "", True),
        (None, "deep", True),
        (None, "12", True),
        (None, "weather", False),
        ("wea*", None, False),
        ("*", None, False),
        ("*", "rain", False),
        ("weather", "*", False),
        ("weather OR watch", "rain", False),
        ("_value", "rain", False),
        (".", None, False),
        ("..\\", "{}", False),
    ],
)
def test_states_are_found_by_key_and_value(
    api: Api, key: str | None, value: str | None, found: bool
) -> None:
    script = api.script()["scriptId"]
    made = state(api, scriptId=script, data=DATA)
    query = {"key": key, "value": value, "scriptId": script}
    assert ids(api, **{k: v for k, v in query.items() if v is not None}) == [made] * found


ODD = ["a.b", "*", "?", 'quo"te', "a b", "\\", "{", "=", "😀", "نص", "k" * 200, "_value", ".", "~"]


@pytest.mark.parametrize("key", ODD, ids=lambda key: ascii(key[:9]))
def test_any_key_can_be_kept_and_found(api: Api, key: str) -> None:
    made = state(api, data={key: f"odd {key}"})
    assert api.get(f"/worldStates/{made}")["data"] == {key: f"odd {key}"}
    assert ids(api, key=key, value=f"odd {key}") == [made]
    assert made in ids(api, key=key)


def test_the_largest_data_that_is_accepted_is_kept_and_found(api: Api) -> None:
    """The longest keys, the deepest nesting and the longest value, all in one term."""
    value: Any = "\U0001f480" * 5000
    path = []
    for n in range(12):
        key = chr(0x1F480 + n) * 200
        path.insert(0, key)
        value = {key: value}
    made = state(api, data=value)
    assert ids(api, key=".".join(path)) == [made]
    assert ids(api, value="\U0001f480" * 5000) == [made]


def test_lists_narrow_by_kind_scope_and_number(api: Api, script: int) -> None:
    session = api.post("/sessions", {"scriptId": script})["sessionId"]
    early = state(api, scriptId=script, toSequence=5)
    late = state(api, scriptId=script, fromSequence=6, kind="time")
    own = state(api, scriptId=script, sessionId=session, fromSequence=5, toSequence=5)
    everywhere = state(api)
    assert ids(api, scriptId=script) == [early, late, own]
    assert ids(api, scriptId=script, atSequence=5) == [early, own]
    assert ids(api, scriptId=script, atSequence=6) == [late]
    assert ids(api, scriptId=script, kind="time") == [late]
    assert ids(api, sessionId=session) == [own]
    assert everywhere in ids(api, atSequence=1)
    assert ids(api, scriptId=9999) == []
    assert api.total("/worldStates", scriptId=script, limit=1, offset=1) == 3
    assert ids(api, scriptId=script, limit=1, offset=1) == [late]


def test_states_of_a_deleted_script_are_gone_until_it_is_back(api: Api, script: int) -> None:
    """In lists over all scripts, too, and pages stay full."""
    kept = state(api, kind="kept")
    gone = state(api, kind="kept", scriptId=script)
    last = state(api, kind="kept")
    api.delete(f"/scripts/{script}")
    api.get(f"/worldStates/{gone}", 404)
    assert ids(api, kind="kept") == [kept, last]
    assert ids(api, kind="kept", limit=2) == [kept, last]
    assert api.total("/worldStates", kind="kept", limit=1) == 2
    assert ids(api, scriptId=script) == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": ""},
        {"kind": None},
        {"kind": "x" * 101},
        {"kind": "a\nb"},
        {"fromSequence": 5, "toSequence": 4},
        {"fromSequence": 0},
        {"toSequence": "1"},
        {"scriptId": 9999},
        {"sessionId": 9999},
        {"data": [1]},
        {"data": {"": 1}},
        {"data": {"k\u0007": 1}},
        {"data": {"k": 2**53}},
        {"data": {"k": "\u0000"}},
        {"data": {"k": "x" * 5001}},
        {"description": 1},
        {"weather": "rain"},
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(
    api: Api, body: dict[str, Any]
) -> None:
    path = f"/worldStates/{state(api)}"
    before = api.total("/worldStates")
    api.post("/worldStates", {"kind": "weather", **body}, 400)
    api.patch(path, body, 400)
    assert api.total("/worldStates") == before
    assert api.get(path)["revision"] == 1


def test_a_kind_is_required(api: Api) -> None:
    assert api.post("/worldStates", {"data": {}}, 400)["details"] == "kind is required"


def test_a_range_is_checked_against_what_stays(api: Api) -> None:
    path = f"/worldStates/{state(api, fromSequence=5)}"
    assert "fromSequence (5)" in api.patch(path, {"toSequence": 4}, 400)["details"]
    api.patch(path, {"toSequence": 4, "fromSequence": 4})


def test_a_session_of_another_script_is_refused(api: Api, script: int) -> None:
    other = api.script()["scriptId"]
    session = api.post("/sessions", {"scriptId": other})["sessionId"]
    said = api.post("/worldStates", {"kind": "x", "scriptId": script, "sessionId": session}, 400)
    assert said["details"] == f"sessionId: session {session} is of script {other}"
    made = state(api, sessionId=session)
    api.patch(f"/worldStates/{made}", {"scriptId": script}, 400)
    api.patch(f"/worldStates/{made}", {"scriptId": other})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", ""),
        ("atSequence", "0"),
        ("atSequence", "x"),
        ("nokind", "1"),
        ("kind", ""),
        ("limit", "0"),
        ("key", "\u0007"),
    ],
)
def test_a_query_that_means_nothing_is_refused(api: Api, name: str, value: str) -> None:
    assert name in api.get("/worldStates", 400, **{name: value})["details"]

"""Free data at its edges, and words of the store's query language in every place where words go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.contract_store import Place, place, refused

MAX_ID = 2**53 - 1


@pytest.fixture(scope="module")
def at(node_url: str) -> Iterator[Place]:
    with place(node_url) as made:
        yield made


def nested(depth: int, inner: Any = 1) -> dict[str, Any]:
    """An object of so many objects, one in the other."""
    return {"k": nested(depth - 1, inner)} if depth > 1 else {"k": inner}


#: Legal: kept exactly, found again by key and value.
KEPT: list[dict[str, Any]] = [
    {}, {".": 1}, {"..": 1}, {"a.": 1}, {".a": 1}, {"a..b": 1}, {"a.b": 1, "a": {"b": 2}},
    {" ": 1}, {"a b": " c "}, {"*": "*"}, {"_id": "x", "_source": {"a": 1}, "_index": "y"},
    {"__proto__": {"admin": True}, "constructor": {"prototype": 1}}, {"k" * 200: "v"},
    {"🎭" * 200: "🎭"}, {"שלום": "عالم"}, {"e\u0301": 1, "\u00e9": 2}, {"1": 1, "01": 2, "-1": 3},
    {"a": 1}, {"a": "text"}, {"a": {"b": 1}}, {"a": [1, "b", None, {"c": [True]}]}, {"a": None},
    {"a": []}, {"a": {}}, {"a": [[1, [2, [3]]]]}, {"a": True, "b": "true"}, {"a": ""},
    {"a": "x" * 5000}, {"a": "🎭" * 5000}, {"a": "two\nlines\tand a tab"}, {"a": -0.5, "b": 1e-300},
    {"a": MAX_ID, "b": -MAX_ID}, nested(12), nested(12, "🎭" * 5000), {"a": [0] * 4998},
    {str(n): n for n in range(5000)}, {"k=v": "a=b", "k:v": "a:b", "k,v": "a,b"}, {'"': "'"},
    {"query": {"match_all": {}}}, {"script": {"source": "ctx._source.remove('a')"}},
    {"doc": {}, "upsert": {}, "doc_as_upsert": True}, {"\\u0000": "\\u0000"}, {"null": "null"},
]  # fmt: skip
#: Refused: too deep, too many, too long, or not text.
REFUSED: list[Any] = [
    {"": 1}, {"a": {"": 1}}, {"a": [{"": 1}]}, {"k" * 201: 1}, {"a\0": 1}, {"a\u0007b": 1},
    {"\ud800": 1}, {"a": "\ud800"}, {"a": "\0"}, {"a": "x" * 5001}, {"a": ["x" * 5001]},
    nested(13), {"a": [0] * 5000}, {str(n): n for n in range(5001)}, {"a": MAX_ID + 1},
    {"a": -MAX_ID - 1}, {"a": 2**64}, {"a": 1e300}, [], "text", 1, True, [{}],
]  # fmt: skip


def _post(at: Place, path: str, body: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    return at.client.post(path, content=json.dumps(body).encode(), headers=headers)


@pytest.mark.parametrize("data", KEPT, ids=range(len(KEPT)))
def test_free_data_is_kept_to_the_letter(at: Place, data: dict[str, Any]) -> None:
    for path, body, name in (
        ("/worldStates", {"kind": "edge"}, "worldStateId"),
        ("/contexts", {"characterId": at.world.anchor("character")}, "contextId"),
        ("/sessions", {}, "sessionId"),
    ):
        made = _post(at, path, {**body, "data": data})
        if path == "/sessions" and made.status_code == 400:
            assert "data: must not have more than 1000 keys" in made.text
            continue
        assert made.status_code == 201, made.text
        address = f"{path}/{made.json()[name]}"
        read = at.client.get(address)
        assert read.json()["data"] == data
        assert json.dumps(read.json()["data"]) == json.dumps(made.json()["data"])
        again = at.client.patch(address, json={"data": {**data, "more": 1}})
        if again.status_code != 400:  # one key more may be one too many
            assert again.json()["data"] == {**data, "more": 1}
        assert any(e["data"].keys() >= data.keys() for e in at.client.get(path).json())


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_free_data_that_cannot_be_kept_is_refused(at: Place, data: Any) -> None:
    with at.unchanged():
        for path, body in (
            ("/worldStates", {"kind": "edge"}),
            ("/contexts", {"characterId": at.world.anchor("character")}),
            ("/sessions", {}),
        ):
            refused(_post(at, path, {**body, "data": data}))
        if isinstance(data, dict):
            refused(_post(at, "/sessions", {"context": data}))
            refused(_post(at, "/sessions", {"context": [data]}))
            session = at.world.targets["session"]
            refused(_post(at, f"/sessions/{session}/context", {"entry": data}))


def test_free_data_is_found_by_exactly_what_it_is(at: Place) -> None:
    for data in ({"sky.*": "c*"}, {"sky": "clear"}, {"sky.blue": "*"}, {"sky": {"blue": "deep"}}):
        assert _post(at, "/worldStates", {"kind": "found", "data": data}).status_code == 201

    def found(**query: str) -> list[Any]:
        answer = at.client.get("/worldStates", params={"kind": "found", **query})
        return [e["data"] for e in answer.json()]

    assert found(key="sky", value="clear") == [{"sky": "clear"}]
    assert found(key="sky.*", value="c*") == [{"sky.*": "c*"}]
    for key, value in (
        ("s*", "clear"), ("sky", "cl*"), ("sky", "/cl.*/"), ("*", "*"), ("sky", "clear OR deep"),
        ("data.sky", "clear"), ("_source", "clear"), ("sky", '{"match_all":{}}'), ("sky", "cle?r"),
    ):  # fmt: skip
        assert found(key=key, value=value) == [], (key, value)


#: Words of query languages: searched for as words, or refused; never obeyed.
INJECTED = [
    "*", "?*", "*:*", "_exists_:title", "title:*", "/.*/", "/(a+)+$/", "(a|a?)+$" * 20,
    '{"match_all":{}}', '{"query":{"match_all":{}}}', '"', '\\"', "\\", "((((((", "))))",
    "a AND NOT b", "zzz OR *", "zzz || _id:*", "[* TO *]", "zzz~", "zzz~2", "zzz^9", "!zzz",
    "+", "-", "&&", "{!join}", "<script>", "' OR '1'='1", "${jndi:ldap://x}", "{{9137*9137}}",
    "_all", "story-*", "*,-story-script", "%2a", "zzz*", "*zzz*", "a" * 500, "* " * 250,
]  # fmt: skip
TEXT_FILTERS = [
    ("/scripts", "title"), ("/scripts", "author"), ("/scripts", "sectionTitle"), ("/scripts", "q"),
    ("/characters", "q"), ("/actions", "keyword"), ("/spokenWords", "keyword"),
    ("/lines", "keyword"), ("/paraphrases", "keyword"), ("/paraphrases", "style"),
    ("/sessions", "context"), ("/worldStates", "kind"), ("/contexts", "key"),
    ("/search", "q"), ("/stories", "filterByContext"), ("/stories", "filterByCharacter"),
    ("/sessions/{sessionId}/context/history", "q"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), TEXT_FILTERS)
def test_filters_take_words_not_queries(at: Place, path: str, name: str) -> None:
    """Nothing in the play has these words, so whatever is found was found by a query."""
    url = path.format(sessionId=at.world.targets["session"])
    more = {"scriptId": at.world.script} if path in ("/search", "/stories", "/contexts") else {}
    with at.unchanged():
        for value in INJECTED:
            begun = time.monotonic()
            answer = at.client.get(url, params={name: value, **more})
            assert time.monotonic() - begun < 10, value
            if answer.status_code != 200:
                refused(answer)
                continue
            found = answer.json()
            found = found if isinstance(found, list) else found["story"]
            assert found == [], value


def test_queries_cannot_be_put_where_values_go(at: Place) -> None:
    script = at.world.script
    with at.unchanged():
        for query in (
            "scriptId[gte]=0", "scriptId=*", "scriptId=1,2", "scriptId=_all", "scriptId={}",
            f"scriptId={script}&scriptId=2", "limit=-1", "limit=10000", "offset=1e9", "size=5",
            "from=0", "q=a&source={}", "_source=title", "sort=_script", "pretty", "routing=1",
            "preference=_local", "filter_path=*", "error_trace=true", "q[]=a", "q=%00", "q=%ff",
        ):  # fmt: skip
            refused(at.client.get(f"/characters?{query}"))
        for query in ("sortBy=_score", "sortBy=_script", "sortBy=title;desc", "sortBy="):
            refused(at.client.get(f"/scripts?{query}"))
        for kind in ("_all", "story-script", "*", "action,spokenWord", "Action", ""):
            refused(at.client.get("/sequence", params={"elementType": kind}))
            refused(at.client.get(f"/sequence/{kind}/1"))
        for body in (
            {"query": {"match_all": {}}}, {"title": {"query": "x"}}, {"title": "x", "_id": "y"},
            {"title": "x", "script": {"source": "x"}}, {"title": "x", "doc_as_upsert": True},
            {"title": "x", "_index": "story-key"}, {"title": "x", "deleted": True},
            {"title": "x", "kind": "script"}, {"title": "x", "id": 1}, {"title": "x", "nonce": "n"},
        ):  # fmt: skip
            refused(_post(at, "/scripts", body))

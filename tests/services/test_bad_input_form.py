"""Bad bytes on the wire: bodies that are no plain JSON, headers and addresses with tricks in them.
Each is refused, whatever is behind stays as it is, and the service goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.services.contract_store import Place, place, refused

JSON = {"Content-Type": "application/json"}
LIMIT = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def at(node_url: str) -> Iterator[Place]:
    with place(node_url) as made:
        yield made


MALFORMED = [
    b"{", b"}", b'{"title":', b'{"title":"a",}', b"{'title':'a'}", b'{title:"a"}',
    b'{"title":"a"}}',
    b'{"title":"a"}{"title":"b"}', b'{"title":"a"}\n{"title":"b"}', b'{"title":NaN}',
    b'{"title":Infinity}', b'{"title":-Infinity}', b'{"title":undefined}', b'{"title":01}',
    b'{"title":0x1}', b'{"title":"a"} // x', b'/* x */ {"title":"a"}', b'{"title":"a\nb"}',
    b'{"title":"a","title":"b"}', b'{"title":"a","t\\u0069tle":"b"}', b'{"title":"\\ud800"}',
    b'{"\\udc00":1,"title":"a"}', b'{"title":"\\x41"}', b'{"title":"\\u00"}', b'{"title":"\xff"}',
    b'{"title":"\xc0\xae"}', b'{"title":"\xed\xa0\x80"}', b'{"title":"\xf4\x90\x80\x80"}',
    b'\xef\xbb\xbf{"title":"a"}', '{"title":"a"}'.encode("utf-16"),
    b"\0", b'{"title":"a"}\0', b"", b" ", b"null", b"[]", b'[{"title":"a"}]', b'"title"', b"1",
    b"true", b"title=a", b"<title>a</title>", b"title: a", b"\x1f\x8b\x08",
    b'{"title":"a","sections":[{"title":"b","title":"c"}]}', b"[" * 33 + b"]" * 33,
    b'{"a":' * 33 + b"1" + b"}" * 33, b"[" * 500_000, b'{"a":' * 100_000,
    b'{"title":"a","n":' + b"9" * 5000 + b"}", b'{"title":"a","n":1e999}',
    b'{"title":"a","n":9007199254740993}',
]  # fmt: skip


def test_bodies_that_are_not_plain_json_are_refused(at: Place) -> None:
    session = at.world.targets["session"]
    with at.unchanged():
        for raw in MALFORMED:
            for method, path in (("POST", "/scripts"), ("PATCH", f"/sessions/{session}")):
                answer = at.client.request(method, path, content=raw, headers=JSON)
                assert refused(answer)["errorCode"] == "bad_input", raw[:80]
                assert answer.status_code == 400


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data",
     "application/xml", "application/octet-stream", "application/json; charset=utf-16",
     "application/json; charset=latin-1", "application/jsonx", "application/x-ndjson",
     "application/merge-patch+json", "json", "*/*", "application/json, text/plain", "\u00e9"],
)  # fmt: skip
def test_bodies_of_another_type_are_refused(at: Place, kind: str) -> None:
    with at.unchanged():
        headers = {"Content-Type": kind.encode("latin-1")} if kind else {}
        answer = at.client.post("/scripts", content=b'{"title":"a"}', headers=headers)
        assert refused(answer)["errorCode"] == "unsupported_media_type"
        assert answer.status_code == 415


def test_bodies_that_are_packed_are_refused(at: Place) -> None:
    """A few bytes could become gigabytes."""
    bomb = gzip.compress(b'{"title":"' + b"a" * 10_000_000 + b'"}')
    with at.unchanged():
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            headers = {**JSON, "Content-Encoding": coding}
            answer = at.client.post("/scripts", content=bomb, headers=headers)
            assert answer.status_code == 415, answer.text
            refused(answer)


def test_bodies_that_are_too_large_are_refused(at: Place) -> None:
    large = b'{"title":"' + b"a" * LIMIT + b'"}'
    key = KEYED % at.behind.key.encode()
    with at.unchanged():
        answer = at.client.post("/scripts", content=large, headers=JSON)
        assert answer.status_code == 413
        refused(answer)

        def pieces() -> Iterator[bytes]:  # of a length that is not announced
            for start in range(0, len(large), 65_536):
                yield large[start : start + 65_536]

        answer = at.client.post("/scripts", content=pieces(), headers=JSON)
        assert answer.status_code == 413
        announced = (
            b"POST /scripts HTTP/1.1\r\nHost: a\r\n" + key + b"Content-Length: 99999999999\r\n\r\n"
        )
        assert at.raw(announced, key=False)[0] == 413
        many = json.dumps({"title": "a", "sections": [{"title": "b"}] * 1001}).encode()
        assert refused(at.client.post("/scripts", content=many, headers=JSON))
        elements = [{"elementType": "action", "text": "x"}] * 1001
        path = f"/scripts/{at.world.script}/elements"
        assert refused(at.client.post(path, json={"elements": elements}))


KEYED = b"X-API-KEY: %s\r\n"
BODY = b'{"title":"a"}'
HEADERS = {
    "a huge value": b"X-Note: " + b"a" * 200_000,
    "many": b"\r\n".join(b"X-Note-%d: a" % n for n in range(5000)),
    "two lengths": b"Content-Length: 13\r\nContent-Length: 20",
    "length and chunks": b"Content-Length: 13\r\nTransfer-Encoding: chunked",
    "a length in words": b"Content-Length: thirteen",
    "a negative length": b"Content-Length: -1",
    "a length with a sign": b"Content-Length: +13",
    "an unknown coding": b"Transfer-Encoding: cow",
    "NUL": b"Content-Length: 13\r\nX-Note: a\0b",
    "a space before the colon": b"Content-Length : 13",
    "no colon": b"Content-Length 13",
    "a name with NUL": b"X\0: a",
    "a bare line end": b"X-Note: a\nX-API-KEY2: b\rX: c",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_two_readers_take_differently_are_refused(at: Place, name: str) -> None:
    """What gateway and service read differently could smuggle a request past the key."""
    start = b"POST /scripts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    key = KEYED % at.behind.key.encode()
    with at.unchanged():
        status, _ = at.raw(start + key + HEADERS[name] + b"\r\n\r\n" + BODY, key=False)
        assert status == 0 or 400 <= status < 500


@pytest.mark.parametrize(
    "line",
    [b"get /scripts HTTP/1.1", b"GET /scripts HTTP/9.9", b"BREW /scripts HTTP/1.1",
     b"TRACE /scripts HTTP/1.1", b"CONNECT a:443 HTTP/1.1", b"PROPFIND /scripts HTTP/1.1",
     b"GET scripts HTTP/1.1", b"GET /scr ipts HTTP/1.1", b"GET /scripts\0 HTTP/1.1",
     b"GET http://elsewhere/_search HTTP/1.1", b"GET //scripts HTTP/1.1", b"\x16\x03\x01\x02\x00",
     b"GET /" + b"a" * 200_000 + b" HTTP/1.1", b"GET /scripts?q=" + b"a" * 60_000 + b" HTTP/1.1"],
)  # fmt: skip
def test_requests_that_are_none_are_refused(at: Place, line: bytes) -> None:
    key = KEYED % at.behind.key.encode()
    with at.unchanged():
        status, _ = at.raw(line + b"\r\nHost: a\r\n" + key + b"\r\n", key=False)
        assert status == 0 or 400 <= status < 500


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("If-Match", ["*", '"0"', '"1", "2"', "abc", '"-1"', '"1.0"', '"' + "9" * 400 + '"', ""]),
        ("Idempotency-Key", ["", "a b", "x" * 201, "\u00e9"]),
    ],
)
def test_headers_with_a_meaning_are_understood_or_refused(
    at: Place, header: str, values: list[str]
) -> None:
    session = f"/sessions/{at.world.targets['session']}"
    method, path = ("PATCH", session) if header == "If-Match" else ("POST", "/sessions")
    with at.unchanged():
        for value in values:
            given = {header: value.encode("latin-1")}
            answer = at.client.request(method, path, json={"name": "x"}, headers=given)
            assert refused(answer, header)["errorCode"] == "bad_input"


def test_nobody_gives_himself_a_name(at: Place) -> None:
    """The gateway says who it is, and a request id that could break a log is replaced."""
    headers = {"X-Consumer-Username": "root", "X-Request-Id": 'a" {}'}
    made = at.client.post("/performers", json={"name": "Ann"}, headers=headers)
    assert len(made.headers["X-Request-Id"]) == 32
    query = {"elementType": "performer", "elementId": made.json()["performerId"]}
    assert "root" not in at.client.get("/sequence/version", params=query).text


PATHS = [
    "/scripts/..", "/scripts/../characters", "/scripts/%2e%2e/characters", "/scripts/%2e%2e%2fkey",
    "/scripts/..%2f..%2f_search", "/scripts/..%5c..", "/scripts/%00", "/scripts/1%00",
    "/scripts/1%0a",
    "/scripts/1%20", "/scripts/%201", "/scripts/1/", "/scripts//1", "//scripts", "/scripts/1;x=1",
    "/scripts/1%2fsections", "/scripts/1%2Fsections", "/scripts/%c0%ae%c0%ae", "/scripts/%ff",
    "/scripts/1.0", "/scripts/+1", "/scripts/-1", "/scripts/0", "/scripts/01x", "/scripts/1e3",
    "/scripts/0x1", "/scripts/%D9%A3", "/scripts/9007199254740992", "/scripts/" + "9" * 400,
    "/scripts/_all", "/scripts/*", "/scripts/_search", "/scripts/_doc", "/scripts/script-1",
    "/scripts/1,2", "/scripts/story-version-v1", "/scripts/%3Cstory-%7Bnow%7D%3E", "/scripts/true",
    "/scripts/{scriptId}", "/scripts/1/_source", "/scripts/1/sections/_all", "/scripts/1/..;/2",
    "/sequence/_all/1", "/sequence/story-key/1", "/sequence/action/..", "/sequence/action/_search",
    "/sequence/action%2f1", "/sequence/action/1%00", "/sequence/key/1", "/sequence/order/1",
    "/sequence/version/_all/1/1", "/sequence/version/action/1/_all", "/sequence/version/key/1/1",
    "/_search", "/_cat/indices", "/_cluster/health", "/story-script/_search", "/story-*/_search",
    "/_all", "/*", "/", "", "/.env", "/.git/config", "/admin", "/openapi.json/..", "/openapi.yaml",
    "/openapi/../scripts/1", "/openapi/..%2f", "/openapi/_all.json", "/docs/..", "/metrics/..",
    "/health/..", "/static/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%252e%252e/",
    "/scripts/%25%30%30", "/SCRIPTS", "/Scripts/1", "/scripts.json",
    "/scripts/1.json",
]  # fmt: skip


def test_addresses_with_tricks_lead_nowhere(at: Place) -> None:
    """As they are, on the wire: no client is to tidy them up."""
    key = KEYED % at.behind.key.encode()
    with at.unchanged():
        for path in PATHS:
            for method in ("GET", "DELETE"):
                start = f"{method} {path or '/'} HTTP/1.1\r\nHost: a\r\n".encode()
                status, body = at.raw(start + key + b"\r\n", key=False)
                assert 400 <= status < 500, (method, path, status, body)
                assert b"_shards" not in body
                assert b"cluster_name" not in body

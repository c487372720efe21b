"""The foundation over HTTP: whatever is sent, the answer has the contract's shape."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.services.foundation import Served, served

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Served, httpx.Client]]:
    with served(max_body_bytes=4096, max_body_depth=8) as pair:
        yield pair


@pytest.fixture
def client(both: tuple[Served, httpx.Client]) -> httpx.Client:
    both[0].memory.plays.clear()
    return both[1]


def refused(response: httpx.Response, status: int, says: str = "") -> dict[str, str | None]:
    """The error, after a look at its shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error: dict[str, str | None] = response.json()
    assert set(error) == {"errorCode", "message", "details"}
    assert re.fullmatch("[a-z_]+", error["errorCode"] or "")
    assert says in f"{error['message']} {error['details']}"
    assert "Traceback" not in response.text
    return error


def test_a_play_is_created_read_changed_and_deleted(client: httpx.Client) -> None:
    title = "המלט 🎭 – a \"play\" of 'quotes' \\ and </script>"
    made = client.post("/plays", json={"title": title, "description": "two\nlines"})
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    assert made.json()["title"] == title
    assert client.get("/plays/1").json() == made.json()
    changed = client.patch("/plays/1", json={"title": "x"}, headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    assert client.delete("/plays/1?comment=why+not").status_code == 204
    refused(client.get("/plays/1"), 404, "There is no play 1.")


def test_lists_say_how_many_there_are(client: httpx.Client) -> None:
    for title in "abc":
        client.post("/plays", json={"title": title})
    answer = client.get("/plays?limit=2&offset=1")
    assert [play["title"] for play in answer.json()] == ["b", "c"]
    assert answer.headers["x-total-count"] == "3"


def test_the_loser_of_two_edits_hears_why(client: httpx.Client) -> None:
    client.post("/plays", json={"title": "a"})
    client.put("/plays/1", json={"title": "b", "versionNumber": 1})
    refused(client.put("/plays/1", json={"title": "c", "versionNumber": 1}), 409, "version 2")
    lost = client.put("/plays/1", json={"title": "c"}, headers={"If-Match": '"1"'})
    refused(lost, 409, "version 2")
    both_ways = client.put(
        "/plays/1", json={"title": "c", "versionNumber": 1}, headers={"If-Match": '"2"'}
    )
    refused(both_ways, 400, "If-Match")
    assert client.get("/plays/1").json()["title"] == "b"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body is required"),
        (b"{", "not valid JSON"),
        (b"[]", "the body must be an object"),
        (b"null", "the body"),
        (b"{}", "title is required"),
        (b'{"title":""}', "title must have at least 1 characters"),
        (b'{"title":" "}', "title must not be blank"),
        (b'{"title":5}', "title must be a text"),
        (b'{"title":"a","title":"b"}', 'the key "title" is given twice'),
        (b'{"title":"a","x":1}', "x is not a field of this request"),
        (b'{"title":"a","parts":[{"title":"b"},{"title":"c","place":"1"}]}', "parts[1].place must"),
        (b'{"title":"a","parts":[{"title":"b","place":true}]}', "parts[0].place must be a whole"),
        (b'{"title":"a\\u0000"}', "U+0000"),
        (b'{"title":"a","data":{"a\\u0007":1}}', "U+0007"),
        (b'{"title":"a","data":{"a":1e400}}', "not valid JSON"),
        (b'{"title":"a","data":{"a":9007199254740993}}', "not kept exactly"),
        (b'{"title":"\xff"}', "not valid JSON"),
        (b'{"title":"a","data":' + b'{"a":' * 8 + b"1" + b"}" * 9, "nested more than 8"),
        (b"[" * 2000 + b"]" * 2000, "nested more than 8"),
    ],
)
def test_bad_bodies_are_400_and_nothing_is_stored(
    client: httpx.Client, body: bytes, says: str
) -> None:
    refused(client.post("/plays", content=body, headers=JSON), 400, says)
    assert client.get("/plays").json() == []


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1",
     "application/jsonp", "multipart/form-data; boundary=x", "é", "application/merge-patch+json"],
)  # fmt: skip
def test_other_content_types_are_415(client: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type.encode()} if content_type else {}
    refused(client.post("/plays", content=b'{"title":"a"}', headers=headers), 415, "JSON")


@pytest.mark.parametrize("given", ["application/json;charset=UTF-8", "Application/JSON"])
def test_the_same_content_type_in_other_words_is_fine(client: httpx.Client, given: str) -> None:
    answer = client.post("/plays", content=b'{"title":"a"}', headers={"Content-Type": given})
    assert answer.status_code == 201


def test_compressed_bodies_are_not_unpacked(client: httpx.Client) -> None:
    """A few kilobytes could become gigabytes."""
    headers = JSON | {"Content-Encoding": "gzip"}
    refused(client.post("/plays", content=b"x", headers=headers), 415, "compressed")


def test_a_large_body_is_413_announced_or_not(client: httpx.Client) -> None:
    body = b'{"title":"' + b"a" * 5000 + b'"}'
    refused(client.post("/plays", content=body, headers=JSON), 413)
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))
    refused(client.post("/plays", content=pieces, headers=JSON), 413)
    refused(client.request("GET", "/plays", content=body), 413)
    refused(client.post("/nowhere", content=body), 413)
    assert client.get("/plays").json() == []


def test_a_body_that_is_only_announced_is_refused_before_it_is_sent(
    both: tuple[Served, httpx.Client],
) -> None:
    head = b"POST /plays HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", both[0].port), 5) as raw:
        raw.sendall(head + b"Content-Length: 99999999999\r\n\r\n")
        answer = b""
        while piece := raw.recv(65536):  # the server closes: the rest is not wanted
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=0", "query limit must be at least 1"),
        ("limit=1001", "query limit must be at most 1000"),
        ("limit=1.0", "query limit must be a whole number"),
        ("limit=", "query limit must be a whole number"),
        ("offset=-1", "query offset must be at least 0"),
        ("limit=1&limit=2", "query limit is given more than once"),
        ("titel=a", "query titel is not a parameter"),
        ("title=%00", "U+0000"),
        ("title=%FF", "not valid UTF-8"),
        ("whole=yes", "query whole must be true or false"),
        ("kind=farce", "query kind must be one of 'tragedy' or 'comedy'"),
    ],
)
def test_bad_queries_are_400(client: httpx.Client, query: str, says: str) -> None:
    refused(client.get(f"/plays?{query}"), 400, says)


def test_lists_in_queries_may_be_repeated(client: httpx.Client) -> None:
    assert client.get("/plays?tags=a&tags=b").status_code == 200


@pytest.mark.parametrize(
    "play", ["x", "0", "-1", "1.0", "01x", "9007199254740992", "%00", "1e1", "%D9%A3"]
)
def test_a_path_id_that_is_none_is_400(client: httpx.Client, play: str) -> None:
    refused(client.get(f"/plays/{play}"), 400, "path playId")


@pytest.mark.parametrize(
    "path",
    ["/", "/play", "/plays/", "/plays/1/", "/plays//", "//plays", "/plays/1%2Fx", "/plays%2F1",
     "/..%2fplays", "/PLAYS", "/plays/1/parts"],
)  # fmt: skip
def test_unknown_addresses_are_404(client: httpx.Client, path: str) -> None:
    refused(client.get(path), 404, "nothing at this address")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/plays", "GET, HEAD, POST"),
        ("OPTIONS", "/plays", "GET, HEAD, POST"),
        ("TRACE", "/plays/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/plays/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("PUT", "/plays/best", "GET, HEAD"),  # not a play called "best"
        ("POST", "/health", "GET, HEAD"),
        ("BREW", "/odd/slow", "GET, HEAD"),
    ],
)
def test_other_methods_are_405_with_what_is_allowed(
    client: httpx.Client, method: str, path: str, allow: str
) -> None:
    answer = client.request(method, path)
    if method == "BREW" and answer.status_code == 400:  # the server's parser knows no such method
        return
    refused(answer, 405, "method")
    assert answer.headers["allow"] == allow


def test_head_is_answered_where_get_is(client: httpx.Client) -> None:
    answer = client.head("/plays")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-total-count"] == "0"


def test_a_literal_address_goes_before_a_parameter(client: httpx.Client) -> None:
    assert client.get("/plays/best").json()["title"] == "Hamlet"


def test_a_defect_is_500_without_a_word_of_it(client: httpx.Client) -> None:
    answer = client.post("/odd/defect", json={"title": "secret"})
    error = refused(answer, 500, answer.headers["x-request-id"])
    assert error["errorCode"] == "internal_error"
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text


def test_an_absent_store_says_when_to_ask_again(client: httpx.Client) -> None:
    answer = client.post("/plays", json={"title": "Away"})
    assert refused(answer, 503)["errorCode"] == "store_unavailable"
    assert answer.headers["retry-after"] == "7"


def test_request_ids_are_kept_when_harmless_and_made_otherwise(client: httpx.Client) -> None:
    def asked(value: str) -> str:
        answer = client.get("/plays", headers={"X-Request-Id": value})
        return str(answer.headers["x-request-id"])

    assert asked("8a1f#17") == "8a1f#17"
    for value in ("a b", '"', "x" * 200, "{}"):
        assert re.fullmatch("[0-9a-f]{32}", asked(value))
    assert refused(client.get("/nowhere", headers={"X-Request-Id": "id-1"}), 404)
    first, second = (client.get("/plays").headers["x-request-id"] for _ in range(2))
    assert first != second


def test_who_asks_is_what_the_gateway_says(client: httpx.Client) -> None:
    def actor(**headers: str) -> str:
        answer = client.get("/odd/slow?seconds=0", headers=headers)
        return str(answer.json()["actor"])

    assert actor() == "anonymous"
    assert actor(**{"X-Consumer-Username": "ann"}) == "ann"
    bad = client.get("/plays", headers={"X-Consumer-Username": b"\xff"})
    refused(bad, 400, "X-Consumer-Username")


def test_answers_are_not_cached_nor_guessed_at(client: httpx.Client) -> None:
    headers = client.get("/plays").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_streams_pass_piece_by_piece(client: httpx.Client) -> None:
    with client.stream("GET", "/odd/stream?pieces=500") as answer:
        text = "".join(answer.iter_text())
    assert text == "".join(f"piece {n}\n" for n in range(500))
    assert "content-length" not in answer.headers


def test_a_stream_that_breaks_is_cut_off_not_ended(client: httpx.Client) -> None:
    """A file that looks whole but is not would be worse than none."""
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/odd/stream?fail=true")


def test_a_caller_that_goes_away_harms_nobody(both: tuple[Served, httpx.Client]) -> None:
    head = b"POST /plays HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", both[0].port), 5) as raw:
            raw.sendall(head + b'Content-Length: 100\r\n\r\n{"title":')
    until = time.monotonic() + 5
    counted = 'story_requests_total{method="POST",route="/plays",status="499"} 5.0'
    while counted not in both[1].get("/metrics").text and time.monotonic() < until:
        time.sleep(0.02)
    assert counted in both[1].get("/metrics").text
    assert both[1].get("/plays").status_code == 200


def test_more_requests_than_there_is_room_for_are_503_at_once() -> None:
    with served(max_requests=3) as (_, client):
        answers: list[int] = []

        def ask() -> None:
            answers.append(client.get("/odd/slow?seconds=1").status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 5
        while len(answers) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        assert client.get("/health").status_code == 200
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200] * 3 + [503] * 5
        assert refused(client.get("/nowhere"), 404)

"""Requests through the stand-in, over real sockets to a real TLS upstream: routes and plugins.

The texts and numbers are those of Kong 3.9's own sources (kong/error_handlers.lua, the handlers
of its plugins).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.pki import Pki
from tests.labs import until
from tests.standin_kong import NAME, Got, Standin, Upstream, ident, route, service, standin

KEY = {"name": "key-auth", "config": {
    "key_names": ["x-api-key"], "key_in_query": False, "hide_credentials": True,
}}  # fmt: skip
CONSUMER = {"id": ident(9), "username": "storyteller", "keyauth_credentials": [
    {"id": ident(10), "key": "current-key"}, {"id": ident(11), "key": "next-key"},
]}  # fmt: skip


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("secrets"), "lab")


@pytest.fixture(scope="module")
def upstream(pki: Pki) -> Iterator[Upstream]:
    made = Upstream(pki)
    yield made
    made.close()


def document(pki: Pki, upstream: Upstream, folder: Path) -> dict[str, Any]:
    kong = service(pki, upstream.port)
    limit = {"day": 3, "month": 1000, "policy": "local"}
    size = {"allowed_payload_size": 1, "size_unit": "kilobytes"}
    origin = {
        "origins": ["https://a.example", "https://b.example"],
        "headers": ["X-Api-Key"],
        "methods": ["GET", "POST"],
        "max_age": 600,
        "exposed_headers": ["ETag"],
    }
    cache = {
        "strategy": "memory",
        "cache_ttl": 60,
        "content_type": ["application/json"],
        "response_headers": {"X-Cache-Key": False},
    }
    remove = {"remove": {"headers": ["X-Secret"]}, "add": {"headers": ["X-Added:yes"]}}
    fields = {"request.headers.x-story": "return nil"}
    kong["services"][0]["routes"] += [
        route("keyed", "~/keyed(/.*)?$", KEY),
        route("limited", "~/limited$", KEY, {"name": "rate-limiting", "config": limit}),
        route("small", "~/small$", {"name": "request-size-limiting", "config": size}),
        route("cors", "~/cors$", KEY | {"config": KEY["config"] | {"run_on_preflight": False}},
              {"name": "cors", "config": origin}, methods=["GET", "POST", "OPTIONS"]),
        route("cached", "~/cached$", KEY, {"name": "proxy-cache", "config": cache}),
        route("changed", "~/changed$", {"name": "request-transformer", "config": remove}),
        route("ended", "~/ended$", {"name": "request-termination",
                                    "config": {"status_code": 405, "message": "not here"}}),
        route("stripped", "/prefix", strip_path=True),
        route("hosted", "~/hosted$", preserve_host=True),
        route("secure", "~/secure$", protocols=["https"]),
        route("logged", "~/logged$", KEY, {"name": "file-log", "config": {
            "path": str(folder / "requests.log"), "reopen": True,
            "custom_fields_by_lua": fields}}),
    ]  # fmt: skip
    kong["consumers"] = [CONSUMER]
    kong["plugins"] = [
        {"name": "correlation-id", "config": {
            "header_name": "X-Request-Id", "generator": "uuid", "echo_downstream": True}},
        {"name": "prometheus", "config": {"status_code_metrics": True, "latency_metrics": True}},
    ]  # fmt: skip
    return kong


@pytest.fixture(scope="module")
def kong(
    pki: Pki, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standin]:
    folder = tmp_path_factory.mktemp("standin")
    with standin(folder, pki, document(pki, upstream, folder)) as made:
        yield made


def said(answer: Got) -> str:
    """The message of an answer of the gateway itself."""
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert set(answer.json) == {"message", "request_id"}
    assert answer.json["request_id"] == answer.headers["x-kong-request-id"]
    return str(answer.json["message"])


def test_an_upstream_is_reached_with_our_certificate_and_its_name(kong: Standin) -> None:
    answer = kong.get("/open/a%20b?c=%2F", X_Forwarded_For="9.9.9.9", X_Real_IP="8.8.8.8")
    assert answer.status == 200
    asked = answer.json
    assert (asked["path"], asked["sni"]) == ("/open/a%20b?c=%2F", [NAME])
    assert [["commonName", "operator"]] in asked["client"]
    headers = asked["headers"]
    assert headers["host"].startswith(NAME)
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == str(kong.proxy)
    assert headers["x-forwarded-path"] == "/open/a%20b"
    assert answer.headers["via"] == "1.1 kong/3.9.3+standin1"
    assert int(answer.headers["x-kong-upstream-latency"]) >= 0


def test_what_no_route_matches_is_404(kong: Standin) -> None:
    for path in ("/", "/opening/../nothing", "/keyedx", "/KEYED", "/metrics", "/status"):
        answer = kong.get(path)
        assert answer.status == 404, path
        assert said(answer) == "no Route matched with those values"
        assert answer.headers["server"] == "kong/3.9.3+standin1"
        assert answer.headers["x-request-id"]


def test_paths_are_normalised_before_routes_and_upstreams_see_them(kong: Standin) -> None:
    for path in ("/x/../open/a", "//open//a", "/%6fpen/./a", "/open/b/%2e%2e/a"):
        assert kong.get(path).json["path"] == "/open/a", path
    assert kong.get("/open/a%2fb").json["path"] == "/open/a%2Fb"
    assert kong.get("/open/%e4%b8%ad").json["path"] == "/open/%E4%B8%AD"


def test_key_auth(kong: Standin) -> None:
    none, wrong = kong.get("/keyed"), kong.get("/keyed", X_API_Key="no-such-key")
    assert (none.status, said(none)) == (401, "No API key found in request")
    assert (wrong.status, said(wrong)) == (401, "Unauthorized")
    assert none.headers["www-authenticate"] == wrong.headers["www-authenticate"] == "Key"
    assert kong.get("/keyed?x-api-key=current-key").status == 401
    for key in ("current-key", "next-key"):
        answer = kong.get("/keyed/a", x_api_key=key, X_Consumer_Username="root",
                          X_Consumer_ID="1", X_Anonymous_Consumer="true")  # fmt: skip
        headers = answer.json["headers"]
        assert headers["x-consumer-username"] == "storyteller"
        assert headers["x-consumer-id"] == ident(9)
        assert headers["x-credential-identifier"] in (ident(10), ident(11))
        assert "x-anonymous-consumer" not in headers
        assert "x-api-key" not in headers


def test_two_keys_in_one_request_are_refused(kong: Standin) -> None:
    connection = kong.connection()
    connection.putrequest("GET", "/keyed")
    connection.putheader("X-API-Key", "current-key")
    connection.putheader("X-API-Key", "next-key")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 401
    assert b"Duplicate API key found" in response.read()
    connection.close()


def test_rate_limit(kong: Standin) -> None:
    answers = [kong.get("/limited", x_api_key="current-key") for _ in range(4)]
    assert [a.status for a in answers] == [200, 200, 200, 429]
    assert [a.headers["x-ratelimit-remaining-day"] for a in answers] == ["2", "1", "0", "0"]
    assert {a.headers["ratelimit-limit"] for a in answers} == {"3"}
    assert answers[0].headers["x-ratelimit-limit-month"] == "1000"
    assert 1 <= int(answers[0].headers["ratelimit-reset"]) <= 86400
    assert said(answers[3]) == "API rate limit exceeded"
    assert answers[3].headers["retry-after"] == answers[3].headers["ratelimit-reset"]
    # Who has no key never gets as far as the limit.
    assert "ratelimit-limit" not in kong.get("/limited").headers


def test_bodies_too_large(kong: Standin) -> None:
    assert kong.ask("POST", "/small", b"x" * 1024).json["size"] == 1024
    over = kong.ask("POST", "/small", b"x" * 1025)
    assert (over.status, said(over)) == (413, "Request size limit exceeded")
    chunked = kong.connection()
    chunked.request("POST", "/small", iter([b"x" * 1000, b"x" * 1000]), encode_chunked=True,
                    headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert chunked.getresponse().status == 413
    chunked.close()
    # The gateway's own limit: nginx's, before any route is looked at.
    whole = kong.ask("POST", "/nowhere", b"x" * (4 * 2**20 + 1))
    assert (whole.status, said(whole)) == (413, "Payload too large")
    big = b"y" * 3_000_000
    assert kong.ask("POST", "/open", big).json["size"] == len(big)


def test_preflight_and_cors(kong: Standin) -> None:
    asked = {"Origin": "https://b.example", "Access_Control_Request_Method": "POST"}
    answer = kong.ask("OPTIONS", "/cors", **asked)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "https://b.example"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "X-Api-Key"
    assert answer.headers["access-control-max-age"] == "600"
    foreign = kong.ask("OPTIONS", "/cors", **asked | {"Origin": "https://c.example"})
    assert "access-control-allow-origin" not in foreign.headers
    # Refusals carry the origin too, or a page could not read them.
    refused = kong.get("/cors", Origin="https://a.example")
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    assert refused.headers["access-control-expose-headers"] == "ETag"
    # An OPTIONS without a route of that method is nobody's.
    assert kong.ask("OPTIONS", "/keyed", **asked).status == 401


def test_cache_is_kept_per_consumer(kong: Standin, upstream: Upstream) -> None:
    before = len(upstream.seen)
    first = kong.get("/cached", x_api_key="current-key")
    second = kong.get("/cached", x_api_key="next-key")  # another key of the same consumer
    assert (first.headers["x-cache-status"], second.headers["x-cache-status"]) == ("Miss", "Hit")
    assert first.body == second.body
    assert "x-cache-key" not in first.headers
    assert int(second.headers["age"]) >= 0
    assert len(upstream.seen) == before + 1
    assert kong.get("/cached").status == 401
    assert kong.get("/cached?a=1", x_api_key="current-key").headers["x-cache-status"] == "Miss"
    posted = kong.ask("POST", "/cached", x_api_key="current-key")
    assert posted.headers["x-cache-status"] == "Bypass"


def test_transformed_terminated_stripped_preserved(kong: Standin) -> None:
    headers = kong.get("/changed", X_Secret="no", X_Consumer="x").json["headers"]
    assert "x-secret" not in headers
    assert headers["x-added"] == "yes"
    ended = kong.get("/ended")
    assert (ended.status, said(ended)) == (405, "not here")
    stripped = kong.get("/prefix/a/b").json
    assert stripped["path"] == "/a/b"
    assert stripped["headers"]["x-forwarded-prefix"] == "/prefix"
    assert kong.get("/hosted", Host="story.example").json["headers"]["host"] == "story.example"


def test_plain_http_is_told_to_upgrade(kong: Standin) -> None:
    answer = kong.ask("GET", "/secure", port=kong.plain, tls=False)
    assert (answer.status, said(answer)) == (426, "Please use HTTPS protocol")


def test_correlation_id_is_kept_or_made(kong: Standin) -> None:
    given = kong.get("/open", X_Request_Id="my-own")
    assert given.headers["x-request-id"] == "my-own"
    made = kong.get("/open")
    assert made.json["headers"]["x-request-id"] == made.headers["x-request-id"]


def test_file_log_holds_no_key_and_what_was_left_out(kong: Standin) -> None:
    assert kong.get("/logged", x_api_key="current-key", X_Story="to be").status == 200
    log = kong.folder / "requests.log"
    until(lambda: log.exists() and log.read_text().endswith("\n"))  # written after the answer
    text = log.read_text()
    record = json.loads(text.splitlines()[-1])
    assert record["response"]["status"] == 200
    assert record["route"]["name"] == "logged"
    assert record["consumer"]["username"] == "storyteller"
    assert record["request"]["uri"] == "/logged"
    assert "current-key" not in text
    assert "to be" not in text


def test_metrics_and_status(kong: Standin) -> None:
    kong.get("/open")
    text = kong.ask("GET", "/metrics", port=kong.status, tls=False).body.decode()
    assert 'kong_http_requests_total{service="tales",route="open"' in text
    assert kong.ask("GET", "/none", port=kong.status, tls=False).status == 404
    status = kong.ask("GET", "/status", port=kong.status, tls=False).json
    assert status["server"]["total_requests"] > 0
    assert "not Kong" in status["standin"]


def test_answers_stream(kong: Standin) -> None:
    """The first line is there long before the last one was written."""
    connection = kong.connection()
    connection.request("GET", "/open/stream?8")
    response = connection.getresponse()
    first = response.readline()
    arrived = time.time()
    lines = [first, *response.read().splitlines()]
    assert len(lines) == 8
    assert arrived < float(lines[-1].split()[1])
    connection.close()


def test_connections_are_kept_on_both_sides(kong: Standin, upstream: Upstream) -> None:
    connection = kong.connection()
    before = len(upstream.snis)
    for number in range(20):
        connection.request("POST", "/open", b"x" * number)
        assert json.loads(connection.getresponse().read())["size"] == number
    assert len(upstream.snis) - before <= 1
    connection.request("HEAD", "/open")
    head = connection.getresponse()
    assert (head.status, head.read()) == (200, b"")
    connection.request("GET", "/open/status?204")
    assert connection.getresponse().read() == b""
    connection.close()


def test_nonsense_is_400_and_the_connection_ends(kong: Standin) -> None:
    for raw in (
        b"GET /open HTTP/1.1\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"no request at all\r\n\r\n",
    ):
        with kong.trust.wrap_socket(
            socket.create_connection(("127.0.0.1", kong.proxy), 10),
            server_hostname="127.0.0.1",
        ) as raw_socket:
            raw_socket.sendall(raw)
            assert raw_socket.makefile("rb").read().startswith(b"HTTP/1.1 400 ")

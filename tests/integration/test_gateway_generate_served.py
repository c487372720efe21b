"""A generated file in the stand-in, over real sockets and TLS: what the policy says happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.gateway import access_log
from deploys.gateway.generate import build
from deploys.gateway.operations import operations
from deploys.gateway.policy import SHIPPED, effective, parse
from deploys.pki import Pki
from tests.labs import until
from tests.standin_kong import Standin, Upstream, standin

KEY, NEXT, WRONG = "planted-current-key", "planted-next-key", "planted-wrong-key"
ORIGIN = "https://desk.example.org"
RULES = f"""
[[rules]]
operation = ["getScript", "changeScript"]
cors = ["{ORIGIN}"]
[[rules]]
operation = "addScript"
max_body_kb = 1
rate_limit = {{ minute = 2 }}
[[rules]]
operation = "getNews"
authentication = "none"
[[rules]]
operation = "listScripts"
log = false
"""


def document() -> dict[str, Any]:
    schemes = {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}}
    number = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}

    def operation(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        return {"operationId": name, "security": [{"ApiKey": []}], "parameters": [*parameters]}

    match = {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
    paths = {
        "/scripts": {"get": operation("listScripts"), "post": operation("addScript")},
        "/scripts/{id}": {
            "get": operation("getScript", number),
            "put": operation("changeScript", number, match),
            "delete": operation("deleteScript", number),
        },
        "/scripts/newest": {"get": operation("getNewest")},
        "/news": {"get": operation("getNews") | {"security": []}},
    }
    return {"paths": paths, "components": {"securitySchemes": schemes}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    pki = Pki(tmp_path_factory.mktemp("secrets"), "lab")
    upstream = Upstream(pki)
    certificate, key = pki.client_paths("gateway")
    policy = parse(SHIPPED.read_text().split("\n[[rules]]")[0] + RULES)
    docs = {"tales": document()}
    kong = build(
        docs,
        policy,
        {"tales": ["127.0.0.1"]},
        env="lab",
        ca_pem=pki.ca_path.read_bytes(),
        client_pem=certificate.read_bytes(),
        client_key=key.read_bytes(),
        consumers={"storyteller": [KEY, NEXT]},
    )
    for target in kong["upstreams"][0]["targets"]:  # app hosts have one port, tests a free one
        target["target"] = f"127.0.0.1:{upstream.port}"
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "log.conf").write_text(access_log.include(effective(policy, operations(docs))))
    conf = {
        "nginx_http_include": str(folder / "log.conf"),
        "proxy_access_log": access_log.directive(str(folder / "access.log")),
    }
    try:
        with standin(folder, pki, kong, **conf) as made:
            yield made
    finally:
        upstream.close()


def test_a_key_opens_and_goes_no_further(gateway: Standin) -> None:
    for key in (KEY, NEXT):
        answer = gateway.get("/scripts/7?q=1", X_API_KEY=key, X_Consumer_Username="somebody")
        assert answer.status == 200
        asked = answer.json
        assert asked["path"] == "/scripts/7?q=1"
        assert asked["headers"]["x-consumer-username"] == "storyteller"
        assert asked["sni"] == ["tales.app.fountainai.internal"]
        assert asked["headers"]["host"].split(":")[0] == "tales.app.fountainai.internal"
        assert asked["headers"]["x-request-id"] == answer.headers["x-request-id"]
        assert "planted" not in json.dumps(asked)
        assert "gateway" in json.dumps(asked["client"])


@pytest.mark.parametrize("headers", [{}, {"X_API_KEY": WRONG}, {"apikey": KEY}])
def test_without_the_key_nothing_opens(gateway: Standin, headers: dict[str, str]) -> None:
    assert gateway.get("/scripts/7", **headers).status == 401
    assert gateway.get(f"/scripts/7?X-API-KEY={KEY}").status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/scripts/"), ("GET", "/scripts/seven"), ("PATCH", "/scripts/7"),
        ("GET", "/scripts/7/notes"), ("GET", "/health"), ("GET", "/metrics"), ("HEAD", "/scripts"),
        ("OPTIONS", "/scripts"), ("GET", "/openapi.json"), ("GET", "/Scripts"),
    ],
)  # fmt: skip
def test_what_is_not_documented_has_no_route(gateway: Standin, method: str, path: str) -> None:
    assert gateway.ask(method, path, X_API_KEY=KEY).status == 404


def test_the_more_specific_route_answers(gateway: Standin) -> None:
    assert gateway.get("/scripts/newest", X_API_KEY=KEY).json["path"] == "/scripts/newest"


def test_an_open_route_tells_nobody_who_asks(gateway: Standin) -> None:
    answer = gateway.get("/news", X_Consumer_Username="storyteller", X_API_KEY=KEY)
    assert answer.status == 200
    assert not {"x-consumer-username", "x-api-key"} & set(answer.json["headers"])


def test_limits_hold(gateway: Standin) -> None:
    assert gateway.ask("POST", "/scripts", b"x" * 1025, X_API_KEY=KEY).status == 413
    found = [gateway.ask("POST", "/scripts", b"x", X_API_KEY=KEY) for _ in range(4)]
    assert found[-1].status == 429
    assert int(found[-1].headers["retry-after"]) <= 60
    assert gateway.get("/scripts", X_API_KEY=KEY).status == 200  # another operation's count


def test_browsers_get_what_the_policy_allows(gateway: Standin) -> None:
    asked = {"Origin": ORIGIN, "Access_Control_Request_Method": "PUT"}
    answer = gateway.ask("OPTIONS", "/scripts/7", **asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert set(answer.headers["access-control-allow-methods"].split(",")) == {"GET", "PUT"}
    assert "If-Match" in answer.headers["access-control-allow-headers"]
    assert gateway.ask("OPTIONS", "/scripts/7").status == 405
    real = gateway.get("/scripts/7", X_API_KEY=KEY, Origin=ORIGIN)
    assert real.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in gateway.get("/news", Origin=ORIGIN).headers


def test_the_log_tells_requests_and_no_secret(gateway: Standin) -> None:
    for path in (f"/scripts/7?comment={WRONG}", f"/{WRONG}", "/scripts", "/scripts/8"):
        gateway.get(path, X_API_KEY=KEY, User_Agent=WRONG)
    log = gateway.folder / "access.log"
    until(lambda: '"/scripts/8"' in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"/scripts/7", "/scripts/8", "-"} <= {line["path"] for line in lines}
    assert "storyteller" in {line["consumer"] for line in lines}
    assert not [line for line in lines if line["method"] == "GET" and line["path"] == "/scripts"]
    for file in (*gateway.folder.glob("**/*.log"), log):
        assert "planted" not in Path(file).read_text()

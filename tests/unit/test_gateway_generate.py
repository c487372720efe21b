"""The gateway's file from the services' own documents: all operations, nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.gateway import proof, validate
from deploys.gateway.balancing import ILL, WELL
from deploys.gateway.effective import table
from deploys.gateway.generate import build, gateway, plugin_names, redacted
from deploys.gateway.operations import GatewayError, Operation, operations
from deploys.gateway.plugins import CONSUMER_HEADERS
from deploys.gateway.policy import SHIPPED, Policy, effective, load, parse
from deploys.gateway.render import render
from deploys.pki import Pki
from deploys.placement import upstream_name
from deploys.secrets import Secret
from story_services.common.settings import SERVICES
from story_services.main import services
from story_services.openapi import documents

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"client_key": Secret(b"planted-client-key"), "current": b"planted-current-key"}
UPSTREAMS = {name.replace("_", "-"): ["10.0.0.5"] for name in SERVICES}
Entity = dict[str, Any]


@pytest.fixture(scope="module")
def docs() -> dict[str, Any]:
    return documents(services())


def made(docs: dict[str, Any], policy: Policy | None = None, **changed: Any) -> Entity:
    given = {
        "env": "lab",
        "ca_pem": "CA",
        "client_pem": b"CERTIFICATE",
        "client_key": SECRETS["client_key"],
        "consumers": {"storyteller": [SECRETS["current"], "planted-previous-key"]},
    }
    upstreams = changed.pop("upstreams", UPSTREAMS)
    return build(docs, policy or load(), upstreams, **given | changed)


def with_rules(rules: str) -> Policy:
    return parse(SHIPPED.read_text() + rules)


def routes(kong: Entity) -> Iterator[tuple[Entity, Entity]]:
    return ((service, route) for service in kong["services"] for route in service["routes"])


def plugins(route: Entity) -> dict[str, Entity]:
    return {plugin["name"]: plugin["config"] for plugin in route["plugins"]}


def route(kong: Entity, name: str) -> Entity:
    return next(route for _, route in routes(kong) if route["name"] == name)


def entities(value: Any) -> Iterator[Entity]:
    """Everything in the file that has an id of its own; a mere reference has nothing else."""
    if isinstance(value, dict):
        if "id" in value and len(value) > 1:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from entities(inner)


def sample(operation: Operation) -> str:
    values = {
        n: str(s["enum"][-1]) if "enum" in s else "7" for n, s in operation.path_schemas().items()
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], operation.path)


def hit(kong: Entity, method: str, path: str) -> str | None:
    """The route Kong takes: of those that match, the highest priority; never a tie."""
    found = [
        (r["regex_priority"], r["name"])
        for _, r in routes(kong)
        if method in r["methods"] and any(re.match(p[1:], path) for p in r["paths"])
    ]
    assert len({priority for priority, _ in found}) == len(found)
    return max(found)[1] if found else None


def test_every_operation_of_the_services_reaches_its_own_route(docs: dict[str, Any]) -> None:
    documented = operations(docs)
    assert len(documented) == 117
    kong = made(docs)
    assert sum(1 for _ in routes(kong)) == 116  # health is not for the outside
    for operation in documented:
        wanted = None if operation.path == "/health" else operation.operation_id
        assert hit(kong, operation.method, sample(operation)) == wanted
    owners = {r["name"]: s["host"] for s, r in routes(kong)}
    assert all(
        owners[o.operation_id] == upstream_name(o.service)
        for o in documented
        if o.path != "/health"
    )


def test_nothing_else_is_reachable(docs: dict[str, Any]) -> None:
    kong = made(docs)
    documented = {(o.method, o.path): o for o in operations(docs)}
    for path in ("/", "/health", "/metrics", "/docs", "/openapi.json", "/scripts/", "//scripts"):
        assert hit(kong, "GET", path) is None
    for operation in documented.values():
        address = sample(operation)
        for near in (address + "/", address + "/x", "/x" + address, address.upper(), address + "x"):
            # a wider template may take it (no text parameter is documented today)
            assert near == address or hit(kong, operation.method, near) is None, near
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}:
            if (method, operation.path) not in documented:
                other = hit(kong, method, address)
                assert other is None or other in {o.operation_id for o in documented.values()}
                assert other != operation.operation_id


EVERYTHING = """
[[rules]]
service = ["core-script", "characters"]
cors = ["https://desk.example.org", "http://localhost:8080"]
[[rules]]
operation = ["exportStory", "listScripts"]
cache_seconds = 30
[[rules]]
operation = ["getHealth", "listPerformers"]
reachable = true
authentication = "none"
[[rules]]
method = "DELETE"
rate_limit = { hour = 100 }
timeout_ms = { connect = 1000, read = 1000 }
[[pages]]
path = "/docs"
service = "story-factory"
"""


@pytest.mark.parametrize(
    ("rules", "hosts"), [("", ["10.0.0.5"]), (EVERYTHING, ["10.0.0.5", "10.0.0.6"])]
)
def test_the_file_is_valid_and_proven(
    docs: dict[str, Any], tmp_path: Path, rules: str, hosts: list[str]
) -> None:
    pki = Pki(tmp_path / "lab", "lab")
    pki.ensure()
    certificate, key = pki.client_paths("gateway")
    policy = with_rules(rules)
    kong = made(
        docs,
        policy,
        upstreams=dict.fromkeys(UPSTREAMS, hosts),
        ca_pem=pki.ca_path.read_bytes(),
        client_pem=certificate.read_bytes(),
        client_key=Secret(key.read_bytes()),
    )
    assert validate.parse(render(kong)) == kong
    assert validate.problems(kong) == []
    known = policy.operations(operations(docs))
    open_ones = [o for o, chosen in effective(policy, known).items() if chosen.reachable]
    assert proof.prove(known, kong, reachable=open_ones) == []


def test_every_route_is_keyed_and_limited(docs: dict[str, Any]) -> None:
    for service, one in routes(made(docs)):
        found = plugins(one)
        assert set(found) == {"key-auth", "rate-limiting", "request-size-limiting"}
        auth = found["key-auth"]
        assert auth["key_names"] == ["X-API-KEY"]
        assert auth["hide_credentials"] is True
        assert (auth["key_in_query"], auth["key_in_body"]) == (False, False)
        assert found["rate-limiting"]["policy"] == "local"
        assert (one["strip_path"], one["preserve_host"], one["protocols"]) == (
            False,
            False,
            ["https"],
        )
        assert service["tls_verify"] is True
        assert service["protocol"] == "https"


def test_each_operation_gets_what_the_policy_says(docs: dict[str, Any]) -> None:
    kong, found = made(docs), operations(docs)
    by_name = {r["name"]: (s, plugins(r)) for s, r in routes(kong)}
    for operation, wanted in effective(load(), found).items():
        if not wanted.reachable:
            continue
        service, has = by_name[operation.operation_id]
        assert service["read_timeout"] == service["write_timeout"] == wanted.timeout_ms.read
        assert service["connect_timeout"] == wanted.timeout_ms.connect
        assert has["request-size-limiting"]["allowed_payload_size"] == wanted.max_body_kb
        assert has["rate-limiting"]["minute"] == wanted.rate_limit.minute
    assert by_name["createElements"][1]["request-size-limiting"]["allowed_payload_size"] == 2048
    assert by_name["getFullStory"][0]["read_timeout"] == 60_000
    names = {s["name"] for s in kong["services"]}
    assert set(UPSTREAMS) <= names  # each story service has one of its name


def test_ids_are_explicit_unique_and_for_ever(docs: dict[str, Any]) -> None:
    kong = made(docs)
    found = Counter(entity["id"] for entity in entities(kong))
    assert [i for i, times in found.items() if times > 1] == []
    named = [e for e in entities(kong) if "name" in e or "username" in e or "target" in e]
    assert len(named) > 450
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}", i) for i in found)
    # another id would forget the counters of every limit on running gateways
    assert route(kong, "listScripts")["id"] == "88610329-f53e-553c-9a8d-62f9b4988932"
    more = made(docs, with_rules("[[rules]]\noperation='listScripts'\ncache_seconds=5\n"))
    assert set(found) < {entity["id"] for entity in entities(more)}


def shuffled(value: Any, by: random.Random) -> Any:
    """The same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        by.shuffle(keys)
        return {key: shuffled(value[key], by) for key in keys}
    return [shuffled(item, by) for item in value] if isinstance(value, list) else value


def test_the_bytes_do_not_depend_on_order(docs: dict[str, Any]) -> None:
    upstreams = {name: ["10.0.0.5", "10.0.0.6"] for name in UPSTREAMS}
    keys = {"a": [b"1"], "b": [b"2"]}
    first = render(made(docs, upstreams=upstreams, consumers=keys))
    for seed in range(3):
        by = random.Random(seed)
        turned = {name: hosts[::-1] for name, hosts in shuffled(upstreams, by).items()}
        again = made(shuffled(docs, by), upstreams=turned, consumers=shuffled(keys, by))
        assert render(again) == first


def test_the_bytes_are_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from tests.unit.test_gateway_generate import made, render, documents,"
        " services; print(hashlib.sha256(render(made(documents(services())))).hexdigest())"
    )
    found = {hashlib.sha256(render(made(documents(services())))).hexdigest()}
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {done.stdout.strip()} == found


def test_the_file_says_what_it_was_made_from(docs: dict[str, Any]) -> None:
    comment = made(docs)["_comment"]
    assert load().digest in comment
    changed = json.loads(json.dumps(docs))
    changed["characters"]["info"]["title"] = "Other"
    assert made(changed)["_comment"] != comment
    assert str(ROOT) not in comment


def test_no_secret_is_in_the_redacted_twin_or_in_an_id(docs: dict[str, Any]) -> None:
    kong = made(docs)
    text = render(kong).decode()
    assert text.count("planted-") == 3
    twin = render(redacted(kong, b"record key")).decode()
    assert "planted" not in twin
    assert {e["id"] for e in entities(kong)} == {
        e["id"] for e in entities(made(docs, consumers={"storyteller": [b"other", b"more"]}))
    }


def test_an_open_operation_cannot_be_told_who_asks(docs: dict[str, Any]) -> None:
    rules = "[[rules]]\noperation='getHealth'\nreachable=true\nauthentication='none'\n"
    kong = made(docs, with_rules(rules))
    found = plugins(route(kong, "getHealth"))
    assert "key-auth" not in found
    removed = found["request-transformer"]["remove"]["headers"]
    assert set(removed) == {*CONSUMER_HEADERS, "X-API-KEY"}
    assert found["rate-limiting"]["limit_by"] == "ip"
    assert "request-transformer" in plugin_names(kong)


CORS = "[[rules]]\ntag='scripts'\ncors=['https://desk.example.org']\n"


def test_browsers_get_their_preflight_and_nothing_more(docs: dict[str, Any]) -> None:
    kong = made(docs, with_rules(CORS))
    assert hit(kong, "OPTIONS", "/scripts/7") == "preflight-deleteScript"
    found = plugins(route(kong, "preflight-deleteScript"))
    assert set(found) == {"cors", "request-termination"}
    assert found["cors"]["methods"] == ["DELETE", "GET", "PATCH", "PUT"]
    assert {"X-API-KEY", "If-Match", "Content-Type"} <= set(found["cors"]["headers"])
    assert found["cors"]["origins"] == ["https://desk.example.org"]
    assert found["cors"]["preflight_continue"] is False
    assert plugins(route(kong, "getScriptById"))["cors"]["methods"] == ["GET"]
    assert "ETag" in plugins(route(kong, "getScriptById"))["cors"]["exposed_headers"]
    assert hit(kong, "OPTIONS", "/lines") is None
    assert sum(1 for _, r in routes(kong) if "OPTIONS" in r["methods"]) == 2


def test_one_address_cannot_have_two_sets_of_origins(docs: dict[str, Any]) -> None:
    rules = CORS + "[[rules]]\noperation='getScriptById'\ncors=['https://other.example.org']\n"
    with pytest.raises(GatewayError, match="need the same cors origins"):
        made(docs, with_rules(rules))


def test_a_cache_is_of_the_consumer_and_tells_no_key(docs: dict[str, Any]) -> None:
    kong = made(docs, with_rules("[[rules]]\noperation='exportStory'\ncache_seconds=30\n"))
    cache = plugins(route(kong, "exportStory"))["proxy-cache"]
    assert (cache["strategy"], cache["cache_ttl"], cache["request_method"]) == (
        "memory",
        30,
        ["GET"],
    )
    assert cache["response_headers"]["X-Cache-Key"] is False
    assert "key-auth" in plugins(route(kong, "exportStory"))


def test_documents_are_published_on_request_only(docs: dict[str, Any]) -> None:
    page = "[[pages]]\npath='/openapi.json'\nservice='story-factory'\n"
    kong = made(docs, with_rules(page))
    assert hit(kong, "GET", "/openapi.json") == "getOpenapiDocument"
    assert "key-auth" in plugins(route(kong, "getOpenapiDocument"))


def test_one_host_is_never_left_out_and_several_are_watched(docs: dict[str, Any]) -> None:
    assert all("healthchecks" not in u for u in made(docs)["upstreams"])
    two = {**UPSTREAMS, "characters": ["10.0.0.6", "10.0.0.5", "10.0.0.6"]}
    upstreams = {u["name"]: u for u in made(docs, upstreams=two)["upstreams"]}
    found = upstreams["characters.app.fountainai.internal"]
    assert [t["target"] for t in found["targets"]] == ["10.0.0.5:8443", "10.0.0.6:8443"]
    active = found["healthchecks"]["active"]
    assert active["https_sni"] == found["host_header"] == found["name"]
    assert active["https_verify_certificate"] is True
    assert not set(WELL) & set(ILL)
    assert {200, 204} <= set(WELL)
    assert {302, 400, 403, 404, 421, 429, 495, 496, 500, 502, 503, 504} <= set(ILL)
    assert "healthchecks" not in upstreams["performers.app.fountainai.internal"]


@pytest.mark.parametrize("end", ["\n", ""])
def test_two_authorities_are_two_entries_that_every_service_trusts(
    docs: dict[str, Any], tmp_path: Path, end: str
) -> None:
    """Kong refuses two certificates in one; there are two while the authority is replaced."""
    pems = []
    for name in ("old", "new"):
        pki = Pki(tmp_path / name, "lab")
        pki.ensure()
        pems.append(pki.ca_path.read_text().strip() + "\n")
    kong = made(docs, ca_pem="".join(pems).strip() + end)
    assert [each["cert"] for each in kong["ca_certificates"]] == pems
    ids = [each["id"] for each in kong["ca_certificates"]]
    assert len(set(ids)) == 2
    assert all(service["ca_certificates"] == ids for service in kong["services"])
    one = made(docs, ca_pem=pems[0])
    assert [each["id"] for each in one["ca_certificates"]] == ids[:1]


def test_a_service_that_no_host_has_is_refused(docs: dict[str, Any]) -> None:
    with pytest.raises(GatewayError, match="lab: no app host has characters, performers; give"):
        made(docs, upstreams={**UPSTREAMS, "characters": [], "performers": ()})


@pytest.mark.parametrize(
    ("consumers", "told"),
    [
        ({"a": [b"planted"], "b": [b"planted"]}, "consumer b: one of its keys is a's already"),
        ({"a": [b"planted", "planted"]}, "consumer a: one of its keys is a's already"),
        ({"a": [b" \n"]}, "consumer a: a key must be visible ASCII"),
        ({"a": ["plan ted"]}, "consumer a: a key must be visible ASCII"),
    ],
)
def test_an_unusable_key_is_refused_without_showing_it(
    docs: dict[str, Any], consumers: dict[str, Any], told: str
) -> None:
    with pytest.raises(GatewayError, match=told) as caught:
        made(docs, consumers=consumers)
    assert "planted" not in str(caught.value)


def document(path: str, method: str = "get", **operation: Any) -> dict[str, Any]:
    schemes = {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    }
    raw = {"operationId": "getX", "security": [{"ApiKey": []}]} | operation
    return {"paths": {path: {method: raw}}, "components": {"securitySchemes": schemes}}


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ({"b": document("/x"), "a": document("/x", operationId="other")},
         r"GET /x is claimed by a \(other\) and b \(getX\)"),
        ({"b": document("/x"), "a": document("/y")},
         r"'getX' is used by a \(GET /y\) and b \(GET /x\)"),
        ({"b": document("/x", operationId="")}, "b: GET /x has no operationId"),
        ({"b": document("/x", "trace")}, "b: /x: method 'trace' has no route; valid: delete"),
        ({"b": document("/x", security=[{"ApiKey": [], "Cookie": []}])},
         "security scheme 'Cookie', which the gateway cannot check; valid: apiKey in header"),
        ({"b": document("/x", security=[{"Unknown": []}])}, "security scheme 'Unknown'"),
        ({"b": document("//x")}, "b: //x: a path starts with one /"),
        ({"b": document("/x", parameters=[{"$ref": "#/components/none"}])}, "leads nowhere"),
        ({"a": document("/health"), "b": document("/health", summary="!")}, "a and b describe it"),
    ],
)  # fmt: skip
def test_documents_that_cannot_be_routed_are_refused(documents: Any, told: str) -> None:
    with pytest.raises(GatewayError, match=told):
        operations(documents)


@pytest.mark.parametrize(
    ("security", "secured"),
    [([{"ApiKey": []}], True), ([], False), ([{"ApiKey": []}, {}], False)],
)
def test_what_a_document_asks_of_security_is_read(security: Any, secured: bool) -> None:
    assert operations({"a": document("/x", security=security)})[0].secured is secured


def test_parameters_of_the_path_item_are_read_and_overridden() -> None:
    there = {
        "name": "p",
        "in": "path",
        "required": True,
        "schema": {"$ref": "#/components/schemas/P"},
    }
    own = {"name": "p", "in": "path", "required": True, "schema": {"type": "string"}}
    made = document("/x/{p}")
    made["components"]["schemas"] = {"P": {"type": "integer"}}
    made["paths"]["/x/{p}"]["parameters"] = [there]
    assert operations({"a": made})[0].path_schemas() == {"p": {"type": "integer"}}
    made["paths"]["/x/{p}"]["get"]["parameters"] = [own]
    assert operations({"a": made})[0].path_schemas() == {"p": {"type": "string"}}
    assert operations({"a": made})[0].pointer == "/paths/~1x~1{p}/get"


def test_the_table_has_a_line_for_every_operation(docs: dict[str, Any]) -> None:
    found = operations(docs)
    policy = with_rules(CORS)
    lines = table(effective(policy, found)).splitlines()
    assert len(lines) == 118
    assert lines[0].split()[:5] == ["METHOD", "PATH", "OPERATION", "SERVICE", "KEY"]
    scripts = next(line for line in lines if " listScripts " in line)
    assert "needed" in scripts
    assert "3000/min 60000/h" in scripts
    assert "https://desk.example.org" in scripts
    assert lines[-1].endswith("not reachable")
    argv = [sys.executable, "-m", "deploys.gateway.effective"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == table(effective(load(), found))
    bad = subprocess.run([*argv, "nowhere.toml"], cwd=ROOT, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("error: nowhere.toml: ")


def test_gateway_takes_operations_as_they_are() -> None:
    kong = gateway(
        [Operation("a", "GET", "/x", "getX")],
        parse(SHIPPED.read_text().split("\n[[rules]]")[0]),
        {"a": ["10.0.0.5"], "unused": []},
        env="e",
        ca_pem=b"",
        client_pem="",
        client_key="",
        consumers={},
    )
    assert [r["name"] for _, r in routes(kong)] == ["getX"]
    assert [u["name"] for u in kong["upstreams"]] == ["a.app.fountainai.internal"]

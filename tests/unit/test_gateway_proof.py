"""The proof over the services' own documents, and that it finds every way to be wrong."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from deploys.gateway.generate import build
from deploys.gateway.operations import Operation, Parameter, operations
from deploys.gateway.policy import SHIPPED, Policy, effective, load, parse
from deploys.gateway.proof import prove
from deploys.gateway.samples import samples
from deploys.gateway.validate import problems
from story_services.main import services
from story_services.openapi import documents
from tests.gateway_example import example, pems, plugin, route, service, uid

Kong = dict[str, Any]

DOCUMENTS = json.loads(json.dumps(documents(services())))


def made(policy: Policy, hosts: int = 1) -> tuple[tuple[Operation, ...], Kong, list[Operation]]:
    """All operations, the generated file, and those that the policy lets through."""
    certificate, key = pems()
    kong = build(
        DOCUMENTS,
        policy,
        {name: [f"10.0.0.{n + 1}" for n in range(hosts)] for name in DOCUMENTS},
        env="test",
        ca_pem=certificate,
        client_pem=certificate,
        client_key=key,
        consumers={"storyteller": ["planted-one", "planted-two"]},
    )
    known = policy.operations(operations(DOCUMENTS))
    reachable = [o for o, chosen in effective(policy, known).items() if chosen.reachable]
    return known, kong, reachable


@pytest.fixture(scope="module")
def shipped() -> tuple[tuple[Operation, ...], Kong, list[Operation]]:
    return made(load())


def test_every_operation_is_reached_and_nothing_else(shipped: Any) -> None:
    known, kong, reachable = shipped
    assert len(reachable) > 100
    assert prove(known, kong, reachable=reachable) == []
    assert problems(kong) == []


def test_several_hosts_and_browsers_and_published_pages_keep_the_proof() -> None:
    """Preflight routes answer OPTIONS themselves; a page is reached because the policy says so."""
    shipped = SHIPPED.read_text().replace("cors = [] ", 'cors = ["https://desk.example.org"] ', 1)
    policy = parse(shipped + '[[pages]]\npath = "/openapi.json"\nservice = "story-factory"\n')
    known, kong, reachable = made(policy, hosts=3)
    assert any(r["name"].startswith("preflight") for s in kong["services"] for r in s["routes"])
    assert prove(known, kong, reachable=reachable) == []
    assert problems(kong) == []


def test_what_the_policy_closes_is_closed(shipped: Any) -> None:
    """The file still routes what the policy, asked again, does not let through."""
    known, kong, reachable = shipped
    closed = reachable[5]
    told = prove(known, kong, reachable=[o for o in reachable if o is not closed])
    assert any(closed.operation_id in line for line in told)
    assert any("nobody documented it" in line for line in told)


def of(kong: Kong, name: str) -> dict[str, Any]:
    return next(r for s in kong["services"] for r in s["routes"] if r["name"] == name)


def widened(pattern: str) -> str:
    return pattern.replace("[0-9]+", "[^/]+") if "[0-9]+" in pattern else pattern[:-1] + ".*$"


DAMAGE: dict[str, Callable[[Kong, dict[str, Any]], Any]] = {
    "taken out": lambda k, r: [s["routes"].remove(r) for s in k["services"] if r in s["routes"]],
    "no end": lambda k, r: r.update(paths=[r["paths"][0].removesuffix("$")]),
    "wider": lambda k, r: r.update(paths=[widened(r["paths"][0])]),
    "not the whole": lambda k, r: r.update(paths=["~" + r["paths"][0].rpartition("/")[0] + "$"]),
    "trailing slash": lambda k, r: r.update(paths=[r["paths"][0].removesuffix("$") + "/?$"]),
    "any case": lambda k, r: r.update(
        paths=["~/[A-Za-z]" + r["paths"][0].removeprefix("~/")[1:]]),
    "prefix": lambda k, r: r.update(paths=["/" + r["paths"][0].removeprefix("~/").partition("/")[0]
                                          .removesuffix("$")]),
    "any method": lambda k, r: r.pop("methods"),
    "one more method": lambda k, r: r.update(methods=[*r["methods"], "TRACE"]),
    "another method": lambda k, r: r.update(methods=["PROPFIND"]),
    "a host": lambda k, r: r.update(hosts=["other.example.org"]),
    "a header": lambda k, r: r.update(headers={"x-debug": ["1"]}),
    "another name": lambda k, r: r.update(name="somethingElse"),
    "another service": lambda k, r: [
        k["services"][0]["routes"].remove(r), k["services"][-1]["routes"].append(r)
    ] if r in k["services"][0]["routes"] else [
        s["routes"].remove(r) for s in k["services"] if r in s["routes"]
    ] + [k["services"][0]["routes"].append(r)],
    "a twin": lambda k, r: k["services"][0]["routes"].append(r | {"id": uid("t"), "name": "twin"}),
    "a catch-all": lambda k, r: r.update(paths=["~/.*$"]),
}  # fmt: skip


def damaged(shipped: Any, damage: str, routes: int) -> None:
    known, whole, reachable = shipped
    for operation in random.Random(damage).sample(reachable, routes):
        kong = copy.deepcopy(whole)
        DAMAGE[damage](kong, of(kong, operation.operation_id))
        assert prove(known, kong, reachable=reachable), operation.label


@pytest.mark.parametrize("damage", DAMAGE)
def test_any_damage_to_a_route_is_found(shipped: Any, damage: str) -> None:
    damaged(shipped, damage, 1)


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGE)
def test_any_damage_to_any_of_many_routes_is_found(shipped: Any, damage: str) -> None:
    damaged(shipped, damage, 20)


UNDOCUMENTED = (
    route("metrics", "GET", "/metrics"),
    route("docs", "GET", "/docs"),
    route("openApi", "GET", "/openapi.json"),
    route("everything", "GET", "/") | {"paths": ["/"]},
    route("options", "OPTIONS", "/characters"),
)


@pytest.mark.parametrize("extra", UNDOCUMENTED, ids=lambda r: str(r["name"]))
def test_a_route_that_nobody_documented_is_found(shipped: Any, extra: dict[str, Any]) -> None:
    known, whole, reachable = shipped
    kong = copy.deepcopy(whole)
    kong["services"][0]["routes"].append(extra)
    told = prove(known, kong, reachable=reachable)
    assert any(extra["name"] in line for line in told)


def operation(name: str, path: str, schema: dict[str, Any] | None = None) -> Operation:
    parameters = () if schema is None else (Parameter("p", "path", True, schema),)
    return Operation("characters", "GET", path, name, parameters=parameters)


def test_shadowing_and_ties_are_told() -> None:
    """Two routes that both match: the wrong one first, then only their ids between them."""
    known = (operation("fixed", "/a/me"), operation("any", "/a/{p}", {"type": "string"}))
    kong = example() | {
        "services": [service("characters", route("fixed", "GET", "/a/me", 1),
                             route("any", "GET", "/a/[^/]+", 2))]
    }  # fmt: skip
    assert any("GET /a/me (fixed)" in line and "reaches any" in line for line in prove(known, kong))
    first, second = kong["services"][0]["routes"]
    first["regex_priority"] = second["regex_priority"] = 1
    low, high = sorted([first["id"], second["id"]])
    first["id"], second["id"] = high, low
    assert any("only its id puts its route before any" in line for line in prove(known, kong))
    first["regex_priority"] = 2
    assert prove(known, kong) == []


def test_an_escaped_slash_stays_in_its_segment_and_dots_never_lead_elsewhere() -> None:
    known = (operation("one", "/a/{p}", {"type": "string"}),)
    good = example() | {"services": [service("characters", route("one", "GET", "/a/[^/]+"))]}
    assert prove(known, good) == []
    loose = example() | {"services": [service("characters", route("one", "GET", "/a/.+"))]}
    assert any("nobody documented it" in line for line in prove(known, loose))


def test_a_preflight_route_that_sends_requests_on_is_no_preflight() -> None:
    known = (operation("one", "/a"),)
    own = route("one", "GET", "/a")
    answers = route("preflight-one", "OPTIONS", "/a", plugins=[
        plugin("cors", "o"), plugin("request-termination", "o", status_code=405)])  # fmt: skip
    assert prove(known, {"services": [service("characters", own, answers)]}) == []
    for plugins in (
        [],
        [plugin("request-termination", "o") | {"enabled": False}],
        [plugin("request-termination", "o", trigger="x-stop")],
    ):
        kong = {"services": [service("characters", own, answers | {"plugins": plugins})]}
        assert prove(known, kong), plugins


@pytest.mark.parametrize(
    ("schema", "holds", "lacks"),
    [
        ({"type": "integer", "minimum": 3, "maximum": 9}, ["/a/3", "/a/9"], ["/a/2", "/a/10"]),
        ({"enum": ["é", "b/c"]}, ["/a/%C3%A9", "/a/b%2Fc"], ["/a/x"]),
        ({"type": "boolean"}, ["/a/true", "/a/false"], ["/a/True"]),
        ({"type": "string", "maxLength": 3}, ["/a/zq7"], []),
        ({"type": "string", "pattern": "^[0-9]$"}, ["/a/0"], ["/a/zq7"]),
        ({"type": "string", "pattern": "^x{4}$", "examples": ["xxxx"]}, ["/a/xxxx"], []),
    ],
)
def test_samples_follow_the_schema(
    schema: dict[str, Any], holds: list[str], lacks: list[str]
) -> None:
    promised = samples(operation("one", "/a/{p}", schema)).promised
    assert set(holds) <= set(promised)
    assert not set(lacks) & set(promised)


def test_a_parameter_without_a_sample_is_an_error_that_says_so() -> None:
    one = operation("one", "/a/{p}", {"type": "string", "pattern": "^x{4}$"})
    with pytest.raises(ValueError, match="no sample for p; give it an example"):
        samples(one)
    kong = {"services": [service("characters", route("one", "GET", "/a/x{4}"))]}
    assert prove([one], kong) == ["GET /a/{p} (one): no sample for p; give it an example"]


def test_every_operation_has_several_samples_and_hostile_ones() -> None:
    for one in operations(DOCUMENTS):
        found = samples(one)
        assert found.promised
        if "{" in one.path:
            assert len(found.promised) > 3
            assert any("%2F" in path for path in found.hostile)
            assert any("/.." in path for path in found.hostile)
            assert any("%C3%A9" in path for path in found.hostile)

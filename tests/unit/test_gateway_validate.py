"""Every rule of the offline validator finds what it is for, where it is, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploys.gateway.validate import Problem, problems
from tests.gateway_example import SECRET_KEY, example, plugin, route, uid

Kong = dict[str, Any]
Change = Callable[[Kong], Any]


def broken(change: Change) -> list[Problem]:
    kong = example()
    change(kong)
    return problems(kong)


def first_route(kong: Kong) -> dict[str, Any]:
    return kong["services"][0]["routes"][0]  # type: ignore[no-any-return]


def setting(name: str, **config: Any) -> Change:
    """A further plugin on the first route (or its settings in place of the ones it has)."""

    def change(kong: Kong) -> None:
        plugins = [p for p in first_route(kong)["plugins"] if p["name"] != name]
        first_route(kong)["plugins"] = [plugin(name, "changed", **config), *plugins]

    return change


CONFIG = "services[0].routes[0].plugins[0].config"


def test_a_valid_document_has_no_problem() -> None:
    assert problems(example()) == []


# Each: what is changed, where it is told, and a word of the reason or of what would be valid.
KONG: dict[str, tuple[Change, str, str]] = {
    "unknown field": (
        lambda k: k["services"][0].update(hots="x"), "services[0].hots", "did you mean host"),
    "unknown entity": (lambda k: k.update(service=[]), "service", "did you mean services"),
    "wrong type": (lambda k: k["services"][0].update(port="8443"), "services[0].port", "integer"),
    "boolean is no number": (
        lambda k: k["services"][0].update(retries=True), "services[0].retries", "integer"),
    "list expected": (lambda k: k.update(services={}), "services", "a list"),
    "version": (lambda k: k.pop("_format_version"), "_format_version", "required"),
    "version 4": (lambda k: k.update(_format_version="4.0"), "_format_version", "3.0"),
    "timeout 0": (
        lambda k: k["services"][0].update(read_timeout=0), "services[0].read_timeout", "between 1"),
    "port": (lambda k: k["services"][0].update(port=65536), "services[0].port", "65535"),
    "host with port": (
        lambda k: k["services"][0].update(host="a.b:80"), "services[0].host", "field of its own"),
    "no host": (lambda k: k["services"][0].pop("host"), "services[0].host", "required"),
    "protocol": (
        lambda k: k["services"][0].update(protocol="ftp"), "services[0].protocol", "https"),
    "tls without https": (
        lambda k: k["services"][0].update(protocol="http"), "services[0].tls_verify", "https"),
    "service path": (
        lambda k: k["services"][0].update(path="a//b"), "services[0].path", "start with /"),
    "path escape": (
        lambda k: k["services"][0].update(path="/a%2"), "services[0].path", "two hexadecimal"),
    "dangling certificate": (
        lambda k: k["services"][0].update(client_certificate={"id": uid("other")}),
        "services[0].client_certificate", "no such entry in certificates"),
    "dangling plugin route": (
        lambda k: k["plugins"].append(plugin("cors", "y") | {"route": "nobody"}),
        "plugins[3].route", "no such entry in routes"),
    "same service name": (
        lambda k: k["services"][1].update(name="characters"), "services[1].name", "already"),
    "same route name": (
        lambda k: k["services"][1]["routes"][0].update(name="getNamed"),
        "services[1].routes[0].name", "already at services[0].routes[3].name"),
    "same id": (
        lambda k: first_route(k).update(id=k["services"][0]["routes"][1]["id"]),
        "services[0].routes[1].id", "already"),
    "same key": (
        lambda k: k["consumers"][0]["keyauth_credentials"].append(
            {"id": uid("other"), "key": SECRET_KEY}),
        "consumers[0].keyauth_credentials[1].key", "the same value"),
    "same plugin twice": (
        lambda k: k["plugins"].append(plugin("prometheus", "again")), "plugins[3].name", "already"),
    "same target twice": (
        lambda k: k["upstreams"][0]["targets"][0].update(target="10.0.0.2:8443"),
        "upstreams[0].targets[1].target", "already"),
    "no uuid": (lambda k: first_route(k).update(id="7"), "services[0].routes[0].id", "UUID"),
    "name": (lambda k: first_route(k).update(name="a b"), "services[0].routes[0].name", "letters"),
    "tag with comma": (
        lambda k: first_route(k).update(tags=["ok", "a,b"]), "services[0].routes[0].tags[1]", ","),
    "tag with slash": (
        lambda k: first_route(k).update(tags=["a/b"]), "services[0].routes[0].tags[0]", "/"),
    "method": (
        lambda k: first_route(k).update(methods=["get"]),
        "services[0].routes[0].methods[0]", "upper"),
    "matches nothing": (
        lambda k: [first_route(k).pop("methods"), first_route(k).pop("paths")],
        "services[0].routes[0]", "matches nothing"),
    "path without /": (
        lambda k: first_route(k).update(paths=["a"]), "services[0].routes[0].paths[0]", "neither"),
    "pattern without /": (
        lambda k: first_route(k).update(paths=["~a$"]), "services[0].routes[0].paths[0]", "~/"),
    "path not normal": (
        lambda k: first_route(k).update(paths=["/a/../b%41"]),
        "services[0].routes[0].paths[0]", "/bA"),
    "empty segment": (
        lambda k: first_route(k).update(paths=["~/a//b$"]),
        "services[0].routes[0].paths[0]", "empty segment"),
    "look-ahead": (
        lambda k: first_route(k).update(paths=["~/a(?=b)$"]),
        "services[0].routes[0].paths[0]", "look-ahead"),
    "host header": (
        lambda k: first_route(k).update(headers={"Host": ["x"]}),
        "services[0].routes[0].headers.Host", "hosts"),
    "upstream name": (
        lambda k: k["upstreams"][0].update(name="10.0.0.9"), "upstreams[0].name", "host name"),
    "upstream label": (
        lambda k: k["upstreams"][0].update(name="a-.b"), "upstreams[0].name", "no host name"),
    "slots": (lambda k: k["upstreams"][0].update(slots=9), "upstreams[0].slots", "between 10"),
    "target port": (
        lambda k: k["upstreams"][1]["targets"][0].update(target="10.0.0.1:99999"),
        "upstreams[1].targets[0].target", "65535"),
    "weight": (
        lambda k: k["upstreams"][0]["targets"][0].update(weight=65536),
        "upstreams[0].targets[0].weight", "65535"),
    "hash needs a header": (
        lambda k: k["upstreams"][1].update(algorithm="consistent-hashing", hash_on="header"),
        "upstreams[1].hash_on_header", "required"),
    "no plugin": (
        lambda k: k["plugins"][0].update(name="foo", config={}), "plugins[0].name", "no plugin"),
    "enterprise": (
        lambda k: k["plugins"][0].update(name="request-validator", config={}),
        "plugins[0].name", "Enterprise"),
    "certificate": (
        lambda k: k["certificates"][0].update(cert="x"), "certificates[0].cert", "BEGIN CERT"),
    "damaged key": (
        lambda k: k["certificates"][0].update(key=k["certificates"][0]["key"].replace("M", "N", 1)),
        "certificates[0].key", "damaged"),
    "consumer without a name": (
        lambda k: k["consumers"][0].pop("username"), "consumers[0].username", "custom_id"),
    "acl group": (
        lambda k: k["consumers"][0]["acls"][0].pop("group"),
        "consumers[0].acls[0].group", "required"),
    "key-auth on a consumer": (
        lambda k: k["plugins"].append(plugin("key-auth", "c") | {"consumer": "storyteller"}),
        "plugins[3].consumer", "cannot be set for one consumer"),
    # Settings of plugins
    "setting unknown": (setting("cors", origin="*"), f"{CONFIG}.origin", "did you mean origins"),
    "no limit": (setting("rate-limiting", policy="local"), CONFIG, "no limit"),
    "limits fall": (setting("rate-limiting", minute=9, hour=8), f"{CONFIG}.hour", "at least"),
    "limit 0": (setting("rate-limiting", minute=0), f"{CONFIG}.minute", "greater than 0"),
    "policy cluster": (
        setting("rate-limiting", minute=1, policy="cluster"), f"{CONFIG}.policy", "local, redis"),
    "limit by header": (
        setting("rate-limiting", minute=1, limit_by="header"), f"{CONFIG}.header_name", "required"),
    "sync rate": (
        setting("rate-limiting", minute=1, sync_rate=5), f"{CONFIG}.sync_rate", "redis"),
    "key name": (setting("key-auth", key_names=["a b"]), f"{CONFIG}.key_names[0]", "letters"),
    "size unit": (
        setting("request-size-limiting", size_unit="kb"), f"{CONFIG}.size_unit", "kilobytes"),
    "generator": (setting("correlation-id", generator="x"), f"{CONFIG}.generator", "tracker"),
    "colon": (
        setting("request-transformer", add={"headers": ["X"]}),
        f"{CONFIG}.add.headers[0]", "value"),
    "cache strategy": (setting("proxy-cache", cache_ttl=3), f"{CONFIG}.strategy", "memory"),
    "cache status": (
        setting("proxy-cache", strategy="memory", response_code=[99]),
        f"{CONFIG}.response_code[0]", "between 100"),
    "log file": (setting("file-log", path="/a*b"), f"{CONFIG}.path", "file name"),
    "log without a file": (setting("file-log"), f"{CONFIG}.path", "required"),
    "termination": (
        setting("request-termination", message="a", body="b"), f"{CONFIG}.message", "one or the"),
    "termination status": (
        setting("request-termination", status_code=700), f"{CONFIG}.status_code", "599"),
    "allow or deny": (setting("acl", allow=["a"], deny=["b"]), CONFIG, "both"),
    "neither": (setting("ip-restriction"), CONFIG, "neither allow nor deny"),
    "network": (
        setting("ip-restriction", allow=["10.0.0.0/33"]), f"{CONFIG}.allow[0]", "10.0.0.0/24"),
    "cors method": (setting("cors", methods=["get"]), f"{CONFIG}.methods[0]", "GET"),
    "metrics": (
        setting("prometheus", per_consumers=True), f"{CONFIG}.per_consumers", "per_consumer"),
}  # fmt: skip

OURS: dict[str, tuple[Change, str, str]] = {
    "routes to nobody": (
        lambda k: k["services"][0].update(host="nowhere.app.fountainai.internal"),
        "services[0].host", "routes to nobody"),
    "no target": (
        lambda k: k["upstreams"][0].update(targets=[]), "upstreams[0].targets", "no target"),
    "weight 0 only": (
        lambda k: k["upstreams"][1]["targets"][0].update(weight=0),
        "upstreams[1].targets", "weight 0"),
    "dangling authority": (
        lambda k: k["services"][0].update(ca_certificates=[uid("x")]),
        "services[0].ca_certificates[0]", "no such entry"),
    "no id": (lambda k: first_route(k).pop("id"), "services[0].routes[0].id", "makes one up"),
    "no name": (lambda k: first_route(k).pop("name"), "services[0].routes[0].name", "set it"),
    "route without a service": (
        lambda k: k.update(routes=[route("lost", "GET", "/lost")]),
        "routes[0].service", "no service"),
    "unanchored": (
        lambda k: first_route(k).update(paths=["~/a|/b$"]),
        "services[0].routes[0].paths[0]", "without an anchor"),
    "priority": (
        lambda k: first_route(k).update(regex_priority=2**32),
        "services[0].routes[0].regex_priority", "4294967295"),
    "vault in a key": (
        lambda k: k["consumers"][0]["keyauth_credentials"][0].update(key="{vault://env/KEY}"),
        "consumers[0].keyauth_credentials[0].key", "not looked up"),
    "no key": (
        lambda k: k["consumers"][0]["keyauth_credentials"][0].pop("key"),
        "consumers[0].keyauth_credentials[0].key", "nobody knows"),
    "bundled, not ours": (
        lambda k: k["plugins"][0].update(name="zipkin", config={}),
        "plugins[0].name", "not checked"),
    "entity, not ours": (lambda k: k.update(vaults=[]), "vaults", "not used"),
    "unchecked certificate": (
        lambda k: k["services"][0].update(tls_verify=False), "services[0].tls_verify", "true"),
    "status in both lists": (
        lambda k: k["upstreams"][0]["healthchecks"]["active"]["healthy"].update(
            http_statuses=[200, 503]),
        "upstreams[0].healthchecks.active", "503 in both"),
    "status in neither": (
        lambda k: k["upstreams"][0]["healthchecks"]["active"]["unhealthy"].update(
            http_statuses=[500]),
        "upstreams[0].healthchecks.active", "freezes"),
    "never comes back": (
        lambda k: k["upstreams"][0]["healthchecks"].pop("active"),
        "upstreams[0].healthchecks.passive.unhealthy", "never come back"),
    "anonymous nobody": (
        setting("key-auth", anonymous="ghost"), f"{CONFIG}.anonymous", "no such consumer"),
    "older format": (lambda k: k.update(_format_version="2.1"), "_format_version", "3.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", KONG)
def test_kong_would_refuse(case: str) -> None:
    change, path, words = KONG[case]
    found = [p for p in broken(change) if p.by == "kong"]
    assert [p for p in found if p.path == path and words in str(p)], [str(p) for p in found]
    assert len(found) <= 4, "one fault is told once, not all over the file"


@pytest.mark.parametrize("case", OURS)
def test_the_project_refuses_what_kong_would_load(case: str) -> None:
    change, path, words = OURS[case]
    found = broken(change)
    assert [p for p in found if p.path == path and words in str(p)], [str(p) for p in found]
    assert {p.by for p in found} == {"project"}


def test_no_message_shows_a_secret() -> None:
    def change(kong: Kong) -> None:
        kong["consumers"][0]["keyauth_credentials"] = [
            {"id": uid("a"), "key": SECRET_KEY},
            {"id": uid("b"), "key": SECRET_KEY},
            {"id": uid("c"), "key": 51234509},
        ]
        kong["certificates"][0]["key"] = ["PLANTED-PRIVATE"]
        kong["certificates"][0]["key_alt"] = 771177
        first_route(kong)["plugins"].append(
            plugin("request-transformer", "s", add={"headers": ["Authorization PLANTED-HEADER"]})
        )
        kong["consumers"].append({"keyauth_credentials": ["PLANTED-LIST"], "username": "other"})

    told = "\n".join(str(problem) for problem in broken(change))
    assert told.count("\n") >= 3
    for secret in (SECRET_KEY, "51234509", "PLANTED", "771177"):
        assert secret not in told


def test_references_by_name_and_at_the_top_are_understood() -> None:
    """Kong takes nested children or top-level ones that name their parent, by id or by name."""
    kong = example()
    kong["routes"] = [r | {"service": "characters"} for r in kong["services"][0].pop("routes")]
    kong["targets"] = [
        t | {"upstream": {"id": kong["upstreams"][1]["id"]}}
        for t in kong["upstreams"][1].pop("targets")
    ]
    kong["services"][1]["client_certificate"] = uid("certificate")
    kong["keyauth_credentials"] = [
        k | {"consumer": "storyteller"} for k in kong["consumers"][0].pop("keyauth_credentials")
    ]
    assert problems(kong) == []


def test_ridiculous_documents_are_problems_and_never_a_traceback() -> None:
    for kong in (
        {}, {"services": None}, {"services": [None, 7, [], {}]}, {"upstreams": [{"targets": 1}]},
        {"consumers": [{"keyauth_credentials": {"key": 1}}]}, {1: 2, "_format_version": 3.0},
        {"plugins": [{"name": 1, "config": 2}, {"name": "cors", "config": []}]},
        {"services": [{"routes": [{"paths": "x", "headers": [], "protocols": 1}]}]},
    ):  # fmt: skip
        assert problems(kong)

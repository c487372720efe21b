"""The difference of two gateway configurations in words: every kind of change, its weight, and no
secret in any of it."""

from __future__ import annotations

import copy
import json
import random
import re
from functools import cache
from typing import Any

import pytest

from deploys.gateway.compare_plugins import Severity
from deploys.gateway.diff import Difference, diff, summary
from deploys.gateway.generate import build, redacted
from deploys.gateway.policy import SHIPPED, parse
from story_services.common.settings import SERVICES
from story_services.main import services
from story_services.openapi import documents

Kong = dict[str, Any]
DIGEST_KEY = b"k" * 32
PLANTED = ["planted-client-key", "planted-current-key", "planted-previous-key", "planted-third"]
NAMES = [name.replace("_", "-") for name in SERVICES]


@cache
def _documents() -> dict[str, Any]:
    return documents(services())


def made(rules: str = "", hosts: tuple[str, ...] = ("10.0.0.5",), **changed: Any) -> Kong:
    """The real configuration of the services, redacted as on the host."""
    given: dict[str, Any] = {
        "env": "lab", "ca_pem": "CA", "client_pem": "CERTIFICATE", "client_key": PLANTED[0],
        "consumers": {"storyteller": PLANTED[1:2]},
    }  # fmt: skip
    policy = parse(SHIPPED.read_text() + rules)
    upstreams = {name: list(hosts) for name in NAMES}
    return redacted(build(_documents(), policy, upstreams, **given | changed), DIGEST_KEY)


@pytest.fixture(scope="module")
def base() -> Kong:
    return made()


def told(old: Kong, new: Kong) -> set[tuple[str, str]]:
    """(severity, kind) of every difference but the provenance line."""
    return {(str(d.severity), d.kind) for d in diff(old, new) if d.kind != "provenance"}


def only(old: Kong, new: Kong) -> Difference:
    found = [d for d in diff(old, new) if d.kind != "provenance"]
    assert len(found) == 1, [str(d) for d in found]
    return found[0]


def test_equal_configurations_have_no_difference(base: Kong) -> None:
    assert diff(base, made()) == []
    assert summary(base, made()) == "no difference"


def test_order_of_entries_is_only_a_detail(base: Kong) -> None:
    new = copy.deepcopy(base)
    random.Random(1).shuffle(new["services"])
    random.Random(2).shuffle(new["services"][0]["routes"])
    new["services"][1]["routes"][0]["tags"] = ["Other"]
    assert told(base, new) == {("info", "details")}


def test_first_configuration_is_one_line(base: Kong) -> None:
    assert [str(d) for d in diff(None, base)] == ["new: first configuration: 116 routes"]
    assert summary(None, base) == "first configuration, routes +116"


RULES = [
    ('operation = "listCharacters"\nreachable = false', "warning", "route-removed"),
    ('operation = "listCharacters"\nauthentication = "none"', "weaker", "authentication-weakened"),
    ("service = 'characters'\nmethod = 'GET'\nrate_limit = { minute = 9000, hour = 90000 }",
     "weaker", "rate-limit-raised"),
    ("service = 'characters'\nmethod = 'GET'\nrate_limit = { minute = 10, hour = 60000 }",
     "warning", "rate-limit-lowered"),
    ("tag = 'Characters'\nmax_body_kb = 900", "weaker", "body-limit-raised"),
    ("tag = 'Characters'\nmax_body_kb = 9", "warning", "body-limit-lowered"),
    ("tag = 'Characters'\ntimeout_ms = { connect = 2000, read = 30000 }",
     "info", "timeout-raised"),
    ("tag = 'Characters'\ntimeout_ms = { connect = 2000, read = 3000 }",
     "warning", "timeout-lowered"),
    ("operation = 'listCharacters'\ncors = ['https://a.example.org']", "weaker", "cors-widened"),
    ("operation = 'listCharacters'\ncache_seconds = 5", "warning", "plugin-added"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "kind"), RULES)
def test_policy_is_told_by_what_it_does(base: Kong, rule: str, severity: str, kind: str) -> None:
    new = made(f"\n[[rules]]\n{rule}\n")
    assert (severity, kind) in told(base, new)
    assert told(new, base) != set()
    assert all(d.names for d in diff(base, new))


def test_one_change_of_many_routes_is_one_line(base: Kong) -> None:
    raised = made("\n[[rules]]\nmethod = 'GET'\nrate_limit = { minute = 3100, hour = 60000 }\n")
    lines = [str(d) for d in diff(base, raised) if d.kind == "rate-limit-raised"]
    (line,) = [each for each in lines if "per minute 3000 -> 3100" in each]
    assert re.search(r"^\w+, \w+, \w+ and \d\d more: rate limit per minute", line)


def test_weakest_comes_first(base: Kong) -> None:
    new = made(
        "\n[[rules]]\noperation = 'listCharacters'\nauthentication = 'none'\n"
        "[[rules]]\ntag = 'Characters'\ntimeout_ms = { connect = 2000, read = 30000 }\n"
    )
    severities = [d.severity for d in diff(base, new)]
    assert severities == sorted(severities, reverse=True)
    assert severities[0] is Severity.WEAKER


def test_app_hosts_come_go_and_drain(base: Kong) -> None:
    more = made(hosts=("10.0.0.5", "10.0.0.6"))
    assert ("info", "target-added") in told(base, more)
    assert ("warning", "target-removed") in told(more, base)
    line = next(d for d in diff(base, more) if d.kind == "target-added")
    assert line.what == "app host 10.0.0.6:8443 is new"
    assert len(line.names) == len(NAMES)
    drained = copy.deepcopy(more)
    for one in drained["upstreams"]:
        one["targets"][0]["weight"] = 0
    assert "(drained)" in only(more, drained).what
    for one in drained["upstreams"]:
        one["targets"][1]["weight"] = 0
    assert ("warning", "upstream-empty") in told(more, drained)


def test_keys_are_told_by_digest_never_by_value(base: Kong) -> None:
    rotating = made(consumers={"storyteller": [PLANTED[3], PLANTED[1]]})
    assert only(base, rotating).kind == "key-added"
    retired = made(consumers={"storyteller": [PLANTED[3]]})
    assert told(rotating, retired) == {("warning", "key-removed")}
    assert told(base, made(consumers={"storyteller": PLANTED[1:2], "desk": [PLANTED[3]]})) == {
        ("warning", "consumer-added")
    }
    assert told(base, made(consumers={})) == {("warning", "consumer-removed")}
    assert told(base, made(consumers={"storyteller": []})) >= {("warning", "keys-gone")}


def test_certificates(base: Kong) -> None:
    renewed = made(client_pem="OTHER", client_key=PLANTED[3])
    assert told(base, renewed) == {
        ("info", "certificate-changed"), ("info", "certificate-key-changed")
    }  # fmt: skip
    assert told(base, made(ca_pem="OTHER")) == {("warning", "certificate-changed")}


def change(base: Kong, how: str) -> Kong:
    new = copy.deepcopy(base)
    service = next(s for s in new["services"] if s["name"] == "characters")
    route = next(r for r in service["routes"] if r["name"] == "listCharacters")
    plugins = {p["name"]: p for p in route["plugins"]}
    exec(how, {"kong": new, "service": service, "route": route, "plugins": plugins})
    return new


BY_HAND = [
    ("plugins['key-auth']['config']['anonymous'] = 'x'", "weaker", "authentication-weakened"),
    ("plugins['key-auth']['enabled'] = False", "weaker", "authentication-weakened"),
    ("plugins['key-auth']['config']['key_in_query'] = True", "weaker", "authentication-changed"),
    ("plugins['key-auth']['config']['hide_credentials'] = False",
     "weaker", "authentication-changed"),
    ("plugins['key-auth']['config']['run_on_preflight'] = False",
     "weaker", "authentication-changed"),
    ("plugins['key-auth']['config']['key_names'] = ['k']", "warning", "plugin-changed"),
    ("route['plugins'].remove(plugins['rate-limiting'])", "weaker", "rate-limit-removed"),
    ("del plugins['rate-limiting']['config']['hour']", "weaker", "rate-limit-removed"),
    ("plugins['rate-limiting']['config']['limit_by'] = 'ip'", "warning", "rate-limit-changed"),
    ("plugins['rate-limiting']['config']['policy'] = 'redis'", "warning", "plugin-changed"),
    ("route['plugins'].remove(plugins['request-size-limiting'])", "weaker", "body-limit-raised"),
    ("route['plugins'].append({'name': 'ip-restriction', 'config': {'allow': ['10.0.0.1']}})",
     "warning", "authentication-strengthened"),
    ("kong['plugins'] = [p for p in kong['plugins'] if p['name'] != 'correlation-id']",
     "info", "plugin-removed"),
    ("route['paths'] = ['~/other$']", "warning", "route-path-changed"),
    ("route['methods'] = ['GET', 'POST']", "warning", "route-methods-changed"),
    ("route['protocols'] = ['http', 'https']", "weaker", "route-protocols-widened"),
    ("route['hosts'] = ['a.example.org']", "warning", "route-hosts-changed"),
    ("route['regex_priority'] += 1", "info", "route-priority-changed"),
    ("route['strip_path'] = True", "warning", "route-changed"),
    ("service['tls_verify'] = False", "weaker", "service-changed"),
    ("del service['client_certificate']", "weaker", "service-changed"),
    ("service['protocol'] = 'http'", "weaker", "service-moved"),
    ("service['host'] = 'other.internal'", "warning", "service-moved"),
    ("service['retries'] = 3", "info", "service-changed"),
    ("service['enabled'] = False", "warning", "service-changed"),
    ("kong['upstreams'][0]['algorithm'] = 'least-connections'", "info", "upstream-changed"),
    ("kong['upstreams'][0]['healthchecks'] = {'active': {}}", "info", "healthchecks-changed"),
    ("kong['upstreams'].pop()", "info", "upstream-removed"),
    ("kong['ca_certificates'].append({'id': 'x', 'cert': 'y'})", "weaker", "certificate-added"),
    ("kong['_format_version'] = '2.1'", "warning", "format"),
    ("kong['vaults'] = [{}]", "warning", "other-changed"),
    ("kong['consumers'][0]['acls'] = [{'group': 'a'}]", "warning", "consumer-changed"),
    ("service['routes'].append({'name': 'new', 'paths': ['/x']})", "weaker", "route-added"),
    ("service['routes'].append({'name': 'new', 'paths': ['/x'], 'plugins': "
     "[{'name': 'key-auth'}]})", "info", "route-added"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "severity", "kind"), BY_HAND)
def test_change_by_hand_is_told_with_its_weight(
    base: Kong, how: str, severity: str, kind: str
) -> None:
    assert (severity, kind) in told(base, change(base, how))


def test_settings_that_only_move_are_no_change(base: Kong) -> None:
    """Plugins at the service or at the top do what they did at each route."""
    moved = copy.deepcopy(base)
    for service in moved["services"]:
        for route in service["routes"]:
            keys = [p for p in route["plugins"] if p["name"] == "key-auth"]
            route["plugins"] = [p for p in route["plugins"] if p not in keys]
        service["plugins"] = keys
    assert {d.kind for d in diff(base, moved)} == {"details"}
    flat = copy.deepcopy(base)
    flat["routes"] = []
    for service in flat["services"]:
        for route in service.pop("routes"):
            flat["plugins"] += [{**p, "route": {"id": route["id"]}} for p in route.pop("plugins")]
            flat["routes"].append({**route, "service": service["name"]})
    assert {d.kind for d in diff(base, flat)} == {"details"}


def test_limit_for_one_consumer_names_it(base: Kong) -> None:
    limit = {"name": "rate-limiting", "consumer": "storyteller", "config": {"minute": 5}}
    found = only(base, change(base, f"route['plugins'].append({limit!r})"))
    assert found.what == "rate limit 5 per minute is new (for storyteller)"


def test_summary_counts_for_a_plan(base: Kong) -> None:
    open_one = made("\n[[rules]]\noperation = 'listCharacters'\nauthentication = 'none'\n")
    assert summary(base, open_one).startswith("routes +0 -0 ~1, ")
    assert "WEAKER" in summary(base, open_one)
    assert summary(base, made(hosts=("10.0.0.6",))) == "target-added, target-removed"


def test_no_secret_is_in_any_word(base: Kong) -> None:
    news = [
        made(consumers={"storyteller": PLANTED[1:4]}), made(client_key=PLANTED[3]),
        change(base, "kong['consumers'].clear()"),
    ]  # fmt: skip
    for new in news:
        for old, now in ((base, new), (new, base), (None, new)):
            words = [str(d) + json.dumps(d.as_json()) for d in diff(old, now)]
            assert words
            assert [p for p in PLANTED if p in "".join(words)] == []
    # Even a configuration that was not redacted by mistake gives nothing away.
    bare = copy.deepcopy(base)
    bare["consumers"][0]["keyauth_credentials"][0]["key"] = PLANTED[2]
    assert PLANTED[2] not in "".join(str(d) for d in diff(base, bare) + diff(bare, base))


def _leaves(node: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(node, dict):
        return [x for key in node for x in _leaves(node[key], (*trail, key))]
    if isinstance(node, list):
        return [x for key, value in enumerate(node) for x in _leaves(value, (*trail, key))]
    return [trail]


def test_every_single_value_counts(base: Kong) -> None:
    """Nothing can become otherwise, or go, without a line about it."""
    places = random.Random(7).sample(_leaves(base), 90)
    for *trail, last in places:
        for gone in (False, True):
            new = copy.deepcopy(base)
            at = new
            for key in trail:
                at = at[key]
            if gone and isinstance(at, dict) and last not in ("target", "name"):
                del at[last]
            else:
                at[last] = {bool: not at[last], int: 7}.get(type(at[last]), "otherwise")
            assert new == base or diff(base, new), (trail, last, gone)
            assert new == base or diff(new, base), (trail, last, gone)


@pytest.mark.parametrize("odd", [{}, {"services": 1}, {"services": [1]}, {"plugins": [{}]},
                                 {"services": [{"routes": {"a": 1}}]}, {"consumers": "x"},
                                 {"upstreams": [{"name": "a", "targets": [{}]}]}])  # fmt: skip
def test_what_was_ruined_on_the_host_is_told_and_no_error(base: Kong, odd: Kong) -> None:
    ruined = {**base, **odd} if odd else {}
    assert diff(ruined, base) != []
    assert summary(ruined, base) != "no difference"

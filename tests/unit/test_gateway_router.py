"""The simulated router against Kong's rules: known answers, and a brute-force reading of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.gateway.request_path import accepted, normalised
from deploys.gateway.router import Router, match

LOW, HIGH = "00000000-0000-4000-8000-000000000001", "ffffffff-0000-4000-8000-000000000001"


def route(name: str, *paths: str, **more: Any) -> dict[str, Any]:
    ident = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    return {"id": ident, "name": name, "paths": list(paths)} | more


def kong(*routes: dict[str, Any]) -> dict[str, Any]:
    return {"services": [{"id": LOW, "name": "s", "host": "s", "routes": list(routes)}]}


def winner(
    document: dict[str, Any], method: str = "GET", path: str = "/a", **more: Any
) -> str | None:
    found = match(document, method, path, **more)
    return found.name if found else None


RULES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("more fields", route("w", "/a", methods=["GET"]), route("l", "/a/b", "/aa")),
    ("more fields before a pattern", route("w", "/", methods=["GET"]),
     route("l", "~/a$", regex_priority=9)),
    ("plain host", route("w", "/", hosts=["x.org"]), route("l", "/a", hosts=["*.org"])),
    ("headers", route("w", "/", headers={"x": ["1"], "y": ["2"]}),
     route("l", "/a", headers={"x": ["1"]})),
    ("pattern before prefix", route("w", "~/"), route("l", "/a")),
    ("regex_priority", route("w", "~/a", regex_priority=2), route("l", "~/a$", regex_priority=1)),
    ("regex_priority of prefixes is ignored", route("w", "/a"), route("l", "/", regex_priority=99)),
    ("longer prefix", route("w", "/a"), route("l", "/")),
    ("larger id", route("w", "~/a$") | {"id": HIGH}, route("l", "~/.$") | {"id": LOW}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "first", "second"), RULES, ids=[rule for rule, *_ in RULES])
def test_each_rule_decides(rule: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    given_headers = {"X": "1", "y": ["2", "3"]}
    for document in (kong(first, second), kong(second, first)):
        assert winner(document, host="x.org", headers=given_headers) == "w", rule


def test_what_a_route_asks_for_must_be_there() -> None:
    document = kong(
        route("hosted", "/a", hosts=["x.org"]),
        route("ported", "/p", hosts=["x.org:8443"]),
        route("after", "/w", hosts=["x.*"]),
        route("headed", "/h", headers={"x-kind": ["~*^st.ry$"]}),
        route("named", "/n", snis=["x.org"]),
        route("posted", "/m", methods=["POST"]),
    )
    assert winner(document, host="X.ORG:443") == "hosted"
    assert winner(document, host="y.org") is None
    assert winner(document, path="/p", host="x.org:8443") == "ported"
    assert winner(document, path="/p", host="x.org") is None
    assert winner(document, path="/w", host="x.example") == "after"
    assert winner(document, path="/h", headers={"X-Kind": "STORY"}) == "headed"
    assert winner(document, path="/h", headers={"X-Kind": "other"}) is None
    assert winner(document, path="/h") is None
    assert Router(document).match("GET", "/n", sni="x.org") is not None
    assert Router(document).match("GET", "/n", sni="y.org") is None
    assert Router(document).match("GET", "/n") is not None  # plain HTTP: not looked at
    assert winner(document, "OPTIONS", "/m") is None  # no preflight by accident
    assert winner(document, "post", "/m") is None


def test_a_pattern_is_anchored_at_its_start_and_ends_where_it_says() -> None:
    document = kong(route("exact", "~/a$"), route("open", "~/b"))
    assert winner(document, path="/x/a") is None
    assert winner(document, path="/a%0A") is None  # Rust's $ is the very end; Python's is not
    assert winner(document, path="/ab") is None
    assert winner(document, path="/bc/d?x=/a") == "open"


def test_mixed_paths_are_split_as_kong_splits_them() -> None:
    document = kong(route("mixed", "/long", "/l", "~/x[0-9]$", "/k"), route("other", "/lo"))
    split = [r for r in Router(document).routes if r.name == "mixed"]
    assert sorted(r.paths for r in split) == [("/l", "/k"), ("/long",), ("~/x[0-9]$",)]
    assert len({r.id for r in split}) == 3
    assert winner(document, path="/longer") == "mixed"
    assert winner(document, path="/love") == "other"
    assert winner(document, path="/l") == "mixed"


def test_routes_at_the_top_know_their_service() -> None:
    for owner in ("s", LOW, {"id": LOW}):
        document = kong() | {"routes": [route("top", "/a", service=owner)]}
        found = match(document, "GET", "/a")
        assert found is not None
        assert (found.name, found.service) == ("top", "s")


def test_services_that_are_switched_off_have_no_routes() -> None:
    document = kong(route("inner", "/a")) | {"routes": [route("outer", "/b", service="s")]}
    assert winner(document, path="/a") == "inner"
    assert winner(document, path="/b") == "outer"
    document["services"][0]["enabled"] = False
    assert winner(document, path="/a") is None
    assert winner(document, path="/b") is None


def test_a_damaged_pattern_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="validate the file first"):
        Router(kong(route("bad", "~/(")))


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("/a/./b/../c", "/a/c"), ("/a/..", "/"), ("/a/.", "/a/"), ("//a///b", "/a/b"),
        ("/%7euser%41", "/~userA"), ("/a%2fb", "/a%2Fb"), ("/a/%2e%2e/b", "/b"), ("/a%2eb", "/a.b"),
        ("/%c3%a9", "/é"), ("/a%2525", "/a%2525"), ("/a%252e%252e/b", "/a%252e%252e/b"),
        ("/a%20b", "/a b"), ("/a?x=/../y", "/a"), ("/a#b", "/a#b"), ("/a%3fb", "/a%3Fb"),
        ("/...", "/..."), ("/.a/..b", "/.a/..b"), ("/a/../../b", "/b"), ("/", "/"),
    ],
)  # fmt: skip
def test_paths_are_seen_as_kong_sees_them(raw: str, seen: str) -> None:
    """kong/tools/uri.lua: unreserved and unsafe characters decoded, reserved ones left."""
    assert normalised(raw) == seen


@pytest.mark.parametrize(
    "raw", ["", "a", "*", "/a%", "/a%4", "/a%zz", "/%00", "/a b", "/a\n", "/..", "/%2e%2e",
            "/a/../..", "/..%2f", "/a%2f..%2f..%2f"]
)  # fmt: skip
def test_what_nginx_refuses_reaches_no_route(raw: str) -> None:
    assert not accepted(raw)
    assert winner(kong(route("all", "~/?")), path=raw) is None


def test_broken_utf8_reaches_no_route() -> None:
    assert accepted("/%ff")
    assert normalised("/%ff") is None
    assert winner(kong(route("all", "/")), path="/%ff") is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["/", ".", "..", "%2e", "%2F", "a", "%41", "%25", "é"])))
def test_the_normal_form_stays(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    once = normalised(path)
    assert once is not None
    assert once.startswith("/")
    assert normalised(once) == once
    assert not {".", ".."} & set(once.split("/"))
    assert "//" not in once


# Patterns with what they mean, said without a regular expression.
MEANING: dict[str, Callable[[str], bool]] = {
    "~/a$": lambda path: path == "/a",
    "~/a": lambda path: path.startswith("/a"),
    "~/a/[0-9]+$": lambda path: path[:3] == "/a/" and path[3:].isdigit(),
    "~/a/(?<id>[^/]+)$": lambda path: (
        path.startswith("/a/") and path.count("/") == 2 and len(path) > 3
    ),
    "~/(?:a|b)/(?:x|1)$": lambda path: path in ("/a/x", "/a/1", "/b/x", "/b/1"),
}
PREFIXES = ("/", "/a", "/b", "/a/", "/a/1")
PATHS = ("/", "/a", "/b", "/a/", "/a/1", "/a/x", "/b/x", "/a/1/x", "/c", "/ab")

routes = st.builds(
    lambda name, number, more: {"id": str(uuid.UUID(int=number + 1)), "name": name} | more,
    st.text("xyz", min_size=4, max_size=4),
    st.integers(0, 2**128 - 2),
    st.fixed_dictionaries(
        {},
        optional={
            "paths": st.lists(st.sampled_from([*MEANING, *PREFIXES]), max_size=3, unique=True),
            "methods": st.lists(
                st.sampled_from(["GET", "POST", "OPTIONS"]), max_size=2, unique=True
            ),
            "hosts": st.lists(st.sampled_from(["x.org", "*.org"]), max_size=2, unique=True),
            "headers": st.dictionaries(st.sampled_from(["h", "k"]), st.just(["1"]), max_size=2),
            "regex_priority": st.integers(0, 3),
        },
    ),
)


def brute(raw: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], list[str]]]:
    """Every part of a route with its rank, straight from the rules as people state them."""
    paths = raw.get("paths") or []
    kinds = list(dict.fromkeys("~" if p[0] == "~" else len(p) for p in paths)) or [None]
    for index, kind in enumerate(kinds, 1):
        part = [p for p in paths if kind == ("~" if p[0] == "~" else len(p))]
        ident = raw["id"]
        if len(kinds) > 1:
            space = uuid.UUID("7f145bf9-0dce-4f91-98eb-debbce4b9f6b")
            ident = str(uuid.uuid5(space, f"{ident}#{index}"))
        fields = sum(bool(raw.get(f)) for f in ("methods", "hosts", "headers")) + bool(part)
        # An empty list of hosts counts as plain: no host in it has a wildcard (transform.lua).
        plain = "hosts" in raw and not any("*" in host for host in raw["hosts"])
        pattern = kind == "~"
        yield (
            fields, plain, len(raw.get("headers") or {}), pattern,
            raw.get("regex_priority", 0) if pattern else 0,
            0 if pattern or not part else len(part[0]), ident,
        ), raw, part  # fmt: skip


def takes(
    raw: dict[str, Any], part: list[str], method: str, path: str, host: str, head: bool
) -> bool:
    hosts = raw.get("hosts")
    return (
        (not raw.get("methods") or method in raw["methods"])
        and (not part or any(MEANING.get(p, lambda q, p=p: q.startswith(p))(path) for p in part))
        and (not hosts or any(host == h or (h[0] == "*" and host.endswith(h[1:])) for h in hosts))
        and (not raw.get("headers") or head)
    )


@settings(max_examples=500, deadline=None)
@given(
    st.lists(routes, min_size=1, max_size=6, unique_by=(lambda r: r["name"], lambda r: r["id"])),
    st.sampled_from(["GET", "POST", "OPTIONS"]),
    st.sampled_from(PATHS),
    st.sampled_from(["x.org", "y.org", "z.com"]),
    st.booleans(),
)
def test_the_router_answers_as_brute_force_does(
    found: list[dict[str, Any]], method: str, path: str, host: str, head: bool
) -> None:
    ranked = sorted(
        (part for raw in found for part in brute(raw)), key=lambda p: p[0], reverse=True
    )
    want = next(
        (raw["name"] for _, raw, part in ranked if takes(raw, part, method, path, host, head)), None
    )
    headers = {"H": "1", "K": "1"} if head else {}
    assert winner(kong(*found), method, path, host=host, headers=headers) == want
    assert winner(kong(*reversed(found)), method, path, host=host, headers=headers) == want

"""Path templates as regexes: both engines agree, and no address is decided by luck."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError

from deploys.gateway.operations import GatewayError, Operation
from deploys.gateway.regexes import Template, decided, encoded, overlap, priorities, template

INTEGER = {"type": "integer", "minimum": 1}
TEXT = {"type": "string"}


def rust(regex: str, address: str) -> bool:
    """Rust's regex engine (inside pydantic-core), anchored as Kong's router does."""
    kind = TypeAdapter(Annotated[str, StringConstraints(pattern="^" + regex)])
    try:
        kind.validate_python(address)
    except ValidationError:
        return False
    return True


def pcre(regex: str, addresses: list[str]) -> list[str]:
    """The addresses that PCRE takes."""
    argv = ["grep", "-P", "-e", "^" + regex]
    done = subprocess.run(argv, input="\n".join(addresses), capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def one(schema: Mapping[str, Any], path: str = "/x/{p}") -> Template:
    return template(path, {"p": schema})


@pytest.mark.parametrize(
    ("schema", "fits", "fails"),
    [
        (INTEGER, ["1", "9007199254740991"], ["", "-1", "a", "1/2", "1a", "%31", "1.0"]),
        ({"type": "integer", "minimum": -5}, ["-5", "0"], ["-", "--1", "5-"]),
        ({"enum": ["a.b", "c|d", "(e)"]}, ["a.b", "c%7Cd", "(e)"], ["axb", "c", "d", "e", ""]),
        ({"enum": ["a", "ab"]}, ["a", "ab"], ["abc", "b"]),
        ({"const": "only"}, ["only"], ["onl", "only1"]),
        ({"type": "boolean"}, ["true", "false"], ["True", "1", ""]),
        (TEXT, ["a", "Hamlet", "a%2Fb", "ä", "."], ["", "a/b", "a/"]),
        ({"type": "string", "pattern": "^[a-z]{2,3}$"}, ["ab", "abc"], ["a", "abcd", "AB"]),
        ({"type": "string", "pattern": "^[a-z-]+[0-9]$"}, ["a-b1"], ["a-b", "1"]),
        ({"type": "string", "format": "uuid"}, ["0" * 36], ["0" * 35, "g" * 36]),
    ],
)
def test_a_parameter_matches_what_its_schema_says(
    schema: dict[str, Any], fits: list[str], fails: list[str]
) -> None:
    regex = one(schema).regex
    everything = ["/x/" + value for value in fits + fails]
    assert [a for a in everything if rust(regex, a)] == ["/x/" + value for value in fits]
    assert pcre(regex, everything) == ["/x/" + value for value in fits]


@pytest.mark.parametrize(
    "pattern",
    [
        "^(?=a)b$",
        "^(a)\\1$",
        "^a*$",
        "a",
        "^a++$",
        "^[^/]$",
        "^.$",
        "^a|b$",
        "^[z-a]$",
        "^\\d$",
        "^/$",
    ],
)
def test_a_pattern_that_engines_may_read_differently_is_left_to_the_service(pattern: str) -> None:
    assert one({"type": "string", "pattern": pattern}).regex == "/x/[^/]+$"


def test_literals_are_taken_literally() -> None:
    regex = template("/a.b/c+d/{p}:run", {"p": INTEGER}).regex
    assert rust(regex, "/a.b/c+d/7:run")
    assert not any(rust(regex, a) for a in ("/axb/c+d/7:run", "/a.b/ccd/7:run", "/a.b/c+d/7:runs"))
    assert encoded("ä b") == "%C3%A4%20b"


@pytest.mark.parametrize("path", ["/x/{q}", "/x/{p}/{p}", "/x/{p", "/x/p}", "/x/{}"])
def test_a_template_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(GatewayError, match=r"every {name} needs one parameter"):
        template(path, {"p": INTEGER})
    with pytest.raises(GatewayError, match="more than 10 segments"):
        template("/a" * 11, {})


SCHEMAS: dict[str, dict[str, Any]] = {
    "integer": INTEGER,
    "text": TEXT,
    "kind": {"enum": ["line", "7"]},
    "other": {"enum": ["line", "scene"]},
}
WORDS = ["line", "scene", "7", "scripts"]
SEGMENTS = st.sampled_from(WORDS + [f"{{{name}}}" for name in SCHEMAS])
TEMPLATES = st.lists(
    st.lists(SEGMENTS, min_size=1, max_size=4).filter(
        lambda parts: (
            len([p for p in parts if p[0] == "{"]) == len({p for p in parts if p[0] == "{"})
        )
    ),
    min_size=1,
    max_size=12,
    unique_by=tuple,
).map(lambda paths: [template("/" + "/".join(parts), SCHEMAS) for parts in paths])
ADDRESSES = st.lists(st.sampled_from([*WORDS, "12", "x"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def operation(path: str, method: str = "GET", service: str = "one") -> Operation:
    return Operation(service, method, path, f"{method}{path}")


@given(TEMPLATES, st.lists(ADDRESSES, max_size=20))
def test_the_most_specific_of_all_that_match_wins_alone(
    templates: list[Template], addresses: list[str]
) -> None:
    """Kong takes the highest priority; ties would go to the larger id."""
    order = priorities(templates)
    assert len(set(order.values())) == len(templates)
    assert all(0 <= priority < 2**31 for priority in order.values())
    for address in addresses:
        hits = [t for t in templates if re.match("^" + t.regex, address)]
        assert all(overlap(a, b) for a in hits for b in hits)
        if not hits:
            continue
        winner = max(hits, key=lambda t: order[t.path])
        ranks = {tuple(s.rank for s in t.segments) for t in hits}
        assert tuple(s.rank for s in winner.segments) == max(ranks)
        if len(ranks) < len(hits):  # two say the same: nobody may guess which is meant
            with pytest.raises(GatewayError, match="can match the same address"):
                decided([(operation(t.path), t) for t in templates])


@given(TEMPLATES)
def test_priorities_do_not_depend_on_order(templates: list[Template]) -> None:
    assert priorities(templates) == priorities(reversed(templates))


def test_two_services_may_not_share_an_address() -> None:
    schemas = {"a": INTEGER, "b": INTEGER}
    pair = [
        (operation("/x/{a}"), template("/x/{a}", schemas)),
        (operation("/x/{b}", service="two"), template("/x/{b}", schemas)),
    ]
    with pytest.raises(GatewayError, match=r"of one and .* of two can match the same address"):
        decided(pair)
    decided([pair[0], (operation("/x/{b}", "PUT"), pair[1][1])])


def test_a_literal_wins_over_a_parameter_wherever_it_stands() -> None:
    schemas = {"id": TEXT, "n": INTEGER}
    paths = ["/a/b", "/a/{n}", "/a/{id}", "/{n}/b", "/{id}/b", "/{id}/{n}"]
    order = priorities(template(path, schemas) for path in paths)
    assert sorted(paths, key=lambda path: -order[path]) == paths

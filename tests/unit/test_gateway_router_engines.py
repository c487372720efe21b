"""What the pattern rules promise, asked of the engines themselves: Rust's `regex` crate (the one in
pydantic's core; Kong's router uses it too), PCRE (in grep) and Python."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from deploys.gateway.pattern_rules import fault, to_python
from deploys.gateway.samples import HOSTILE
from tests.gateway_example import example
from tests.unit.test_gateway_router_patterns import FAULTS

SUBJECTS = (
    "/",
    "/a",
    "/b",
    "/a\n",
    "/a/b",
    "/1",
    "/-",
    "/a1",
    "/aa",
    "/.",
    "/]",
    "/é",
    "/A",
    "/ab/",
    "a/a",
)


def rust(pattern: str) -> SchemaValidator:
    """As Kong's router gets it: kong/router/transform.lua, path_val_transform."""
    kong = "^" + pattern.replace("?<", "?P<")
    return SchemaValidator(core_schema.str_schema(pattern=kong, regex_engine="rust-regex"))


def found_by_rust(compiled: SchemaValidator, subject: str) -> bool:
    try:
        compiled.validate_python(subject)
    except ValidationError:
        return False
    return True


def found_by_pcre(pattern: str, subjects: tuple[str, ...]) -> list[bool]:
    """One process for all; subjects end at NUL, so that one may hold a newline."""
    made = "\0".join(subjects) + "\0"
    argv = ["grep", "-Pzno", "--", f"^{pattern}"]
    done = subprocess.run(argv, input=made.encode(), capture_output=True, timeout=30)
    assert done.returncode in (0, 1), done.stderr
    hits = {int(part.split(b":")[0]) for part in done.stdout.split(b"\0") if part}
    return [number in hits for number in range(1, len(subjects) + 1)]


atoms = st.sampled_from(
    ["a", "b", "/", r"\.", "[0-9]", "[^/]", "[ab.]", r"[\-\]]", "(?:a|b)", "(?<x>a)", "(?P<y>.)",
     r"\d", "1", "-", r"[a-z_~%]", "(a)", "."]
)  # fmt: skip
repeats = st.sampled_from(["", "", "", "+", "*", "?", "{2}", "{1,3}", "+?", "*?"])
built = st.lists(st.tuples(atoms, repeats).map("".join), max_size=4).map("".join)
wild = st.text("ab/()[]{}?*+|^$\\<>P:=!,1-&.~", max_size=10)


@settings(max_examples=600, deadline=None)
@given(st.tuples(st.one_of(built, wild), st.sampled_from(["$", ""])).map("".join))
def test_what_is_accepted_rust_reads_as_python_does(tail: str) -> None:
    pattern = "/" + tail
    assume(fault(pattern) is None)
    compiled, ours = rust(pattern), re.compile(to_python(pattern))
    for subject in SUBJECTS:
        assert found_by_rust(compiled, subject) == bool(ours.search(subject)), subject


@settings(max_examples=40, deadline=None)
@given(built)
def test_what_is_accepted_pcre_reads_as_python_does(tail: str) -> None:
    """But for letters outside ASCII and a newline at the very end, where the router is Rust's."""
    pattern = f"/{tail}$"
    assume(fault(pattern) is None)
    plain = tuple(s for s in SUBJECTS if s.isascii() and "\n" not in s)
    ours = re.compile(to_python(pattern))
    assert found_by_pcre(pattern, plain) == [bool(ours.search(subject)) for subject in plain]


def refused_by_rust(pattern: str) -> bool:
    try:
        rust(pattern)
    except SchemaError:
        return True
    return False


def refused_by_pcre(pattern: str) -> bool:
    argv = ["grep", "-Pzq", "--", pattern]
    return subprocess.run(argv, input=b"", capture_output=True, timeout=30).returncode > 1


@pytest.mark.parametrize("pattern", [pattern for pattern in FAULTS if fault(pattern)])
def test_who_refuses_is_said_truly(pattern: str) -> None:
    """Kong loads what both its engines compile; the rest of the refusals are ours."""
    found = fault(pattern)
    assert found is not None
    assert found.kong == (refused_by_rust(pattern) or refused_by_pcre(pattern)), found.reason


def test_the_patterns_in_use_are_read_alike() -> None:
    subjects = tuple(f"/characters/{bad}" for bad in HOSTILE if bad.isascii() and len(bad) < 99)
    routes = [route for service in example()["services"] for route in service["routes"]]
    for pattern in {path[1:] for route in routes for path in route["paths"]}:
        ours = [bool(re.search(to_python(pattern), subject)) for subject in subjects]
        assert [found_by_rust(rust(pattern), subject) for subject in subjects] == ours
        assert found_by_pcre(pattern, subjects) == ours

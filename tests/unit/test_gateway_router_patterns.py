"""Which route patterns are refused because PCRE, Rust and Python would read them differently."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.gateway.pattern_rules import fault, to_python

FAULTS = {
    "/a(?=b)": "look-ahead",
    "/a(?!b)": "look-ahead",
    "/(?<=a)b": "look-behind",
    "/(a)\\1": "back-ref",
    "/(?>a)": "atomic",
    "/a++": "possessive",
    "/a*+": "possessive",
    "/a\\z": "use \\$",
    "/\\p{L}": "Python",
    "/[[:alpha:]]": "nested class",
    "/[a&&b]": "set",
    "/a{": "no repetition",
    "/a{2,1}": "no range",
    "/a{1001}": "no range",
    "/*": None,
    "/+": None,
    "/a**": "nothing to repeat",
    "/(": "not closed",
    "/)": "never opened",
    "/[a": "not closed",
    "/a\\": "backslash",
    "/é": "one byte",
    "/(?i)a": "engines",
    "/(?<a>b)(?<a>c)": "twice",
    "/(?<1a>b)": "engines",
    "/a|/b": "anchor",
    "/a?<b>": "group name",
    "/[?<]": "\\?<",
    "/(?R)": "recursion",
    "/(*UTF8)a": "verb",
    "/(?#x)": "comment",
    "/\\Kx": "Rust",
    "/[z-a]": "range",
    "/[]a]": "first in a class",
    "/(?P=x)": "back-reference",
    "/a\x07": "one byte",
}


@pytest.mark.parametrize("pattern", FAULTS)
def test_patterns_that_engines_read_differently_are_refused(pattern: str) -> None:
    found, words = fault(pattern), FAULTS[pattern]
    if words is None:
        assert found is None  # a repeated slash is a slash to all of them
        return
    assert found is not None
    assert re.search(words, found.reason)


@pytest.mark.parametrize(
    "pattern",
    ["/a$", "/a/[0-9]+$", "/(?:a|b\\.c)/[^/]+$", "/(?<x>[A-Za-z0-9._~%-]{1,64})$", r"/\d{2,}x?$",
     "/(?P<y>a)$", "/[^/]+?/b$", "/a|b".replace("|", r"\|"), r"/\x2d[\-\]\[]$"],
)  # fmt: skip
def test_patterns_that_all_read_alike_are_kept(pattern: str) -> None:
    assert fault(pattern) is None
    re.compile(to_python(pattern))


@settings(max_examples=400, deadline=None)
@given(st.text("ab/()[]{}?*+|^$\\<>P:=!,1-&.", max_size=12))
def test_what_passes_the_check_compiles(pattern: str) -> None:
    if fault("/" + pattern) is None:
        re.compile(to_python("/" + pattern))

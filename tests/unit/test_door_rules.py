"""The door's table by itself: what passes, what does not, and that the patterns mean one thing.

The same lists run against a real nginx in tests/integration/test_door_nginx.py.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.door.rules import RULES, decide, subject_patterns
from tests.door_cases import ALLOWED, BARE, REFUSED


@pytest.mark.parametrize(("role", "method", "uri"), ALLOWED)
def test_what_services_need_passes(role: str, method: str, uri: str) -> None:
    assert decide(role, method, uri) == "pass"


@pytest.mark.parametrize(("role", "method", "uri"), BARE)
def test_body_that_could_say_more_is_dropped(role: str, method: str, uri: str) -> None:
    assert decide(role, method, uri) == "bare"


@pytest.mark.parametrize(("role", "method", "uri"), REFUSED)
def test_attack_is_refused(role: str, method: str, uri: str) -> None:
    assert decide(role, method, uri) == "refuse"


@given(st.from_regex(r"/[a-z_%*<>,.0-9A-Z-]{0,30}(/[a-z_%*<>,.0-9A-Z-]{0,30})*", fullmatch=True))
def test_story_reaches_no_index_but_its_own(uri: str) -> None:
    """Whatever passes begins with one whole name of a story index, in plain letters."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        if decide("story", method, uri) == "pass" and not uri.startswith("/_cluster/health"):
            first = uri.split("/")[1]
            assert uri == "/" or re.fullmatch("story-[a-z0-9_.-]{1,100}", first)


@given(st.text(max_size=40), st.sampled_from(["GET", "POST", "DELETE"]))
def test_nobody_without_a_role_passes(uri: str, method: str) -> None:
    assert decide("", method, "/" + uri) == "refuse"


def test_patterns_survive_nginx_quoting() -> None:
    """A backslash, quote or newline would mean something else inside nginx's quotes."""
    patterns = [rule.pattern for rule in RULES] + list(subject_patterns("lab"))
    for pattern in patterns:
        assert not re.search(r'[\\"\n\s]', pattern)
        assert pattern.startswith("^")
        assert pattern.endswith("$")


@pytest.mark.parametrize(
    "subject",
    [
        "CN=OPERATOR,O=fountainai-lab",  # plain map strings ignore case: this one once passed
        "CN=operator,O=fountainai-lab2",
        "CN=operator,O=fountainai-production",
        "CN=operator,OU=x,O=fountainai-lab",
        "O=fountainai-lab,CN=operator",
        "xCN=operator,O=fountainai-lab",
        "CN=a\\,CN=operator,O=fountainai-lab",
        "",
    ],
)
def test_other_subjects_have_no_role(subject: str) -> None:
    assert not [r for p, r in subject_patterns("lab").items() if re.search(p, subject)]


def test_each_role_has_one_subject() -> None:
    for role in ("story", "operator", "monitor", "backup"):
        subject = f"CN={role},O=fountainai-lab"
        assert [r for p, r in subject_patterns("lab").items() if re.search(p, subject)] == [role]
    host = "CN=search-1,OU=hosts,O=fountainai-lab"
    assert [r for p, r in subject_patterns("lab").items() if re.search(p, host)] == ["peer"]

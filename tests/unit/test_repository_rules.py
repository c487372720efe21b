"""Names, sizes, fingerprints, texts and answers: what is decided without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.secrets import Secret
from inventories.errors import SpecError
from inventories.repository import answers, names
from inventories.repository.fingerprints import Entry, Record, dump, fingerprint, key_id, parse
from inventories.repository.plan import Found, Wanted, make_plan
from inventories.repository.text import plan_json, plan_lines
from tests.secrets_support import Project

KEY = Secret(b"k" * 32)
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
parts = st.tuples(st.text(max_size=5), st.text(max_size=5), st.binary(max_size=8))


@given(st.sets(parts, min_size=2, max_size=6))
def test_fingerprints_of_different_things_differ(given_: set[tuple[str, str, bytes]]) -> None:
    """Also where level, name and value run into each other: ("ab", "c") is not ("a", "bc")."""
    for one, other in combinations(given_, 2):
        marks = [fingerprint(KEY, lv, n, Secret(v)) for lv, n, v in (one, other)]
        assert marks[0] != marks[1]


def test_fingerprints_depend_on_the_key_and_do_not_show_it() -> None:
    other = Secret(b"o" * 32)
    value = Secret(b"value")
    assert fingerprint(KEY, "", "A", value) != fingerprint(other, "", "A", value)
    assert key_id(KEY) != key_id(other)
    assert key_id(KEY) not in fingerprint(KEY, "", "A", value)


entries = st.builds(Entry, st.text(max_size=4), st.text(max_size=4))
record = st.builds(
    Record,
    st.text(max_size=4),
    st.dictionaries(st.text(max_size=4), entries, max_size=4),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4),
    st.frozensets(st.text(max_size=4), max_size=3),
)


@given(record)
def test_a_record_comes_back_as_it_was(made: Record) -> None:
    assert parse(dump(made)) == made
    assert dump(parse(dump(made))) == dump(made)


@given(st.text())
def test_any_text_is_a_record_or_none(text: str) -> None:
    """Anyone with write access can put anything into the variable."""
    assert isinstance(parse(text), Record)


@pytest.mark.parametrize("name", ["A", "_", "a1", "GITHUB", "A" * 255])
def test_names_that_github_takes(name: str) -> None:
    assert names.checked(name) == name


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A B", "GITHUB_A", "github_a", "Ä", "A\n", "A" * 256, "٣A"]
)
def test_names_that_github_refuses(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|GITHUB_"):
        names.checked(name)


def test_a_variable_counts_its_bytes() -> None:
    assert names.checked_text("ä" * (names.MAX_BYTES // 2))
    for text, said in (("ä" * (names.MAX_BYTES // 2) + "x", "49153"), ("", "empty")):
        with pytest.raises(ValueError, match=said):
            names.checked_text(text)


def refused(folder: Path, text: str) -> str:
    project = Project(folder)
    project.write(text)
    with pytest.raises(SpecError) as caught:
        _ = project.site
    return caught.value.what


def test_everything_wrong_comes_at_once_with_its_line(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        '[github]\nrepository = "Acme/story"\nworkflow = "../x.yml"\n[github.secrets]\n'
        '1A = { env = "X" }\nGITHUB_X = { env = "X" }\nB = "planted-value"\n'
        'C = { env = "X", file = "y" }\nD = { same_as = "ca" }\nE = {}\n[github.variables]\nV = 3\n'
        'FOUNTAINAI_FINGERPRINTS = "x"\nW = ""\n[github.environments."a b".secrets]\n'
        'X = { env = "Y" }\n',
    )
    for line in (
        "line 19: github.workflow:",
        "line 21: github.secrets.1A: '1A' is no name for GitHub",
        "line 22: github.secrets.GITHUB_X: 'GITHUB_X' begins with GITHUB_",
        "line 23: github.secrets.B: 'what stands here'",
        "line 24: github.secrets.C: names 2 places; name exactly one of env",
        "line 25: github.secrets.D.same_as: 'what stands here'",
        "line 26: github.secrets.E: names 0 places",
        "line 28: github.variables.V: 3",
        "line 29: github.variables.FOUNTAINAI_FINGERPRINTS: FOUNTAINAI_FINGERPRINTS is where",
        "line 30: github.variables.W: is empty",
        "line 17: github.environments.a b: 'a b' is no name for an environment",
    ):
        assert f"site.toml {line}" in said
    assert len(said.splitlines()) == 11
    assert "planted-value" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('repository = "a/b"\n[github.secrets]\nX = { env = "A" }\nx = { env = "B" }', "X and x"),
        ('repository = "a/b"\n[github.environments.P]\n[github.environments.p]', "P and p are one"),
        ('[github.variables]\nX = "1"', "repository is missing"),
        ('repository = "a"', "github.repository: 'a' is no repository; write OWNER/NAME"),
        ('repository = "https://github.com/a/b"', "'https://github.com/a/b' is no repository"),
        ('repository = "a/b.git"', "'a/b.git' is no repository"),
        ('repository = "a/.."', "'a/..' is no repository"),
        ('repository = "a/b\\n"', "is no repository"),
        ('repository = "a/b"\n[github.secrets]\nX = { same_as = "registry_token" }', "no place"),
        ('repository = "a/b"\n[github.secrets]\nX = { same_as = "api_keys.nobody" }', "no [[kong"),
        (
            'repository = "a/b"\n[github.environments.p.secrets]\n'
            + "".join(f'S{n} = {{ env = "A" }}\n' for n in range(101)),
            "github.environments.p.secrets",
        ),
        (
            'repository = "a/b"\n[github.environments.p.variables]\n'
            + "".join(f'V{n} = "A"\n' for n in range(100)),
            "at most 99",
        ),
        (
            'repository = "a/b"\n[github.variables]\n'
            + "".join(f'V{n} = "A"\n' for n in range(500)),
            "at most 499",
        ),
    ],
)  # fmt: skip
def test_what_github_would_refuse_is_refused_here(tmp_path: Path, text: str, said: str) -> None:
    """One variable of each level is the record."""
    assert said in refused(tmp_path, "[github]\n" + text + "\n")


def test_the_plan_in_words_and_for_programs() -> None:
    held = Record(key_id(KEY), {"OURS": Entry("f", "1"), "SAME": Entry("m", "1")}, {"V": "x"})
    there = {"OURS": "1", "SAME": "1", "THEIRS": "1", "OTHER": "1"}
    variables = {names.RECORD: dump(held), "TEXT": "old"}
    wants = [
        Wanted("", {"SAME": "m", "OTHER": "n", "NEW": "n"}, {"TEXT": "new"}),
        Wanted("publish", {"NEW": "n"}),
    ]
    plan = make_plan(wants, [Found("", True, there, variables)], key_id(KEY))
    assert plan_lines(plan, "Acme/story") == [
        "Plan for the GitHub repository Acme/story",
        "",
        "  + secret NEW: add",
        "  ? secret OTHER: unknown, will be written (not written from here)",
        "  - secret OURS: left alone without --prune (no longer in site.toml)",
        "  ? secret THEIRS: unknown, left alone (not written from here)",
        "  ~ variable TEXT: change (another text here)",
        "  + environment publish: add",
        "  + secret NEW of publish: add",
        "",
        "5 to write, 0 to remove, 1 unchanged",
        "! what left site.toml stays at GitHub until apply --prune removes it",
        "! what was not written from here is never removed from here",
        "! making an environment needs a token with Administration: write",
    ]
    found = plan_json(plan, "production", "Acme/story")
    assert found["pending"] is True
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait"),
    [
        (403, "", {"retry-after": "7"}, 7),
        (429, "", {}, answers.UNTOLD_WAIT_S),
        (403, "You have exceeded a secondary rate limit.", {}, answers.UNTOLD_WAIT_S),
        (403, "Resource not accessible", {"x-ratelimit-remaining": "12"}, None),
        (500, "rate limit", {"retry-after": "7"}, None),
        # GitHub's clock counts, not this machine's, which may be minutes wrong.
        (403, "", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000",
                   "date": "Thu, 01 Jan 1970 00:16:30 GMT"}, 11),
        (403, "", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000"}, 1),
    ],
)  # fmt: skip
def test_how_long_github_asks_to_wait(
    status: int, message: str, headers: dict[str, str], wait: float | None
) -> None:
    assert answers.wait_s(status, message, headers, NOW) == wait


@given(st.integers(400, 499), st.text(max_size=400))
def test_every_refusal_is_one_printable_sentence(status: int, message: str) -> None:
    """What GitHub, or something that passes for it, says must not drive the terminal."""
    made = answers.refused(status, message, {}, "list the secrets", "Secrets: read", "a/b")
    for line in (made.what, made.next_step):
        assert line.isprintable()
        assert line
        assert len(line) < 500

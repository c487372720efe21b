"""The registry's question for a login, in the forms that RFC 9110 allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories import endpoints
from inventories.errors import ProvisionError
from inventories.images.challenge import Challenge, parse
from inventories.images.scopes import wrong

GHCR = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([GHCR], Challenge("bearer", "https://ghcr.io/token", "ghcr.io")),
        (['bearer  Realm = "https://a/t" , service=b'], Challenge("bearer", "https://a/t", "b")),
        (
            ['Basic realm="a, b=\\"c\\"", Bearer realm="https://a"'],
            Challenge("bearer", "https://a"),
        ),
        (['Basic realm="x"', GHCR], Challenge("bearer", "https://ghcr.io/token", "ghcr.io")),
        (["Basic"], Challenge("basic")),
        (['Negotiate, Basic realm="x"'], Challenge("basic", "x")),
        (['Bearer service="without a realm"'], None),
        (["Digest realm=x"], None),
        ([], None),
    ],
)
def test_the_best_known_challenge_is_taken(headers: list[str], found: Challenge | None) -> None:
    assert parse(headers) == found


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=60))
def test_the_realm_comes_back_as_it_was_quoted(realm: str) -> None:
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    found = parse([f'Bearer realm="{quoted}", service="s"'])
    assert found == Challenge("bearer", realm, "s")


@given(st.text(max_size=80))
def test_any_header_is_read_without_a_failure(header: str) -> None:
    found = parse([header])
    assert found is None or found.scheme in ("bearer", "basic")


@pytest.mark.parametrize(
    "value",
    ["http://ghcr.io", "ftp://127.0.0.1", "http://10.0.0.1:5000", "https://", "http://user@127.0.0.1",
     "https://user:word@ghcr.io", "http://127.0.0.1.example.org", "https://[::1", "http://a:b",
     "https://ghcr.io/?q=1", "https://ghcr.io/#x", "https://ghcr.io:0", "nonsense://x"],
)  # fmt: skip
def test_nothing_secret_is_sent_in_clear_or_to_odd_addresses(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(endpoints.REGISTRY, value)
    monkeypatch.setenv(endpoints.GITHUB_API, value)
    for address in (lambda: endpoints.registry("ghcr.io"), endpoints.github_api):
        with pytest.raises(ProvisionError) as refused:
            address()
        assert "word" not in str(refused.value) + refused.value.next_step


def test_without_variables_it_is_the_registry_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(endpoints.REGISTRY, raising=False)
    monkeypatch.delenv(endpoints.GITHUB_API, raising=False)
    assert endpoints.registry("ghcr.io") == "https://ghcr.io"
    assert endpoints.github_api() == "https://api.github.com"
    monkeypatch.setenv(endpoints.REGISTRY, "127.0.0.1:5000")
    assert endpoints.registry("ghcr.io") == "https://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("read:packages", ""),
        (" read:packages ,", ""),
        ("read:packages, repo", "repo"),
        ("write:packages", "write:packages"),  # includes reading, and more than it
        ("repo", "repo"),
        ("", "no scope"),
        (None, "no classic token"),
        ("read:packages, \x1b[31m", "not known"),
    ],
)
def test_a_token_reads_packages_and_does_nothing_else(header: str | None, words: str) -> None:
    found = wrong(header)
    assert bool(found) == bool(words)
    assert words in found
    assert found.isprintable()

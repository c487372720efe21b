"""The real client walks through the whole stand-in: what it sends arrives, byte for byte.

If one of these fails, tests of the commands that use the stand-in say nothing about GitHub.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import github
import pytest
from github.Repository import Repository

from tests.github_standin import Hub, standin

LARGEST = 48 * 1024


@pytest.fixture
def hub() -> Iterator[Hub]:
    with standin() as running:
        yield running


def client(hub: Hub, token: str | None = None, **more: Any) -> github.Github:
    """The real client without its waits, which tests/contract/test_pygithub.py is about."""
    return github.Github(
        auth=github.Auth.Token(token or hub.token),
        base_url=hub.url,
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
        per_page=100,
        **more,
    )


def repo(hub: Hub, token: str | None = None) -> Repository:
    return client(hub, token).get_repo(hub.repository.full_name)


@pytest.mark.parametrize(
    "value",
    ["line\nline\r\n", "'\"`$(x)\\", "grüße, 日本語, 🎭", "\x00\x7f", " ", "ü" * (LARGEST // 2)],
    ids=["newline", "quotes", "non-ascii", "control", "space", "48KB"],
)
@pytest.mark.parametrize("place", ["repository", "environment", "dependabot"])
def test_secrets_arrive_byte_for_byte(hub: Hub, value: str, place: str) -> None:
    there = repo(hub)
    if place == "environment":
        there.create_environment("publish").create_secret("KEY", value)
        vault = hub.repository.environments["publish"].secrets
    elif place == "dependabot":
        there.create_secret("KEY", value, secret_type="dependabot")
        vault = hub.repository.dependabot
    else:
        there.create_secret("KEY", value)
        vault = hub.repository.secrets
    assert vault.plain("KEY") == value.encode()

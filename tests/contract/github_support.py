"""The stand-in of GitHub and the real client for the tests of one by the other."""

from __future__ import annotations

from typing import Any

import github
import pytest
import requests
from github.GithubException import GithubException
from github.Repository import Repository

from tests.github_standin import Hub

LARGEST = 48 * 1024
DIGEST = "sha256:" + "d" * 64
CLASSIC, FINE = "ghp_standinclassic", "github_pat_standinfine"


def client(hub: Hub, token: str | None = None, **more: Any) -> github.Github:
    """The real client without its waits, which test_pygithub.py is about."""
    return github.Github(
        auth=github.Auth.Token(token or hub.token),
        base_url=hub.url,
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
        **more,
    )


def repo(hub: Hub, token: str | None = None, **more: Any) -> Repository:
    return client(hub, token, **more).get_repo(hub.repository.full_name)


def ask(hub: Hub, method: str, path: str, token: str | None = None, **more: Any) -> Any:
    """A request without the client, to see what it hides."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= more.pop("headers", {})
    return requests.request(method, hub.url + path, headers=headers, timeout=10, **more)


def refusal(act: Any, *args: Any, **more: Any) -> GithubException:
    with pytest.raises(GithubException) as caught:
        act(*args, **more)
    return caught.value

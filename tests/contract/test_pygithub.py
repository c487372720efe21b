"""What the GitHub client does that our code relies on, or works around.

Each test names why it matters. When a new PyGithub changes one of these, the code that leans on
it has to be looked at: inventories/github.py is the only module that imports the client.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import github
import pytest
import requests
from github.GithubException import (
    GithubException,
    RateLimitExceededExceedsMaxWait,
    RateLimitExceededException,
    UnknownObjectException,
)
from github.GithubRetry import GithubRetry
from github.Repository import Repository

from tests.github_standin import Hub, standin

ROOT = Path(__file__).resolve().parents[2]


def client(hub: Hub, **more: Any) -> github.Github:
    """The client as it comes, but for its pauses; `more` are its own parameters."""
    unhurried: dict[str, Any] = {"seconds_between_requests": 0, "seconds_between_writes": 0}
    auth = github.Auth.Token(hub.token)
    return github.Github(**({"auth": auth, "base_url": hub.url} | unhurried | more))


def repo(hub: Hub, **more: Any) -> Repository:
    return client(hub, **more).get_repo(hub.repository.full_name)


def runs(hub: Hub) -> int:
    return len(hub.repository.workflows["images.yml"].runs)


# How fast, and how often


def test_pauses_a_second_between_writes_unless_told(hub: Hub) -> None:
    """Ten secrets would take 20 s: we pass our own pace, which has to stay above GitHub's."""
    hurried = github.Github(auth=github.Auth.Token(hub.token), base_url=hub.url)
    there = hurried.get_repo(hub.repository.full_name)
    began = time.monotonic()
    there.delete_secret("A")
    there.delete_secret("A")
    assert time.monotonic() - began >= 1.0


def test_asks_for_the_key_before_each_secret(hub: Hub) -> None:
    """Two requests a secret; a key rotated between two secrets does no harm."""
    there = repo(hub)
    there.create_secret("A", "1")
    hub.repository.secrets.rotate()
    there.create_secret("B", "2")
    assert [e.method for e in hub.log[1:]] == ["GET", "PUT", "GET", "PUT"]
    assert hub.repository.secrets.plain("B") == b"2"


def test_its_own_retry_posts_again(hub: Hub) -> None:
    """Two 502 after the effect start three runs: dispatch needs a client that never re-posts."""
    images = repo(hub).get_workflow("images.yml")
    hub.fail("POST", "/dispatches", times=2, after_effect=True)
    images.create_dispatch("main", throw=True)
    assert runs(hub) == 3


def test_a_retry_for_reads_only_posts_once(hub: Hub) -> None:
    """How we avoid it: `allowed_methods` without POST, PUT and PATCH; reads are still retried."""
    there = repo(hub, retry=GithubRetry(total=3, allowed_methods=["GET"]))
    hub.fail("GET", "/workflows/", times=2)
    images = there.get_workflow("images.yml")
    hub.fail("POST", "/dispatches", after_effect=True)
    with pytest.raises(GithubException) as caught:
        images.create_dispatch("main", throw=True)
    hub.drop("POST", "/dispatches", after_effect=True)
    with pytest.raises(requests.ConnectionError):
        images.create_dispatch("main", throw=True)
    assert (caught.value.status, runs(hub), len(hub.requests("POST"))) == (502, 2, 2)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_its_own_retry_repeats_other_writes(hub: Hub, method: str) -> None:
    """Harmless for what they leave behind, but a delete done twice reports False."""
    there = repo(hub)
    there.create_secret("A", "old")
    hub.fail(method, "/secrets/A", after_effect=True)
    if method == "PUT":
        there.create_secret("A", "new")
        assert hub.repository.secrets.plain("A") == b"new"
    else:
        assert there.delete_secret("A") is False
    assert [e.status for e in hub.requests(method, "A$")][-2] == 502


def test_patch_is_not_retried(hub: Hub) -> None:
    """And `edit` then says False, not 502: a lost answer looks like a refusal."""
    there = repo(hub)
    there.create_variable("A", "old")
    variable = there.get_variable("A")
    hub.fail("PATCH", after_effect=True)
    assert variable.edit("new") is False
    assert hub.repository.variables.value("A") == "new"


def test_retries_that_run_out_are_an_error_of_requests(hub: Hub) -> None:
    """Not a GithubException: who catches only those shows a traceback when GitHub is down."""
    there = client(hub, retry=GithubRetry(total=2))
    hub.fail("GET", times=3)
    with pytest.raises(requests.exceptions.RetryError):
        there.get_repo(hub.repository.full_name)
    assert len(hub.log) == 3


# What is raised, and what is only returned


def test_refused_writes_return_false(hub: Hub) -> None:
    """No exception for a 404 (or a 403, or a 502): the result has to be looked at."""
    there = repo(hub)
    there.create_variable("A", "1")
    variable = there.get_variable("A")
    environment = there.create_environment("publish")
    assert there.delete_variable("A") is True
    assert variable.edit("2") is False
    for place in (there, environment):
        assert place.delete_secret("NONE") is False
        assert place.delete_variable("NONE") is False
    images = there.get_workflow("images.yml")
    assert images.create_dispatch("gone") is False
    assert images.create_dispatch("gone", return_run_details=True) is False


def test_deleting_through_the_object_raises(hub: Hub) -> None:
    """`Secret.delete` and `Variable.delete` do say what went wrong."""
    there = repo(hub)
    there.create_secret("A", "1")
    there.create_variable("A", "1")
    for held in (there.get_secret("A"), there.get_variable("A")):
        held.delete()
        with pytest.raises(UnknownObjectException):
            held.delete()


def test_a_variable_that_exists_is_a_conflict(hub: Hub) -> None:
    """409: an upsert reads first and then edits or creates."""
    there = repo(hub)
    there.create_variable("A", "1")
    with pytest.raises(GithubException) as caught:
        there.create_variable("A", "2")
    assert caught.value.status == 409


def test_getting_what_is_not_there_raises_at_once(hub: Hub) -> None:
    """`get_...` reads in its own call: one `except` around it is enough (not for a lazy client)."""
    there = repo(hub)
    for get in (there.get_secret, there.get_variable, there.get_environment, there.get_workflow):
        with pytest.raises(UnknownObjectException):
            get("NONE")


def test_making_an_environment_takes_its_protection_away(hub: Hub) -> None:
    """Every rule is sent, defaults included: only environments that do not exist may be made so."""
    hub.world.add_environment(
        hub.repository, "publish", wait_timer=30, reviewers=[{"type": "User", "id": 7}],
        deployment_branch_policy={"protected_branches": True, "custom_branch_policies": False},
    )  # fmt: skip
    there = repo(hub)
    before = there.get_environment("publish")
    assert len(before.protection_rules) == 3
    before.create_secret("A", "1")  # this is how secrets get in without touching the rules
    assert len(there.get_environment("publish").protection_rules) == 3
    there.create_environment("publish")
    assert there.get_environment("publish").protection_rules == []


def test_a_dispatch_tells_its_run_when_asked_and_true_otherwise(hub: Hub) -> None:
    """True, not a run, from a server that ignores the question: then the list is looked through."""
    images = repo(hub).get_workflow("images.yml")
    run = images.create_dispatch("main", throw=True, return_run_details=True)
    assert run.html_url == f"https://github.com/Fountain/story/actions/runs/{run.id}"
    hub.repository.run_details = False
    assert images.create_dispatch("main", throw=True, return_run_details=True) is True


# Limits


def test_an_hour_used_up_raises_when_the_wait_would_be_too_long(hub: Hub) -> None:
    """Without `max_rate_limit_wait` the client sleeps up to an hour without a word."""
    there = client(hub, retry=GithubRetry(max_rate_limit_wait=5))
    hub.limit_primary(resets_in=3600)
    with pytest.raises(RateLimitExceededExceedsMaxWait) as caught:
        there.get_repo(hub.repository.full_name)
    assert 3590 < caught.value.wait <= 3601
    assert len(hub.log) == 1


def test_a_secondary_limit_without_a_time_waits_a_minute_unless_told(hub: Hub) -> None:
    assert GithubRetry().secondary_rate_wait == 60
    there = client(hub, retry=GithubRetry(secondary_rate_wait=0.1))
    hub.limit_secondary(retry_after=None)
    hub.limit_secondary(abuse=True)
    there.get_repo(hub.repository.full_name)
    assert [e.status for e in hub.log] == [403, 403, 200]


def test_a_retry_after_is_waited_for_however_long(hub: Hub) -> None:
    """`max_rate_limit_wait` does not hold for it: a header of 3600 sleeps an hour."""
    there = client(hub, retry=GithubRetry(max_rate_limit_wait=0.1))
    hub.limit_secondary(retry_after=1)
    began = time.monotonic()
    there.get_repo(hub.repository.full_name)
    assert time.monotonic() - began >= 1


def test_without_a_retry_every_limit_raises_at_once(hub: Hub) -> None:
    """So that we can wait ourselves, and say so: headers and status are in the exception."""
    there = client(hub, retry=None)
    hub.limit_secondary(retry_after=9)
    with pytest.raises(RateLimitExceededException) as caught:
        there.get_repo(hub.repository.full_name)
    assert caught.value.headers["retry-after"] == "9"
    hub.limit_primary(resets_in=60)
    with pytest.raises(RateLimitExceededException) as caught:
        there.get_repo(hub.repository.full_name)
    assert caught.value.headers["x-ratelimit-remaining"] == "0"


def test_a_limit_told_by_429_is_no_rate_limit_to_it(hub: Hub) -> None:
    """GitHub says 403 or 429; only 403 is recognized, so the status has to be looked at as well."""
    there = client(hub, retry=GithubRetry(max_rate_limit_wait=0.1))
    hub.limit_primary(resets_in=3600, status=429)
    with pytest.raises(GithubException) as caught:
        there.get_repo(hub.repository.full_name)
    assert not isinstance(caught.value, RateLimitExceededException)
    assert caught.value.status == 429
    assert int(caught.value.headers["x-ratelimit-reset"]) > time.time()


# Answers that are not what they should be


def test_an_html_page_is_an_exception_with_no_message(hub: Hub) -> None:
    """`message` is None and the page is in `data`: a sentence for people is ours to write."""
    there = client(hub, retry=None)
    hub.fail("GET", status=502)
    with pytest.raises(GithubException) as caught:
        there.get_repo(hub.repository.full_name)
    assert caught.value.message is None
    assert "<html>" in caught.value.data["data"]


def test_an_answer_cut_off_is_a_value_error(hub: Hub) -> None:
    """JSON that ends early is neither a GithubException nor an error of requests."""
    there = client(hub, retry=None)
    hub.fail("GET", status=200, body=b'{"name": ')
    with pytest.raises(ValueError, match="Expecting value"):
        there.get_repo(hub.repository.full_name)


def test_a_renamed_repository_is_followed_with_a_write(hub: Hub) -> None:
    """The write goes where the repository is now; the plan has to name that one."""
    there = repo(hub)
    hub.world.rename("Fountain/story", "Fountain/tale")
    there.create_variable("A", "1")
    assert hub.repository.variables.value("A") == "1"
    assert client(hub).get_repo("Fountain/story").full_name == "Fountain/tale"


def test_scopes_are_known_after_a_request_of_a_classic_token(hub: Hub) -> None:
    """None stands for a fine-grained token, not for one without rights."""
    hub.world.add_token("ghp_classic", scopes=("repo", "read:packages"))
    classic = client(hub, auth=github.Auth.Token("ghp_classic"))
    classic.get_repo(hub.repository.full_name)
    assert classic.oauth_scopes == ["repo", "read:packages"]
    fine = client(hub)
    fine.get_repo(hub.repository.full_name)
    assert fine.oauth_scopes is None


# What it tells others


FOREIGN = """
import os, github
hub, other, token = (os.environ[name] for name in ("HUB", "OTHER", "TOKEN"))
client = github.Github(auth=github.Auth.Token(token), base_url=hub)
client.requester.requestJsonAndCheck("GET", other + "/user")
"""
HANDLERS = """
import logging, github
own = logging.getLogger("github")
print(logging.getLevelName(own.level), *(type(handler).__name__ for handler in own.handlers))
"""


def python(script: str, *flags: str, **known: str) -> subprocess.CompletedProcess[str]:
    """An interpreter of its own: nothing that other tests or our code did to the client counts."""
    return subprocess.run(
        [sys.executable, *flags, "-c", script], cwd=ROOT, env={**os.environ, **known},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("flags", "sent"), [([], []), (["-O"], [200])], ids=["plain", "-O"])
def test_the_token_stays_with_its_host_by_an_assertion_only(
    hub: Hub, flags: list[str], sent: list[int]
) -> None:
    """Gone under `python -O`: addresses in answers are never followed by our own code."""
    with standin() as other:
        done = python(FOREIGN, *flags, HUB=hub.url, OTHER=other.url, TOKEN=hub.token)
        assert [e.status for e in other.log] == sent
    assert ("AssertionError" in done.stderr) is not bool(sent)


def test_it_writes_to_the_terminal_by_itself() -> None:
    """Importing it puts a handler on the logger `github` at INFO: lines in our output, not ours."""
    assert python(HANDLERS).stdout.split() == ["INFO", "StreamHandler"]


def test_no_value_and_no_token_in_logs_at_any_level(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """Headers are logged without the token and secrets as sealed; a variable is there in plain."""
    there = repo(hub)
    own = logging.getLogger("github")
    own.addHandler(caplog.handler)  # also where our code has told it not to pass lines on
    try:
        with caplog.at_level(logging.DEBUG, "github"):
            there.create_secret("A", "planted-secret")
            there.create_variable("B", "planted-variable")
    finally:
        own.removeHandler(caplog.handler)
    assert "planted-secret" not in caplog.text
    assert hub.token not in caplog.text
    assert "planted-variable" in caplog.text


def test_exceptions_do_not_repeat_what_was_sent(hub: Hub) -> None:
    there = repo(hub, retry=None)
    hub.fail("PUT", status=500, body={"message": "Server Error"})
    with pytest.raises(GithubException) as caught:
        there.create_secret("A", "planted-secret")
    for text in (str(caught.value), repr(caught.value), repr(caught.value.args)):
        assert "planted" not in text
        assert hub.token not in text


def test_the_client_does_not_show_its_token(hub: Hub) -> None:
    """An object in a traceback or a debugger's line says nothing either."""
    there = client(hub)
    assert hub.token not in repr(there) + repr(there.requester) + repr(repo(hub))

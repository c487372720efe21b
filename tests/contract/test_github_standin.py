"""The real client walks through the whole stand-in: tokens, limits, faults.

If a test of the stand-in fails, tests of the commands that use it say nothing about GitHub.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
import requests
from github.GithubException import BadCredentialsException, UnknownObjectException

from tests.contract.github_support import CLASSIC, FINE, ask, client, refusal, repo
from tests.github_standin import Hub, standin


def test_tokens_are_told_what_they_lack(hub: Hub) -> None:
    """401 for nobody, 403 for too little, 404 for what one may not know of."""
    hub.world.add_token(FINE, permissions={"secrets": "read", "actions": "read"})
    hub.world.add_token("ghp_public", scopes=("read:packages",))
    hub.world.add_token("chosen", permissions={"secrets": "write"}, repositories=("A/B",))
    with pytest.raises(BadCredentialsException):
        repo(hub, "ghp_unknown")
    weak = repo(hub, FINE)
    assert list(weak.get_secrets()) == []
    said = refusal(weak.create_secret, "X", "v")
    assert (said.status, said.message) == (403, "Resource not accessible by personal access token")
    assert said.headers["x-accepted-github-permissions"] == "secrets=write"
    assert refusal(weak.create_environment, "publish").status == 403
    for name in ("ghp_public", "chosen"):
        assert refusal(repo(hub, name).create_secret, "X", "v").status == 403
    hub.repository.private = True
    for name in ("ghp_public", "chosen"):
        with pytest.raises(UnknownObjectException):
            repo(hub, name)
    assert ask(hub, "GET", f"/repos/{hub.repository.full_name}").status_code == 404
    assert hub.writes == 0


def test_classic_tokens_see_their_scopes_and_fine_grained_ones_none(hub: Hub) -> None:
    hub.world.add_token(CLASSIC, login="bot", scopes=("read:packages", "repo"))
    answer = ask(hub, "GET", "/user", CLASSIC)
    assert answer.headers["X-OAuth-Scopes"] == "read:packages, repo"
    assert answer.json()["login"] == "bot"
    assert "X-OAuth-Scopes" not in ask(hub, "GET", "/user", hub.token).headers
    assert ask(hub, "GET", "/user").status_code == 401


def test_every_answer_has_the_date_and_what_is_left_of_the_hour(hub: Hub) -> None:
    """Also refusals and planned faults: clients pace themselves by these."""
    hub.fail("GET", "/user$")
    answers = [
        ask(hub, "GET", path, token)
        for path, token in [("/user", hub.token), ("/user", hub.token), ("/no/such", None)]
    ]
    assert [a.status_code for a in answers] == [502, 200, 404]
    for answer in answers:
        assert parsedate_to_datetime(answer.headers["Date"]).year > 2000
        assert int(answer.headers["X-RateLimit-Limit"]) == 5000
        assert {"X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(answer.headers)
    assert answers[2].json()["documentation_url"].startswith("https://docs.github.com/")
    wrong = {"X-GitHub-Api-Version": "1999-01-01"}
    assert ask(hub, "GET", "/user", hub.token, headers=wrong).status_code == 400
    assert ask(hub, "PUT", "/user", hub.token).status_code == 404


def test_the_hour_ends_and_comes_back(hub: Hub) -> None:
    hub.remaining = 1
    assert ask(hub, "GET", "/user", hub.token).status_code == 200
    out = ask(hub, "GET", "/user", hub.token)
    assert (out.status_code, out.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert out.json()["message"].startswith("API rate limit exceeded")
    hub.resets_at = 0
    assert ask(hub, "GET", "/user", hub.token).headers["X-RateLimit-Remaining"] == "4999"


@pytest.mark.parametrize("after", [False, True])
def test_a_fault_happens_before_or_after_the_effect(hub: Hub, after: bool) -> None:
    """The heart of "exactly one effect": what the client is told and what was done may differ."""
    there = repo(hub)
    hub.fail("PUT", "/secrets/", status=502, times=2, after_effect=after)
    for _ in range(2):
        assert refusal(there.create_secret, "X", "v").status == 502
    assert hub.repository.secrets.names() == (["X"] if after else [])
    assert hub.faults.pending == 0
    there.create_secret("X", "v")
    assert hub.writes == (3 if after else 1)
    assert hub.effects["PUT", f"/repos/{hub.repository.full_name}/actions/secrets/X"] == hub.writes


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_is_reset_before_or_after_the_effect(hub: Hub, after: bool) -> None:
    there = repo(hub)
    hub.drop("POST", "/variables", after_effect=after)
    with pytest.raises(requests.ConnectionError, match="reset"):
        there.create_variable("X", "v")
    assert hub.repository.variables.names() == (["X"] if after else [])
    assert [(e.status, e.effect) for e in hub.requests("POST")] == [(0, after)]


def test_faults_can_wait_for_their_turn_be_slow_and_carry_their_own_body(hub: Hub) -> None:
    there = repo(hub)
    hub.fail(
        "PUT", "X2$", status=503, skip=1, body={"message": "later"}, headers={"Retry-After": "9"}
    )
    there.create_secret("X2", "v")
    said = refusal(there.create_secret, "X2", "v")
    assert (said.status, said.message, said.headers["retry-after"]) == (503, "later", "9")
    hub.slow("GET", "/user", 30)
    with pytest.raises(requests.Timeout):
        requests.get(f"{hub.url}/user", timeout=0.2)


@pytest.mark.parametrize("status", [403, 429])
def test_limits_say_when_to_come_back(hub: Hub, status: int) -> None:
    hub.limit_primary(resets_in=60, status=status)
    hub.limit_secondary(retry_after=7, status=status)
    hub.limit_secondary(retry_after=None, status=status)
    hub.limit_secondary(abuse=True)
    answers = [ask(hub, "GET", "/user", hub.token) for _ in range(5)]
    assert [a.status_code for a in answers] == [status, status, status, 403, 200]
    assert answers[0].headers["X-RateLimit-Remaining"] == "0"
    told = int(answers[0].headers["X-RateLimit-Reset"])
    assert 60 <= told - (hub.resets_at - 3600) <= 120  # since the start of this stand-in
    assert [a.headers.get("Retry-After") for a in answers[1:3]] == ["7", None]
    assert all("a few minutes" in a.json()["message"] for a in answers[1:4])


def test_a_renamed_repository_sends_on(hub: Hub) -> None:
    there = repo(hub)
    hub.world.rename("Fountain/story", "Fountain/tale")
    there.create_secret("X", "v")
    assert hub.repository.secrets.plain("X") == b"v"
    assert client(hub).get_repo("fountain/story").full_name == "Fountain/tale"


def test_the_log_and_the_answers_hold_no_value_and_no_token(hub: Hub) -> None:
    there = repo(hub)
    there.create_secret("X", "planted-secret")
    hub.fail("PUT", after_effect=True)
    said = refusal(there.create_secret, "X", "planted-other")
    listed = ask(hub, "GET", f"/repos/{hub.repository.full_name}/actions/secrets", hub.token).text
    for text in (repr(hub.log), repr(said), str(said), listed, repr(hub.effects)):
        assert "planted" not in text
        assert hub.token not in text


def test_two_of_them_share_nothing_and_listen_here_only(hub: Hub) -> None:
    with standin() as other, requests.Session() as kept:
        kept.get(other.url, timeout=5)
        other.log.clear()
        assert other.url != hub.url
        repo(other).create_secret("X", "v")
        assert hub.log == []
        key_ids = {hub.repository.secrets.key_id, other.repository.secrets.key_id}
        assert len(key_ids) == 2
        assert other.server.server_address[0] == "127.0.0.1"
        other.server.end()
        with pytest.raises(requests.ConnectionError):  # also over the connection that was kept
            kept.get(other.url, timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get(other.url, timeout=5)

"""Lost answers, rate limits and refusals: each write once, each failure one sentence."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from deploys.secrets import Secret
from inventories.github import Client
from inventories.limits import Limits
from inventories.lock import env_lock
from inventories.progress import Progress
from inventories.repository.hub import Hub
from tests.provision.github_support import Desk

WANTED = (
    '[github.secrets]\nONE = { env = "ONE" }\n[github.variables]\nNEW = "new"\nOLD = "changed"\n'
    '[github.environments.publish.secrets]\nONE = { env = "ONE" }\n'
)
#: Every kind of write, by method and path.
WRITES = {
    "a secret": ("PUT", "/actions/secrets/ONE$"),
    "a new variable": ("POST", "/actions/variables$"),
    "a changed variable": ("PATCH", "/actions/variables/OLD$"),
    "an environment": ("PUT", "/environments/publish$"),
    "a secret of it": ("PUT", "/environments/publish/secrets/ONE$"),
    "a removed secret": ("DELETE", "/actions/secrets/GONE$"),
    "a removed variable": ("DELETE", "/actions/variables/GONE$"),
    "a dispatch": ("POST", "/dispatches$"),
}


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """GitHub with something of every kind to write, change and remove."""
    desk.secret("ONE", "value-of-the-first-one")
    desk.want(
        '[github.secrets]\nGONE = { env = "ONE" }\n[github.variables]\nOLD = "old"\nGONE = "x"\n'
    )
    desk.apply()
    desk.want(WANTED)
    desk.hub.log.clear()
    return desk


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", WRITES)
def test_two_bad_gateways_leave_exactly_one_effect(
    busy: Desk, kind: str, after_effect: bool
) -> None:
    """PyGithub's own retry would send a POST three times; we look before we repeat."""
    method, path = WRITES[kind]
    busy.hub.fail(method, path, 502, 2, after_effect=after_effect)
    said = busy.run(*(["dispatch"] if "dispatch" in kind else ["apply", "--yes", "--prune"]))
    assert said.code == 0, said.all
    effects = sum(n for (m, p), n in busy.hub.effects.items() if m == method and re.search(path, p))
    assert effects == 1
    if not after_effect:
        assert busy.hub.faults.pending == 0
    if "dispatch" in kind:
        assert len(busy.repo.workflows["images.yml"].runs) == 1
    else:
        assert set(busy.kinds("--prune").values()) == {"unchanged"}


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_a_connection_reset_leaves_exactly_one_effect(busy: Desk, after_effect: bool) -> None:
    busy.hub.drop("PUT", "/actions/secrets/ONE$", 2, after_effect=after_effect)
    busy.apply("--prune")
    assert busy.hub.effects["PUT", "/repos/Fountain/story/actions/secrets/ONE"] == 1


def test_an_error_that_stays_ends_in_a_sentence(busy: Desk) -> None:
    busy.hub.fail("GET", "/actions/variables", 503, 99)
    said = busy.run("apply", "--yes")
    assert said.code == 1
    assert (
        "GitHub answers 503, after 4 attempts, on: list the variables of Fountain/story" in said.err
    )
    assert "run the same command again" in said.err
    assert "Traceback" not in said.err, said.err


@pytest.mark.parametrize("status", [403, 429])
def test_a_short_rate_limit_is_waited_for_with_a_line(busy: Desk, status: int) -> None:
    """Refused before any effect, so the same request may come again, a POST as well."""
    busy.hub.limit_secondary("PUT", "/secrets/ONE$", retry_after=1, status=status)
    busy.hub.limit_primary("POST", "/environments/publish/variables$", resets_in=1, status=status)
    said = busy.apply()
    assert "GitHub's rate limit: waiting 1 s, as it asks" in said.err
    assert said.err.count("rate limit: waiting") == 2
    assert busy.hub.faults.pending == 0
    assert busy.hub.effects["PUT", "/repos/Fountain/story/actions/secrets/ONE"] == 1


def test_a_long_rate_limit_stops_with_the_time_it_ends(busy: Desk) -> None:
    busy.hub.limit_primary("PUT", "/secrets/ONE$", resets_in=1800)
    said = busy.run("apply", "--yes")
    assert said.code == 1
    assert re.search(r"used up until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, 30 minutes", said.err)
    assert "run the same command after that" in said.err
    busy.apply()
    assert busy.repo.secrets.plain("ONE") == b"value-of-the-first-one"


def test_a_rate_limit_that_does_not_end_is_not_waited_for_forever(busy: Desk) -> None:
    busy.hub.limit_secondary("GET", "/actions/secrets$", retry_after=0, times=99)
    said = busy.run("plan")
    assert said.code == 1
    assert said.err.count("rate limit: waiting 0 s") == 3
    assert "rate limit is used up until" in said.err


@pytest.mark.parametrize("lacking", ["secrets", "variables", "administration", "environments"])
def test_a_missing_permission_is_named(busy: Desk, lacking: str) -> None:
    token = busy.hub.world.tokens[busy.hub.token]
    assert token.permissions is not None
    token.permissions[lacking] = "read"
    said = busy.run("apply", "--yes")
    assert said.code == 1
    assert "GitHub answers 403" in said.err
    name = {"administration": "Administration", "environments": "Environments"}.get(
        lacking, lacking.capitalize()
    )
    assert f"give the token {name}: write for Fountain/story" in said.err
    assert "Traceback" not in said.err, said.err


def test_a_dispatch_without_the_permission_names_it(desk: Desk) -> None:
    token = desk.hub.world.tokens[desk.hub.token]
    assert token.permissions is not None
    token.permissions["actions"] = "read"
    said = desk.run("dispatch")
    assert "give the token Actions: write for Fountain/story" in said.err
    assert desk.repo.workflows["images.yml"].runs == []


def test_a_classic_token_without_its_scope(desk: Desk) -> None:
    desk.hub.world.add_token("ghp_classic0123456789", scopes=("read:packages",))
    desk.secret("GITHUB_TOKEN", "ghp_classic0123456789")
    said = desk.run("plan")
    assert said.code == 1
    assert "give the token the scope repo" in said.err


def test_a_wrong_token(desk: Desk) -> None:
    desk.secret("GITHUB_TOKEN", "ghp_wrong0123456789")
    said = desk.run("plan")
    assert said.code == 1
    assert "GitHub does not accept the token: Bad credentials" in said.err
    assert "github_token under [secrets]" in said.err


def test_no_token_at_all(desk: Desk) -> None:
    desk.patch.delenv("GITHUB_TOKEN")
    said = desk.run("plan")
    assert said.code == 1
    assert "secrets.github_token (env GITHUB_TOKEN) is not set" in said.err
    assert "Next: put a token there, or name its place" in said.err
    assert desk.hub.log == []


def test_a_repository_that_is_not_seen(desk: Desk) -> None:
    desk.repo.private = True
    token = desk.hub.world.tokens[desk.hub.token]
    token.repositories = ("Fountain/other",)
    said = desk.run("plan")
    assert said.code == 1
    assert "GitHub answers 404 (Not Found) to: read the repository Fountain/story" in said.err
    assert "check github.repository" in said.err


def test_a_renamed_repository(desk: Desk) -> None:
    desk.hub.world.rename("Fountain/story", "Fountain/tale")
    said = desk.run("plan")
    assert said.code == 1
    assert "the repository Fountain/story is called Fountain/tale now" in said.err
    assert 'repository = "Fountain/tale"' in said.err


def test_a_key_that_github_changed_meanwhile(desk: Desk) -> None:
    """A box sealed for the key before is refused; the new key is fetched, and the box made anew."""
    client = Client(
        Secret(desk.hub.token.encode()), "Fountain/story", Limits(poll_s=0.01), Progress()
    )
    hub = Hub(client)
    hub.put_secret("", "ONE", Secret(b"value-of-the-first-one"), None)
    desk.repo.secrets.rotate()
    hub.put_secret("", "TWO", Secret(b"value-of-the-second-one"), None)
    assert desk.repo.secrets.plain("TWO") == b"value-of-the-second-one"
    assert len(desk.hub.requests("GET", "/public-key$")) == 2
    assert len(desk.hub.requests("PUT")) == 3


def test_a_value_that_github_does_not_take(busy: Desk) -> None:
    """422 with the same key is not about the key: told, not tried again."""
    busy.hub.fail("PUT", "/actions/secrets/ONE$", 422, 9, body={"message": "not this"})
    said = busy.run("apply", "--yes")
    assert said.code == 1
    assert "GitHub answers 422 (not this) to: write the secret ONE" in said.err
    assert len(busy.hub.requests("PUT", "/actions/secrets/ONE$")) == 1
    assert "Traceback" not in said.err, said.err


def test_somebody_made_the_variable_meanwhile(desk: Desk) -> None:
    """409 on POST: the name is there by now, so it is changed instead."""
    desk.want('[github.variables]\nNEW = "ours"\n')
    desk.hub.fail("POST", "/variables$", 409, 1, after_effect=True, body={"message": "exists"})
    desk.apply()
    assert desk.repo.variables.value("NEW") == "ours"
    assert desk.kinds() == {"NEW": "unchanged"}


def test_an_answer_that_is_not_githubs(desk: Desk) -> None:
    """A captive portal answers everything with a page of its own."""
    desk.hub.fail("GET", "", 200, 99, body=b"<html>log in</html>")
    said = desk.run("plan")
    assert said.code == 1
    assert "the answer is not one of GitHub's API" in said.err
    assert "Traceback" not in said.err, said.err


def test_a_list_without_an_end_is_ended(desk: Desk) -> None:
    """Something in between that answers every page alike; 500 variables are what there can be."""
    rows = [{"name": "A", "value": "x"}]
    body = {"total_count": 10**9, "variables": rows}
    desk.hub.fail("GET", "/actions/variables", 200, 9999, body=body)
    said = desk.run("plan")
    assert said.code == 1
    assert "not one of GitHub's API, on: list the variables of Fountain/story" in said.err
    assert len(desk.hub.requests("GET", "/actions/variables")) == 100


def test_nobody_answers(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    desk.patch.setenv("FOUNTAINAI_GITHUB_API", f"http://127.0.0.1:{port}")
    said = desk.run("plan")
    assert said.code == 1
    assert "the connection to 127.0.0.1 failed, after 4 attempts" in said.err


def test_a_name_that_does_not_exist(desk: Desk) -> None:
    desk.patch.setenv("FOUNTAINAI_GITHUB_API", "https://api.invalid")
    said = desk.run("plan")
    assert said.code == 1
    assert "the name api.invalid is not found" in said.err


def test_a_certificate_that_is_not_trusted(desk: Desk, tmp_path: Path) -> None:
    """Told at once, not tried again: no attempt makes it trusted."""
    from tests.provision.github_support import tls_server

    with tls_server(tmp_path) as port:
        desk.patch.setenv("FOUNTAINAI_GITHUB_API", f"https://localhost:{port}")
        said = desk.run("plan")
    assert said.code == 1
    assert "the certificate of localhost is not trusted" in said.err


@pytest.mark.parametrize(
    "address",
    ["http://api.example.org", "ftp://127.0.0.1", "https://user@api.example.org", "nonsense",
     "https://x/?q=1", "http://127.0.0.1.example.org"],
)  # fmt: skip
def test_the_token_goes_nowhere_unprotected(desk: Desk, address: str) -> None:
    desk.patch.setenv("FOUNTAINAI_GITHUB_API", address)
    said = desk.run("plan")
    assert said.code == 1
    assert "FOUNTAINAI_GITHUB_API names no address that may be used" in said.err


def test_one_apply_at_a_time(desk: Desk) -> None:
    desk.want('[github.variables]\nNEW = "x"\n')
    with env_lock(desk.project.where, "provision apply"):
        for command in (["apply", "--yes"], ["dispatch"]):
            said = desk.run(*command)
            assert said.code == 3
            assert "another run is at work on production" in said.err
        assert desk.kinds() == {"NEW": "add"}  # a plan only reads
    assert desk.hub.writes == 0


def test_a_site_without_a_repository(desk: Desk) -> None:
    desk.project.write("")
    said = desk.run("plan")
    assert said.code == 1
    assert "site.toml names no repository" in said.err


def test_a_token_that_comes_back_is_not_repeated(desk: Desk) -> None:
    """A proxy that complains with what it was sent; the desk looks for the token at the end."""
    desk.hub.fail("GET", "", 403, 9, body={"message": f"bad header: token {desk.hub.token}\x1b[2J"})
    said = desk.run("plan")
    assert any("bad header" in line for line in desk.logged)
    desk.logged.clear()  # PyGithub's own log shows answers as they came, for who turns it on
    assert said.code == 1
    assert "bad header: token <secret>" in said.err
    assert "\x1b" not in said.err


def test_an_environment_that_somebody_made_meanwhile_keeps_its_rules(busy: Desk) -> None:
    """Between our list and our PUT: looked for once more, for a PUT would take its rules away."""
    client = Client(
        Secret(busy.hub.token.encode()), "Fountain/story", Limits(poll_s=0.01), Progress()
    )
    hub = Hub(client)
    assert hub.environments() == []
    there = busy.hub.world.add_environment(busy.repo, "publish", wait_timer=30)
    hub.create_environment("publish")
    assert there.wait_timer == 30
    assert busy.hub.writes == 0


def test_writes_keep_githubs_pace(desk: Desk) -> None:
    """A second between writes is what GitHub asks for; waiting is set by the limits."""
    desk.patch.setenv("PROVISION_POLL_S", "0.3")
    desk.want('[github.variables]\nA = "x"\nB = "y"\n')
    start = time.monotonic()
    desk.apply()
    assert desk.hub.writes == 3
    assert time.monotonic() - start >= 0.6

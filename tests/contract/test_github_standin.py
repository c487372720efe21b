"""The real client walks through the whole stand-in: what it sends arrives, byte for byte.

If one of these fails, tests of the commands that use the stand-in say nothing about GitHub.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import github
import pytest
import requests
from github.Environment import Environment
from github.EnvironmentDeploymentBranchPolicy import EnvironmentDeploymentBranchPolicyParams
from github.EnvironmentProtectionRuleReviewer import ReviewerParams
from github.GithubException import BadCredentialsException, GithubException, UnknownObjectException
from github.Repository import Repository
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from tests.github_standin import Hub, Version, standin
from tests.github_standin.wire import page

LARGEST = 48 * 1024
DIGEST = "sha256:" + "d" * 64
CLASSIC, FINE = "ghp_standinclassic", "github_pat_standinfine"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with standin() as running:
        yield running


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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_arrives_as_secret_and_as_variable(hub: Hub, value: str) -> None:
    """The law behind the chosen cases: what comes out is what went in."""
    there = repo(hub)
    there.create_secret("ANY", value)
    there.delete_variable("ANY")
    there.create_variable("ANY", value)
    assert hub.repository.secrets.plain("ANY") == value.encode()
    assert there.get_variable("ANY").value == value


def test_a_secret_is_made_then_replaced_then_gone(hub: Hub) -> None:
    """201, 204 and 204; the time of making stays, the time of change grows even within a second."""
    there = repo(hub)
    there.create_secret("api_key", "one")
    first = there.get_secret("API_KEY")
    there.create_secret("Api_Key", "two")
    second = there.get_secret("api_key")
    assert [s.name for s in there.get_secrets()] == ["API_KEY"]
    assert (first.created_at, first.updated_at < second.updated_at) == (second.created_at, True)
    assert [e.status for e in hub.requests("PUT")] == [201, 204]
    assert there.delete_secret("api_key")
    assert refusal(there.get_secret, "API_KEY").status == 404
    assert not there.delete_secret("api_key")
    assert hub.writes == 3


@pytest.mark.parametrize("name", ["1ST", "A-B", "A B", "GITHUB_X", "github_x", "É"])
def test_names_that_github_refuses_are_refused(hub: Hub, name: str) -> None:
    there = repo(hub)
    assert refusal(there.create_secret, name, "x").status == 422
    assert refusal(there.create_variable, name, "x").status == 422
    assert hub.writes == 0


def test_sizes_and_counts_have_github_s_limits(hub: Hub) -> None:
    """48 KB count in bytes, and places are full at 100 secrets and 500 or 100 variables."""
    there, environment = repo(hub), repo(hub).create_environment("publish")
    assert refusal(there.create_secret, "BIG", "x" * (LARGEST + 1)).status == 422
    assert refusal(there.create_secret, "BIG", "ü" * (LARGEST // 2) + "x").status == 422
    assert refusal(there.create_variable, "BIG", "x" * (LARGEST + 1)).status == 422
    held = hub.repository.secrets.held, hub.repository.environments["publish"].secrets.held
    there.create_secret("S", "x")
    for vault in held:
        vault.update({f"S{n}": hub.repository.secrets.held["S"] for n in range(100 - len(vault))})
    there.create_variable("V", "x")
    one = hub.repository.variables.held["V"]
    hub.repository.variables.held.update({f"V{n}": one for n in range(499)})
    hub.repository.environments["publish"].variables.held.update({f"V{n}": one for n in range(100)})
    writes = hub.writes
    for place in (there, environment):
        assert refusal(place.create_secret, "MORE", "x").status == 422
        assert refusal(place.create_variable, "MORE", "x").status == 422
    assert hub.writes == writes
    there.create_secret("S1", "replacing needs no room")


def test_a_secret_sealed_for_another_key_is_refused(hub: Hub) -> None:
    """Stale after a rotation, of another place, or not a box at all: 422, and nothing is stored."""
    there = f"/repos/{hub.repository.full_name}"
    repo(hub).create_environment("publish")
    key = ask(hub, "GET", there + "/actions/secrets/public-key", hub.token).json()
    box = b64encode(SealedBox(hub.repository.secrets.key.public_key).encrypt(b"v")).decode()
    stranger = b64encode(SealedBox(PrivateKey.generate().public_key).encrypt(b"v")).decode()

    def put(path: str, sealed: str, key_id: str = key["key_id"]) -> int:
        body = {"key_id": key_id, "encrypted_value": sealed}
        return int(ask(hub, "PUT", there + path + "/X", hub.token, json=body).status_code)

    assert put("/actions/secrets", stranger) == 422
    assert put("/actions/secrets", "no base64!") == 422
    assert put("/actions/secrets", box, key_id="012345678912345678") == 422
    assert put("/environments/publish/secrets", box) == 422
    assert put("/dependabot/secrets", box) == 422
    hub.repository.secrets.rotate()
    assert put("/actions/secrets", box) == 422
    assert hub.repository.secrets.names() == []
    repo(hub).create_secret("X", "v")  # the client asks for the key anew
    assert hub.repository.secrets.plain("X") == b"v"


def test_variables_are_made_changed_and_refused_twice(hub: Hub) -> None:
    there = repo(hub)
    for place in (there, there.create_environment("publish")):
        place.create_variable("digest", "a")
        assert refusal(place.create_variable, "DIGEST", "b").status == 409
        assert place.get_variable("Digest").value == "a"
        assert place.get_variable("digest").edit("b")
        assert [(v.name, v.value) for v in place.get_variables()] == [("DIGEST", "b")]
        assert place.delete_variable("digest")
        assert not place.delete_variable("digest")


def test_lists_of_more_than_a_page_come_whole(hub: Hub) -> None:
    """120 variables (30 a page at most), 100 secrets, 120 environments, in pages of 30 and 100."""
    there = repo(hub)
    for n in range(120):
        there.create_variable(f"V{n}", str(n))
        hub.world.add_environment(hub.repository, f"e{n}")
    there.create_secret("S", "x")
    for n in range(99):
        hub.repository.secrets.held[f"S{n}"] = hub.repository.secrets.held["S"]
    for size in (30, 100):
        there = repo(hub, per_page=size)
        assert {v.name: v.value for v in there.get_variables()} == {
            f"V{n}": str(n) for n in range(120)
        }
        assert len({s.name for s in there.get_secrets()}) == 100
        assert len({e.name for e in there.get_environments()}) == 120
        assert there.get_variables().totalCount == there.get_environments().totalCount == 120


def test_a_page_has_a_most_whatever_is_asked(hub: Hub) -> None:
    """100 rows, and 30 variables: who reads one page only misses the rest, here as there."""
    there = repo(hub)
    there.create_variable("V", "x")
    hub.repository.variables.held |= {
        f"V{n}": hub.repository.variables.held["V"] for n in range(40)
    }
    for n in range(120):
        hub.world.add_environment(hub.repository, f"e{n}")
    path = f"/repos/{hub.repository.full_name}"
    for below, name, sizes in [
        ("/actions/variables", "variables", {"": 10, "5": 5, "100": 30}),
        ("/environments", "environments", {"": 30, "99": 99, "1000": 100}),
    ]:
        for size, rows in sizes.items():
            answer = ask(hub, "GET", path + below, hub.token, params={"per_page": size}).json()
            assert len(answer[name]) == rows


@given(
    items=st.lists(st.integers(), max_size=250),
    size=st.integers(1, 130).map(str) | st.sampled_from(["", "0", "-1", "x"]),
)
def test_following_the_links_gives_every_item_once(items: list[int], size: str) -> None:
    """The law of pages, whatever size was asked for; a page never has more than 100."""
    seen, query = [], {"per_page": size}
    for n in range(1, 300):
        shown, links = page("http://h/p", query | {"page": str(n)}, items)
        assert len(shown) <= 100
        seen += shown
        if 'rel="next"' not in links.get("Link", ""):
            break
    assert seen == items


def reviewed(hub: Hub, there: Repository) -> Environment:
    return there.create_environment(
        "Publish/main",
        wait_timer=30,
        reviewers=[ReviewerParams("User", 7)],
        prevent_self_review=True,
        deployment_branch_policy=EnvironmentDeploymentBranchPolicyParams(False, True),
    )


def test_environments_keep_their_rules_until_a_put_replaces_them(hub: Hub) -> None:
    """Names with a slash, in any case; secrets stay when the rules go."""
    there = repo(hub)
    reviewed(hub, there).create_secret("KEY", "v")
    hub.repository.environments["publish/main"].branch_patterns = ["main"]
    read = there.get_environment("publish/MAIN")
    kinds = {rule.type for rule in read.protection_rules}
    assert kinds == {"wait_timer", "required_reviewers", "branch_policy"}
    assert read.deployment_branch_policy.custom_branch_policies
    there.create_environment("publish/main")
    after = there.get_environment("Publish/main")
    assert (after.name, after.protection_rules) == ("Publish/main", [])
    assert hub.repository.environments["publish/main"].branch_patterns == []
    assert [s.name for s in after.get_secrets()] == ["KEY"]
    there.delete_environment("publish/main")
    assert refusal(there.get_environment, "publish/main").status == 404


def test_an_environment_that_is_not_there_has_no_secrets_to_set(hub: Hub) -> None:
    path = f"/repos/{hub.repository.full_name}/environments/none/secrets/public-key"
    assert ask(hub, "GET", path, hub.token).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"wait_timer": 43201},
        {"wait_timer": -1},
        {"reviewers": [{"type": "User", "id": n} for n in range(7)]},
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
    ],
)
def test_rules_out_of_range_are_refused_and_change_nothing(hub: Hub, body: Any) -> None:
    reviewed(hub, repo(hub))
    path = f"/repos/{hub.repository.full_name}/environments/publish%2Fmain"
    assert ask(hub, "PUT", path, hub.token, json=body).status_code == 422
    assert hub.repository.environments["publish/main"].wait_timer == 30


def test_a_dispatch_is_a_run_with_its_address(hub: Hub) -> None:
    """200 with the run for who asks, 204 otherwise and from servers that do not know the field."""
    images = repo(hub).get_workflow("images.yml")
    run = images.create_dispatch("main", throw=True, return_run_details=True)
    assert run.html_url == hub.repository.workflows["images.yml"].runs[0]["html_url"]
    assert (run.status, run.head_branch, run.event) == ("queued", "main", "workflow_dispatch")
    assert images.create_dispatch("refs/heads/main", throw=True) is True
    hub.repository.run_details = False
    assert images.create_dispatch("main", throw=True, return_run_details=True) is True
    assert [e.status for e in hub.requests("POST")] == [200, 204, 204]
    assert repo(hub).get_workflow(images.id).get_runs(branch="main").totalCount == 3
    assert images.get_runs(event="push").totalCount == 0


def test_dispatches_that_cannot_be_are_refused_without_a_run(hub: Hub) -> None:
    workflow = hub.repository.workflows["images.yml"]
    images = repo(hub).get_workflow("images.yml")
    assert "No ref found" in str(refusal(images.create_dispatch, "gone", throw=True))
    assert refusal(images.create_dispatch, "main", {"x": "1"}, throw=True).status == 422
    workflow.state = "disabled_manually"
    assert "disabled" in str(refusal(images.create_dispatch, "main", throw=True))
    workflow.dispatchable = False
    assert "workflow_dispatch" in str(refusal(images.create_dispatch, "main", throw=True))
    assert refusal(repo(hub).get_workflow, "gone.yml").status == 404
    assert (workflow.runs, hub.writes) == ([], 0)


def test_a_new_run_may_be_late_in_the_list(hub: Hub) -> None:
    """Who looks for a run in the list has to look again, and never sees an older one go."""
    images = repo(hub).get_workflow("images.yml")
    images.create_dispatch("main", throw=True)
    hub.repository.workflows["images.yml"].lag = 2
    assert len(list(images.get_runs())) == 1
    images.create_dispatch("main", throw=True)
    assert [len(list(images.get_runs())) for _ in range(4)] == [1, 1, 2, 2]


def versions(hub: Hub, path: str, token: str | None) -> Any:
    return ask(hub, "GET", f"{path}/packages/container/story/versions?per_page=100", token)


def test_versions_of_a_package_are_listed_newest_first_over_pages(hub: Hub) -> None:
    made = [Version(f"sha256:{n:064x}", tags=(f"sha-{n}",)) for n in range(250)]
    hub.world.add_package("Fountain", "story", made)
    hub.world.add_token(CLASSIC, login="fountain", scopes=("read:packages",))
    raw = client(hub, CLASSIC).requester
    for prefix in ("/users/fountain", "/user"):
        seen, url = [], f"{prefix}/packages/container/story/versions"
        for n in range(1, 4):
            _, rows = raw.requestJsonAndCheck("GET", url, {"per_page": "100", "page": str(n)})
            seen += [(r["name"], r["metadata"]["container"]["tags"]) for r in rows]
        assert seen == [(v.digest, list(v.tags)) for v in made]
    last = versions(hub, "/users/Fountain", CLASSIC)
    assert last.links["last"]["url"].endswith("page=3")
    assert versions(hub, "/orgs/fountain", CLASSIC).status_code == 404


def test_packages_take_classic_tokens_that_may_read_them(hub: Hub) -> None:
    """GitHub Packages knows no fine-grained tokens; private ones are not even found by others."""
    hub.world.add_package("Fountain", "story", [Version(DIGEST)], private=True, readers=("bot",))
    hub.world.add_token(CLASSIC, login="fountain", scopes=("read:packages",))
    hub.world.add_token("ghp_bot", login="bot", scopes=("read:packages",))
    hub.world.add_token("ghp_other", login="other", scopes=("read:packages",))
    hub.world.add_token("ghp_weak", login="fountain", scopes=("repo",))
    tokens = [CLASSIC, "ghp_bot", "ghp_other", "ghp_weak", hub.token, None, "ghp_unknown"]
    answers = [versions(hub, "/users/fountain", token).status_code for token in tokens]
    assert answers == [200, 200, 404, 403, 403, 401, 401]


def test_packages_of_an_organization_have_its_path() -> None:
    with standin("Stage/story", owner_type="Organization") as hub:
        hub.world.add_package("Stage", "story", [Version(DIGEST, ("v1",))])
        hub.world.add_token(CLASSIC, scopes=("read:packages",))
        assert versions(hub, "/orgs/stage", CLASSIC).json()[0]["name"] == DIGEST
        assert versions(hub, "/users/stage", CLASSIC).status_code == 404
        assert ask(hub, "GET", "/users/stage", CLASSIC).json()["type"] == "Organization"


def test_attestations_are_found_by_digest(hub: Hub) -> None:
    """By repository and by owner, without a token where all is public; none is 404 or empty."""
    hub.repository.attest(DIGEST)
    for place in (f"/repos/{hub.repository.full_name}", "/users/fountain", "/orgs/fountain"):
        rows = ask(hub, "GET", f"{place}/attestations/{DIGEST}").json()["attestations"]
        assert ["sigstore.bundle" in r["bundle"]["mediaType"] for r in rows] == [True]
        assert ask(hub, "GET", f"{place}/attestations/sha256:0").status_code == 404
    new = {"X-GitHub-Api-Version": "2026-03-10"}
    rows = ask(hub, "GET", f"{place}/attestations/{DIGEST}", headers=new).json()["attestations"]
    assert "bundle" not in rows[0]
    assert rows[0]["bundle_url"].startswith(hub.url)
    other = {"predicate_type": "https://spdx.dev/Document"}
    path = f"/users/fountain/attestations/{DIGEST}"
    assert ask(hub, "GET", path, params=other).status_code == 404
    hub.world.no_attestations = 200
    assert ask(hub, "GET", path, params=other).json() == {"attestations": []}
    hub.repository.private = True
    assert ask(hub, "GET", path).json() == {"attestations": []}


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

"""Lists of the stand-in come whole to the real client, page after page."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.github_support import CLASSIC, DIGEST, ask, client, repo
from tests.github_standin import Hub, Version, standin
from tests.github_standin.wire import page


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

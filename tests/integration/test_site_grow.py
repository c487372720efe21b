"""Search hosts join a site, and give their data away before they leave, while storytellers work.
Nobody's request fails.

One lab throughout; the site file, `provision` and the site run are all that is used.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.site_growth import (
    GONE,
    RATE,
    failed,
    gone,
    refused,
    text_of,
    unchanged,
    wanted,
)
from tests.integration.site_load import kept, under_load
from tests.integration.site_support import SITE, WholeSite, whole_site
from tests.labs import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def site() -> Iterator[WholeSite]:
    with whole_site("t-grow") as made:
        yield made


def members(site: WholeSite) -> dict[str, int]:
    """Shards by search host, as the cluster has them."""
    rows = site.ssh("search-1", "curl -sf '127.0.0.1:9201/_cat/allocation?h=node,shards'")
    return {name: int(count) for name, count in (row.split() for row in rows.splitlines())}


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_search_hosts_join_and_give_their_data_away_before_they_leave(site: WholeSite) -> None:
    second, third = ("search-2", "opensearch", "micro"), ("search-3", "opensearch", "micro")
    wanted(site, second, third)
    site.converge()  # the lone node restarts as the founder of a cluster, which its readers feel
    until(lambda: set(members(site)) == {"search-1", "search-2", "search-3"}, 60)
    unchanged(site)
    until(lambda: min(members(site).values()) > 0, 120)

    with under_load(site, RATE / 2) as load:  # beside three Java machines
        wanted(site, second)
        destroy = ("provision", "destroy", "search-3", "--yes", "--env", site.env)
        assert "no run has seen it idle" in refused(site, *destroy)
        told = text_of(site.converge())
        assert "> search-3 leaves the cluster: " in told
        assert "move to search-1 and search-2" in told
        assert GONE.format("search-3", site.env) in told
        assert members(site)["search-3"] == 0
        unchanged(site)
    unexcused = failed(site, load)  # now, while search-3 can be asked; judged last

    wanted(site, second, third)  # it may hold data again
    assert "> the cluster forgets that search-3 left" in text_of(site.converge())
    until(lambda: members(site)["search-3"] > 0, 120)
    unchanged(site)

    wanted(site, second)
    site.converge()
    gone(site, "search-3")
    assert set(members(site)) == {"search-1", "search-2"}
    kept(site, load)

    wanted(site)
    text = text_of(site.pyinfra(SITE, "-y"))
    assert "search-2 cannot leave: search-1 would be the only search host" in text
    assert "Traceback" not in text
    wanted(site, second)
    unchanged(site)
    assert unexcused == []

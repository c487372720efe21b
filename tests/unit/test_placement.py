"""Which service runs where: every service once per host, names and ports that stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.model import RoleError
from deploys.placement import AppHost, Group, app_hosts, containers_of, upstream_name, upstreams
from deploys.settings import SERVICES, AppSettings
from inventories.spec import HostTable
from tests.role_support import Host

ONE = AppHost("app-1", "172.26.3.20")


def settings(*containers: tuple[str, ...]) -> AppSettings:
    return AppSettings(containers=containers)


def test_one_container_has_all_unless_told_otherwise() -> None:
    assert containers_of(settings(), ONE) == (Group("story", SERVICES),)


def test_named_services_get_containers_and_the_others_share_one() -> None:
    groups = containers_of(settings(("characters",), ("core-script", "story-factory")), ONE)
    assert [g.name for g in groups] == ["characters", "core-script", "story"]
    assert groups[1].services == ("core-script", "story-factory")
    assert set(groups[2].services) == {"central-sequence", "session-context", "performers"}


@given(
    st.permutations(SERVICES),
    st.integers(0, 6),
    st.integers(1, 3),
    st.sets(st.sampled_from(SERVICES)),
)
def test_every_service_of_a_host_has_one_container_and_ports_of_its_own(
    order: list[str], count: int, size: int, here: set[str]
) -> None:
    named = tuple(tuple(order[:count][i : i + size]) for i in range(0, count, size))
    host = AppHost("app-1", "172.26.3.20", tuple(sorted(here)))
    groups = containers_of(settings(*named), host)
    placed = [service for group in groups for service in group.services]
    assert sorted(placed) == sorted(here or SERVICES)
    ports = [port for group in groups for port in group.ports]
    assert len(set(ports)) == 2 * len(groups)
    assert all(port % 2 == n % 2 for n, port in enumerate(ports))


def test_another_container_moves_no_port() -> None:
    """A container that stays must not be replaced because a neighbour came."""
    before = {g.name: g.ports for g in containers_of(settings(("characters",)), ONE)}
    after = containers_of(settings(("performers",), ("characters",)), ONE)
    assert {g.name: g.ports for g in after}.items() >= before.items()


def test_services_are_spread_over_the_hosts_that_run_them() -> None:
    other = AppHost("app-2", "172.26.3.21", ("characters",))
    found = upstreams(settings(), [ONE, other])
    assert found["characters"] == ["172.26.3.20", "172.26.3.21"]
    assert found["performers"] == ["172.26.3.20"]


def test_a_service_without_a_host_is_refused() -> None:
    with pytest.raises(RoleError, match="no app host runs performers"):
        upstreams(
            settings(), [AppHost("a", "10.0.0.1", tuple(s for s in SERVICES if s != "performers"))]
        )


def test_hosts_are_those_that_exist_and_are_wanted() -> None:
    wanted = [
        HostTable(name="app-1", role="app", size="nano", services=("characters",)),
        HostTable(name="app-3", role="app", size="nano"),
        HostTable(name="search-1", role="opensearch", size="micro"),
    ]
    existing = [
        Host("search-1", "opensearch", "10.0.0.3"), Host("app-2", "app", "10.0.0.2"),
        Host("app-1", "app", "10.0.0.1"),
    ]  # fmt: skip
    assert app_hosts(wanted, existing) == (AppHost("app-1", "10.0.0.1", ("characters",)),)


def test_upstream_names_are_host_names() -> None:
    assert upstream_name("core-script") == "core-script.app.fountainai.internal"


@pytest.mark.parametrize(
    "containers",
    [(("nobody",),), (("characters",), ("characters",)), ((),)],
    ids=["unknown", "twice", "empty"],
)
def test_containers_that_cannot_be_are_refused(containers: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"no service|named twice|at least one"):
        AppSettings(containers=containers)

"""The base role as data: who may reach what, and that the same inputs give the same bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.model import Role
from deploys.roles import firewall
from deploys.roles.base import base_role
from deploys.settings import BaseSettings
from tests.role_support import APP, SEARCH, SEARCH_2, file_of, machine

SETTINGS = BaseSettings(operator_networks=("203.0.113.7/32",))


def rules(role: Role) -> str:
    return file_of(role, "/etc/fountainai/host.nft").decode()


def sources(role: Role, port: int) -> set[str]:
    """Who the input chain lets through to a port."""
    chain = rules(role).split("chain input")[1]
    return set(re.findall(rf"ip saddr (\S+) tcp dport {port} accept", chain))


def test_only_operators_reach_ssh() -> None:
    role = base_role(SETTINGS, SEARCH, [SEARCH, APP], machine())
    assert sources(role, 22) == {"203.0.113.7"}


def test_only_apps_peers_and_operators_reach_the_door() -> None:
    role = base_role(SETTINGS, SEARCH, [SEARCH, SEARCH_2, APP], machine())
    expected = {"203.0.113.7", APP.private_address, SEARCH_2.private_address}
    assert sources(role, 9200) == expected
    assert sources(role, 9300) == {SEARCH_2.private_address}


def test_door_networks_of_the_site_are_added() -> None:
    from ipaddress import IPv4Network

    role = base_role(SETTINGS, SEARCH, [SEARCH], machine(), [IPv4Network("10.9.0.0/16")])
    assert sources(role, 9200) == {"203.0.113.7", "10.9.0.0/16"}
    assert sources(role, 9300) == set()


@pytest.mark.parametrize("port", [22, 9200, 9300])
def test_every_port_is_refused_before_containers_see_it(port: int) -> None:
    """A published container port never meets the input chain; the raw chain refuses it."""
    raw = rules(base_role(SETTINGS, SEARCH, [SEARCH], machine())).split("chain input")[0]
    assert raw.rindex(f"tcp dport {port} drop") > raw.rindex("accept")


def test_containers_may_ask_outwards_and_are_asked_by_nobody_elsewhere() -> None:
    """Docker lets everybody in to a port that is published on all addresses; this chain does not.
    Hosts without containers forward nothing and have no such chain."""
    text = rules(base_role(SETTINGS, APP, [SEARCH, APP], machine()))
    chain = text.split("chain forward")[1].split("}")[0]
    assert [line.strip() for line in chain.splitlines()[1:-1]] == [
        "type filter hook forward priority filter; policy drop;",
        "ct state established,related accept",
        'iifname "docker0" accept',
    ]
    assert "chain forward" not in rules(base_role(SETTINGS, SEARCH, [SEARCH, APP], machine()))


def test_app_host_has_neither_door_nor_search_user() -> None:
    role = base_role(SETTINGS, APP, [SEARCH, APP], machine())
    assert "9200" not in rules(role)
    assert not role.users
    assert "AllowTcpForwarding no" in file_of(role, "10-fountainai.conf", "ssh").decode()


def test_operator_tunnels_to_the_door_and_nowhere_else() -> None:
    role = base_role(SETTINGS, SEARCH, [SEARCH], machine())
    text = file_of(role, "10-fountainai.conf", "ssh").decode()
    assert f"PermitOpen {SEARCH.private_address}:9200\n" in text
    assert "PasswordAuthentication no" in text
    assert "PermitRootLogin no" in text


def test_container_gets_files_but_no_clock() -> None:
    inside = base_role(SETTINGS, SEARCH, [SEARCH], machine(container=True))
    outside = base_role(SETTINGS, SEARCH, [SEARCH], machine(container=False))
    assert {f.path for f in inside.files} == {f.path for f in outside.files}
    gained = {u.name for u in outside.units} - {u.name for u in inside.units}
    assert gained == {"systemd-timesyncd.service"}


@pytest.mark.parametrize("os_id", ["debian", "ubuntu"])
def test_updates_come_from_the_security_archive_of_the_os(os_id: str) -> None:
    role = base_role(SETTINGS, SEARCH, [SEARCH], machine(os_id=os_id))
    text = file_of(role, "52fountainai-upgrades").decode()
    origins = re.findall(r'"(origin=.*)";', text)
    assert len(origins) == 1
    assert origins[0].startswith(f"origin={os_id.title()},")
    assert "-security" in origins[0]


@given(st.permutations([SEARCH, SEARCH_2, APP]))
def test_order_of_the_inventory_changes_no_byte(hosts: list[object]) -> None:
    one = base_role(SETTINGS, SEARCH, hosts, machine())  # type: ignore[arg-type]
    assert one == base_role(SETTINGS, SEARCH, [SEARCH, SEARCH_2, APP], machine())


def test_sources_are_merged_and_sorted_by_number() -> None:
    opening = firewall.opening(22, ["10.0.0.10/32", "10.0.0.9/32", "10.0.0.10"])
    assert [str(n) for n in opening.sources] == ["10.0.0.9/32", "10.0.0.10/32"]

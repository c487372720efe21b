"""Public ports, static IPs, and the addresses instances show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standin_support import Cloud, refused, running_cloud, until

from inventories.lab.lightsail import Delays, NullDriver


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def ports(cloud: Cloud, name: str = "web-1") -> list[dict[str, Any]]:
    return cloud.client.get_instance_port_states(instanceName=name)["portStates"]


def put(cloud: Cloud, *infos: dict[str, Any]) -> dict[str, Any]:
    reply = cloud.client.put_instance_public_ports(instanceName="web-1", portInfos=[*infos])
    return reply["operation"]


# -- ports
def test_a_fresh_linux_is_open_to_the_world(cloud: Cloud) -> None:
    cloud.create("web-1")
    assert [
        (p["fromPort"], p["toPort"], p["protocol"], p["cidrs"], p["ipv6Cidrs"], p["state"])
        for p in ports(cloud)
    ] == [(p, p, "tcp", ["0.0.0.0/0"], ["::/0"], "open") for p in (22, 80)]


def test_putting_ports_replaces_the_whole_set(cloud: Cloud) -> None:
    cloud.running("web-1")
    rule = {
        "fromPort": 22,
        "toPort": 22,
        "protocol": "tcp",
        "cidrs": ["192.0.2.7/32"],
        "ipv6Cidrs": [],
        "cidrListAliases": ["lightsail-connect"],
    }
    operation = put(cloud, rule)
    assert (operation["status"], operation["isTerminal"]) == ("Succeeded", True)
    assert ports(cloud) == [{**rule, "state": "open"}]
    put(cloud)
    assert ports(cloud) == []


def test_a_family_left_out_is_open_to_the_world(cloud: Cloud) -> None:
    """Why a client has to give both lists."""
    cloud.running("web-1")
    put(cloud, {"fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrs": ["192.0.2.7/32"]})
    assert (ports(cloud)[0]["cidrs"], ports(cloud)[0]["ipv6Cidrs"]) == (["192.0.2.7/32"], ["::/0"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fromPort": 23}, "port range"),
        ({"cidrs": ["192.0.2.7/33"]}, "192.0.2.7/33"),
        ({"cidrs": ["::/0"]}, "not an IPv4"),
        ({"ipv6Cidrs": ["10.0.0.0/8"]}, "not an IPv6"),
        ({"cidrListAliases": ["everybody"]}, "everybody"),
        ({"protocol": None}, "protocol missing"),
    ],
)
def test_a_wrong_rule_changes_nothing(cloud: Cloud, change: dict[str, Any], said: str) -> None:
    cloud.running("web-1")
    before = ports(cloud)
    good = {"fromPort": 443, "toPort": 443, "protocol": "tcp"}
    bad = {"fromPort": 22, "toPort": 22, "protocol": "tcp", **change}
    with refused("InvalidInputException", text=said):
        put(cloud, good, {k: v for k, v in bad.items() if v is not None})
    assert ports(cloud) == before


def test_ports_have_to_wait_for_the_instance() -> None:
    with running_cloud(delays=Delays(pending_s=30)) as cloud:
        cloud.create("web-1")
        with refused("OperationFailureException", text="pending"):
            put(cloud)


# -- static IPs
def static(cloud: Cloud, name: str = "web-1-ip") -> dict[str, Any]:
    return cloud.client.get_static_ip(staticIpName=name)["staticIp"]


def test_a_static_ip_outlives_stop_start_and_deletion(cloud: Cloud) -> None:
    client = cloud.client
    cloud.running("web-1")
    passing = cloud.address("web-1")
    client.allocate_static_ip(staticIpName="web-1-ip")
    fixed = static(cloud)["ipAddress"]
    assert static(cloud)["isAttached"] is False
    (operation,) = client.attach_static_ip(staticIpName="web-1-ip", instanceName="web-1")[
        "operations"
    ]
    assert operation["isTerminal"] is False
    assert cloud.ended(operation)["status"] == "Completed"  # the other word for success
    assert (static(cloud)["attachedTo"], static(cloud)["ipAddress"]) == ("web-1", fixed)
    assert cloud.address("web-1") == fixed != passing
    assert cloud.instance("web-1")["isStaticIp"] is True
    assert cloud.null.hosts["web-1"].address == fixed
    cloud.ended(client.stop_instance(instanceName="web-1")["operations"][0])
    assert cloud.instance("web-1")["publicIpAddress"] == fixed
    cloud.ended(client.start_instance(instanceName="web-1")["operations"][0])
    assert cloud.address("web-1") == fixed
    client.delete_instance(instanceName="web-1")
    until(lambda: not static(cloud)["isAttached"])
    client.release_static_ip(staticIpName="web-1-ip")
    with refused("NotFoundException", text="web-1-ip"):
        static(cloud)


def test_detaching_gives_a_passing_address_again(cloud: Cloud) -> None:
    client = cloud.client
    cloud.running("web-1")
    client.allocate_static_ip(staticIpName="web-1-ip")
    client.attach_static_ip(staticIpName="web-1-ip", instanceName="web-1")
    fixed = cloud.address("web-1")
    client.detach_static_ip(staticIpName="web-1-ip")
    assert cloud.address("web-1") != fixed
    with refused("InvalidInputException", text="not attached"):
        client.detach_static_ip(staticIpName="web-1-ip")


class FixedDriver(NullDriver):
    """Hosts that cannot get another address, as those of the lab."""

    set_address = None  # type: ignore[assignment]


def test_where_hosts_cannot_move_the_static_ip_is_the_hosts_own() -> None:
    driver = FixedDriver()
    with running_cloud(driver) as cloud:
        cloud.running("web-1")
        own = cloud.address("web-1")
        cloud.client.allocate_static_ip(staticIpName="web-1-ip")
        cloud.client.attach_static_ip(staticIpName="web-1-ip", instanceName="web-1")
        assert static(cloud)["ipAddress"] == own == cloud.address("web-1")


def test_attaching_is_refused_where_it_cannot_be(cloud: Cloud) -> None:
    client = cloud.client
    cloud.running("web-1", "web-2")
    for name in ("ip-1", "ip-2"):
        client.allocate_static_ip(staticIpName=name)
    client.attach_static_ip(staticIpName="ip-1", instanceName="web-1")
    with refused("InvalidInputException", text="already attached to web-1"):
        client.attach_static_ip(staticIpName="ip-1", instanceName="web-2")
    with refused("InvalidInputException", text="already has the static IP ip-1"):
        client.attach_static_ip(staticIpName="ip-2", instanceName="web-1")
    with refused("InvalidInputException", text="detach it first"):
        client.release_static_ip(staticIpName="ip-1")
    with refused("NotFoundException", text="web-9"):
        client.attach_static_ip(staticIpName="ip-2", instanceName="web-9")
    with refused("NotFoundException", text="ip-9"):
        client.attach_static_ip(staticIpName="ip-9", instanceName="web-2")


def test_five_static_ips_are_the_limit_and_are_listed_in_pages(cloud: Cloud) -> None:
    names = [f"ip-{n}" for n in range(5)]
    for name in names:
        cloud.client.allocate_static_ip(staticIpName=name)
    with refused("InvalidInputException", text="maximum number of static IPs"):
        cloud.client.allocate_static_ip(staticIpName="ip-5")
    assert len(cloud.client.get_static_ips()["staticIps"]) == 2
    pages = cloud.client.get_paginator("get_static_ips").paginate()
    found = [s for page in pages for s in page["staticIps"]]
    assert [s["name"] for s in found] == names
    assert len({s["ipAddress"] for s in found}) == 5


class ProxiedDriver(FixedDriver):
    """Hosts dialled at a proxy, as in a lab with a delay: one address for all, many ports."""

    def create(self, name: str, *args: Any, **more: Any) -> Any:
        more["fixed_ip"] = "127.0.0.1"
        return super().create(name, *args, **more)

    def private_address(self, name: str) -> str:
        return "127.83.7.7"


def test_a_host_behind_a_proxy_is_shown_with_its_own_address() -> None:
    """The API knows no ports: a proxy's address would be the same for every host."""
    with running_cloud(ProxiedDriver()) as cloud:
        cloud.running("web-1")
        assert cloud.address("web-1") == "127.83.7.7"
        assert cloud.instance("web-1")["privateIpAddress"] == "127.83.7.7"

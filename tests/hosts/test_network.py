"""What the network lets through: every port of every host, asked from every other host.

Private addresses are not filtered by the cloud's firewall, so the hosts have to do it themselves.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploys import settings
from deploys.roles.base import CONTAINER_NETWORK
from inventories.loader import Host
from tests.hosts.sent import scan
from tests.hosts.support import Site

#: What somebody looks for on such hosts: ours, what Kong, Docker, OpenSearch and an OS may open.
KNOCKED = sorted(
    {
        getattr(settings, name) for name in dir(settings) if name.endswith("_PORT")
    }
    | set(range(settings.CONTAINER_PORTS, settings.CONTAINER_PORTS + 16))
    | {21, 23, 25, 53, 80, 111, 2375, 2376, 2377, 3000, 4194, 5000, 5355, 5601, 6443, 7946, 8000,
       8001, 8002, 8005, 8080, 8100, 8444, 8445, 9090, 9100, 9202, 9600, 10000, 10250}
)  # fmt: skip
CONNECT_S = 2  # room for one more try of the system's own
Found = dict[tuple[str, str], dict[str, list[int]]]


def wanted(source: Host, target: Host) -> set[int]:
    """Ports that answer a host: by the roles of the two, and nothing else."""
    if target.role == "kong":
        return {settings.GATEWAY_PORT}
    if target.role == "app":
        return {settings.APP_PORT} if source.role == "kong" else set()
    nodes = {settings.DOOR_PORT, settings.TRANSPORT_PORT}
    return {"app": {settings.DOOR_PORT}, "opensearch": nodes}.get(source.role, set())


def scanned(site: Site, tasks: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """What each host found, all of them at once."""
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        return list(pool.map(lambda n: site.on(site.inventory.hosts[n], scan, tasks[n]), tasks))


@pytest.fixture(scope="module")
def among_hosts(site: Site) -> Found:
    """All 65,535 ports of each host from each other one."""
    tasks = {
        me.name: [
            {"via": other.private_address, "to": other.private_address, "likely": KNOCKED}
            for other in site.hosts
            if other.name != me.name
        ]
        for me in site.hosts
    }
    out: Found = {}
    for name, found in zip(tasks, scanned(site, tasks), strict=True):
        others = [other.name for other in site.hosts if other.name != name]
        out |= {(name, other): each for other, each in zip(others, found, strict=True)}
    return out


def test_hosts_answer_each_other_on_the_wanted_ports_alone(site: Site, among_hosts: Found) -> None:
    """Ports that containers publish are among them, and 22 is the operator's. What is open where
    it should be shows that the scan sees something."""
    hosts = site.inventory.hosts
    wrong = []
    for (source, target), found in among_hosts.items():
        should = sorted(wanted(hosts[source], hosts[target]))
        if found != {"open": should, "refused": []}:
            wrong.append(f"{target} answers {source} at {found}, not at {should}")
    assert not wrong, "\n".join(wrong)


def test_a_crafted_route_reaches_neither_containers_nor_loopback(site: Site) -> None:
    """Packets for a host's inner addresses, handed to that host by a neighbour who has a route."""
    first = CONTAINER_NETWORK.rpartition(".")[0]
    inner = [f"{first}.{last}" for last in range(1, 6)] + ["127.0.0.1"]
    tasks = {
        me.name: [
            {"via": other.private_address, "to": address, "ports": KNOCKED, "likely": KNOCKED}
            for other in site.hosts
            for address in (inner if other.role == "app" else ["127.0.0.1"])
            if other.name != me.name
        ]
        for me in site.hosts
    }
    for name, found in zip(tasks, scanned(site, tasks), strict=True):
        answers = [
            (task["via"], task["to"], each)
            for task, each in zip(tasks[name], found, strict=True)
            if each["open"] or each["refused"]
        ]
        assert answers == [], f"seen by {name}"


def knock(address: str, ports: Iterable[int]) -> list[int]:
    """Which of these ports answer this machine, as any client asks."""

    def one(port: int) -> bool:
        try:
            socket.create_connection((address, port), timeout=CONNECT_S).close()
        except OSError:
            return False
        return True

    asked = list(ports)
    with ThreadPoolExecutor(64) as pool:
        return [port for port, found in zip(asked, pool.map(one, asked), strict=True) if found]


def test_the_operators_machine_reaches_ssh_and_the_gateway(site: Site) -> None:
    """By the public addresses. A lab has no cloud before its hosts and no other addresses, so
    there the ports show that hosts open for operators in their private network."""

    def open_at(me: Host) -> set[int]:
        lab = {"app": {settings.APP_PORT}, "opensearch": {settings.DOOR_PORT}}
        own = {settings.GATEWAY_PORT} if me.role == "kong" else lab[me.role]
        return {22, *(own if me.role == "kong" or site.where.is_lab else ())}

    with ThreadPoolExecutor(max(1, len(site.hosts))) as pool:
        found = pool.map(lambda me: set(knock(site.outside(me), {22, *KNOCKED})), site.hosts)
        seen = {me.name: ports for me, ports in zip(site.hosts, found, strict=True)}
    assert seen == {me.name: open_at(me) for me in site.hosts}

"""Three search hosts as one cluster: formed, restarted one by one while read, grown from one.

Each host has the memory of a micro. What counts is what a reader sees through the doors.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.labs import write_inventory
from tests.node_load import INDEX, known, load, make_index
from tests.nodes import Node, Watch, nodes, wait_for_door, watched

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]
NAMES = ("search-1", "search-2", "search-3")
PLAYS = ("hamlet", "macbeth")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with nodes("t-node-three", 1024, tmp_path_factory.mktemp("three"), NAMES) as made:
        made.converge()
        yield made


@pytest.fixture
def loaded(three: Node) -> Node:
    client = three.client(timeout=60)
    wait_for_door(client)
    if not client.indices.exists(index=INDEX):
        make_index(client)
        load(client, PLAYS)
    assert known(client)
    return three


def assert_whole(node: Node, count: int) -> None:
    """One green cluster of that many nodes, whichever door is asked."""
    for name in NAMES[:count]:
        health = node.client(name).cluster.health()
        assert (health["status"], health["number_of_nodes"]) == ("green", count), (name, health)


def runs(node: Node) -> dict[str, str]:
    """Which process each node is."""
    return {
        h.name: node.ssh("systemctl show -p MainPID --value opensearch", h.name) for h in node.hosts
    }


def test_three_fresh_hosts_form_one_green_cluster(three: Node) -> None:
    assert_whole(three, 3)
    three.converged()
    figures = [str(three.memory(name)) for name in NAMES]
    print("memory by host:", *figures, sep="\n  ")
    assert all("kills 0" in text for text in figures)


def test_each_index_has_a_copy_on_a_second_node(loaded: Node) -> None:
    operator = loaded.client(role="operator")
    (row,) = operator.cat.indices(index=INDEX, format="json")
    assert (row["pri"], row["rep"], row["health"]) == ("1", "1", "green")


def test_what_nodes_say_to_each_other_is_tls_and_only_theirs(three: Node) -> None:
    """The node itself listens on loopback alone; the machine (no search host) is not let in."""
    first = three.hosts[0]
    listening = three.ssh(
        "ss -Hltn '( sport = :9201 or sport = :9301 )' | awk '{print $4}'"
    ).split()
    assert len(listening) == 4  # HTTP, its own transport address and one for each peer
    assert all(":127." in "::" + place.strip("[") for place in listening), listening
    shown = three.ssh(
        f"timeout 5 openssl s_client -connect {first.private_address}:9300 </dev/null 2>&1; true",
        "search-2",
    )
    assert "TLSv1.3" in shown
    with pytest.raises(TimeoutError):
        socket.create_connection((first.private_address, 9300), timeout=3)


def served(seen: Watch) -> None:
    """No read failed, and never was more than one node away."""
    print(f"{seen.reads} reads meanwhile, failed {len(seen.failures)}, nodes {seen.fewest_nodes}")
    assert seen.failures == []
    assert seen.reads > 20
    assert seen.fewest_nodes == 2
    assert "red" not in seen.statuses


def test_a_change_is_rolled_out_and_stops_at_a_node_that_does_not_come_back(loaded: Node) -> None:
    """The second of three fails: the third is not touched, a rerun after mending finishes. It dies
    again and again without ever listening, and systemd calls it active nearly all the time."""
    first = runs(loaded)
    drop_in = "/etc/systemd/system/opensearch.service.d"
    start = 'ExecStart=\\nExecStart=/bin/sh -c "echo it breaks here; sleep 8; exit 1"'
    broken = f"[Service]\\nRestartSec=100ms\\n{start}\\n"
    loaded.ssh(f"mkdir -p {drop_in} && printf '{broken}' > {drop_in}/broken.conf", "search-2")
    loaded.settings(log_mb=160)
    with watched(loaded, known) as seen:
        text = loaded.refused()
    assert "opensearch.service is not healthy" in text
    assert "it breaks here" in text
    served(seen)
    second = runs(loaded)
    assert second["search-1"] != first["search-1"]
    assert second["search-3"] == first["search-3"]

    loaded.ssh(f"rm -r {drop_in}", "search-2")
    with watched(loaded, known) as seen:
        loaded.converge()
    served(seen)
    third = runs(loaded)
    assert third["search-1"] == second["search-1"]
    assert third["search-3"] != first["search-3"]
    assert_whole(loaded, 3)
    loaded.converged()


@pytest.mark.long
def test_a_settings_change_restarts_one_node_at_a_time(loaded: Node) -> None:
    before = runs(loaded)
    loaded.settings(log_mb=150)
    with watched(loaded, known) as seen:
        loaded.converge()
    served(seen)
    assert all(before[name] != pid for name, pid in runs(loaded).items())
    assert_whole(loaded, 3)
    loaded.converged()


@pytest.mark.long
def test_one_host_grows_to_three_and_keeps_its_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with nodes("t-node-grow", 1024, tmp_path_factory.mktemp("grow"), NAMES) as all_three:
        one = Node(all_three.site, all_three.overlay, all_three.hosts[:1])
        write_inventory(one.site.env, one.hosts)
        one.settings()
        one.converge()
        client = one.client()
        make_index(client)
        amount = load(client, PLAYS)
        assert_whole(one, 1)

        write_inventory(one.site.env, all_three.hosts)
        all_three.settings()
        all_three.converge()
        assert_whole(all_three, 3)
        all_three.converged()
        for name in NAMES:
            door = all_three.client(name)
            assert door.count(index=INDEX)["count"] == amount
            assert known(door)
        (row,) = all_three.client(role="operator").cat.indices(index=INDEX, format="json")
        print("grown:", json.dumps(row))
        assert (row["rep"], row["health"]) == ("1", "green")


@pytest.mark.long
def test_a_cluster_is_upgraded_node_by_node_while_it_is_read(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with nodes("t-node-roll", 1024, tmp_path_factory.mktemp("roll"), NAMES) as three:
        three.settings(version="3.7.0")
        three.converge()
        make_index(three.client())
        amount = load(three.client(timeout=60), PLAYS)
        three.settings(version="3.8.0")
        with watched(three, known) as seen:
            three.converge()
        served(seen)
        assert_whole(three, 3)
        for name in NAMES:
            door = three.client(name)
            assert door.info()["version"]["number"] == "3.8.0"
            assert door.count(index=INDEX)["count"] == amount
        three.converged()

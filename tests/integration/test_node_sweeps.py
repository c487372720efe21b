"""The long forms: a converge of the real role killed at every operation, and the way back to an
older version over an empty data directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node_load import INDEX, known, load, make_index
from tests.nodes import Node, killed_at, nodes, starts

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3600)]
OLD, NEW = "3.7.0", "3.8.0"


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with nodes("t-node-sweep", 1024, tmp_path_factory.mktemp("sweep")) as made:
        yield made


def test_a_converge_killed_at_every_operation_is_finished_by_the_next(fresh: Node) -> None:
    """On the fresh host each run gets one operation further before it is killed. Then a change of
    settings, killed at each operation in turn and finished: one restart each, never two."""
    met = []
    while operation := killed_at(fresh, len(met) + 1):
        met.append(operation)
    assert met[0] == "Lock the hosts that change"
    assert "Close the record" in met
    assert met[-1] == "Gateways are done"
    fresh.converge()
    fresh.converged()
    assert starts(fresh) == 1
    make_index(fresh.client())
    amount = load(fresh.client(timeout=60), ["hamlet"])

    for number, operation in enumerate(met, start=1):
        fresh.settings(log_mb=100 + 5 * number)
        assert killed_at(fresh, operation, 0.3) == operation
        fresh.converge()
        fresh.converged()
        assert starts(fresh) == 1 + number, operation
        assert fresh.client().count(index=INDEX)["count"] == amount, operation


def test_the_way_back_is_an_empty_directory_and_the_snapshot(fresh: Node) -> None:
    """As the refusal says. What was written after the upgrade is given up, the rest returns."""
    fresh.settings(version=OLD)
    fresh.converge()
    make_index(fresh.client())
    amount = load(fresh.client(timeout=60), ["hamlet"])
    fresh.settings(version=NEW)
    fresh.converge()
    load(fresh.client(timeout=60), ["macbeth"])
    shown = fresh.client(role="backup").snapshot.get(repository="local", snapshot="_all")
    (name,) = [s["snapshot"] for s in shown["snapshots"]]

    fresh.ssh("systemctl stop opensearch && mv /var/lib/opensearch /var/lib/opensearch.given-up")
    fresh.settings(version=OLD)
    fresh.converge()
    operator = fresh.client(role="operator", timeout=60)
    assert operator.info()["version"]["number"] == OLD
    place = {"type": "fs", "settings": {"location": "/var/lib/opensearch-snapshots"}}
    operator.snapshot.create_repository(repository="local", body=place)
    operator.snapshot.restore(
        repository="local", snapshot=name, body={"indices": INDEX}, wait_for_completion=True
    )
    assert operator.count(index=INDEX)["count"] == amount
    assert known(fresh.client())
    fresh.converged()

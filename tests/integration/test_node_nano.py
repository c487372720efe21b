"""The undersized nano, 512 MiB: refused as it is, and held when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node_load import known, load, make_index, play_files
from tests.nodes import Node, nodes, under_load

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with nodes("t-node-nano", 512, tmp_path_factory.mktemp("nano")) as made:
        yield made


@pytest.fixture
def running(nano: Node) -> Node:
    nano.settings(size="nano", allow_undersized=True)
    nano.converge()
    client = nano.client(timeout=60)
    if not client.indices.exists(index="story-lines"):
        make_index(client)
        load(client, ["hamlet"])
    return nano


@pytest.mark.parametrize("size", ["nano", "micro"])
def test_without_leave_it_is_refused_before_any_change(nano: Node, size: str) -> None:
    """By its size in the site file, and by the machine itself where the file says otherwise."""
    nano.settings(size=size)
    text = nano.refused()
    assert "below 128 it cannot serve" in text
    assert "allow_undersized = true under [opensearch]" in text
    assert "Starting operation" not in text
    assert nano.ssh("ls /var/lib/fountainai /opt/opensearch 2>/dev/null", check=False) == ""


@pytest.mark.long
def test_with_leave_it_holds_plays_and_16_searchers(running: Node) -> None:
    running.converged()
    assert known(running.client())
    under_load(running, ("macbeth", "the-tempest"), 300)
    assert running.ssh("cat /etc/systemd/zram-generator.conf /etc/systemd/system/swapfile.swap")


@pytest.mark.long
def test_with_leave_it_holds_all_38_plays_and_16_searchers(running: Node) -> None:
    under_load(running, tuple(play_files()), 2000)
    assert known(running.client())

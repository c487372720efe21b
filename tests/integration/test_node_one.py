"""One search host with 1 GiB under hard conditions: killed runs, kill -9, upgrades that fail.

The host is the same throughout and its data is never made anew: each test proves that what the
tests before it stored is still there. The order follows a site's life.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from opensearchpy.exceptions import TransportError

from tests.labs import until
from tests.node_load import INDEX, known, load, make_index, play_files
from tests.nodes import Node, killed_at, nodes, starts, under_load, wait_for_door

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]
OLD, NEW = "3.7.0", "3.8.0"
SAMPLE = ("hamlet", "macbeth", "the-tempest", "julius-caesar")
DROP_IN = "/etc/systemd/system/opensearch.service.d"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with nodes("t-node-one", 1024, tmp_path_factory.mktemp("node")) as made:
        made.settings(version=OLD)
        yield made


@pytest.fixture
def loaded(node: Node) -> Node:
    """Converged as its settings say, with the sample of plays in it."""
    node.converge()
    client = node.client()
    wait_for_door(client)
    if not client.indices.exists(index=INDEX):
        make_index(client)
        load(client, SAMPLE)
    assert known(client)
    return node


def count(node: Node) -> int:
    client = node.client()
    wait_for_door(client)
    return int(client.count(index=INDEX)["count"])


def version(node: Node) -> str:
    return str(node.client().info()["version"]["number"])


def break_start(node: Node, how: str) -> None:
    """A drop-in somebody left on the host, because of which the node does not come up."""
    node.ssh(f"mkdir -p {DROP_IN} && printf '[Service]\\n{how}\\n' > {DROP_IN}/broken.conf")


def mend(node: Node) -> None:
    node.ssh(f"rm -r {DROP_IN}")


def test_killed_runs_on_a_fresh_host_are_finished_by_the_next(node: Node) -> None:
    """Three kills in a row, the last while the node is starting; it is started once after all."""
    for operation, after_s in (
        ("Install packages", 3.0),
        ("Upload and unpack artefacts", 1.5),
        ("Start and restart units", 4.0),
    ):
        assert killed_at(node, operation, after_s) == operation
    node.converge()
    node.converged()
    assert starts(node) == 1


def survives_kill_9(loaded: Node, kills: int) -> None:
    """A writer goes on while the node is killed; each write it got an answer for is there
    afterwards. Its ids are its own, so asking again writes nothing twice."""
    client = loaded.client()
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            document = {"play": "survivors", "n": number, "text": f"line {number}"}
            try:
                client.index(index=INDEX, id=f"survivor-{number}", body=document, refresh=False)
                acknowledged.append(f"survivor-{number}")
            except TransportError:
                stop.wait(0.2)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(kills):
            before = len(acknowledged)
            until(lambda before=before: len(acknowledged) >= before + 60, 120)
            pid = loaded.pid()
            loaded.ssh(f"kill -9 {pid}")
            until(lambda pid=pid: loaded.pid() not in (0, pid))
            wait_for_door(loaded.client())
    finally:
        stop.set()
        thread.join()
    client.indices.refresh(index=INDEX)
    lost: list[str] = []
    for first in range(0, len(acknowledged), 1000):
        ids = acknowledged[first : first + 1000]
        reply = client.mget(index=INDEX, body={"ids": ids})
        lost += [d["_id"] for d in reply["docs"] if not d.get("found")]
    print(f"{kills} times kill -9: {len(acknowledged)} acknowledged, {len(lost)} lost")
    assert lost == []
    client.delete_by_query(
        index=INDEX, body={"query": {"term": {"play": "survivors"}}}, refresh=True
    )


def test_what_was_acknowledged_survives_kill_9(loaded: Node) -> None:
    survives_kill_9(loaded, 1)


@pytest.mark.long
def test_what_was_acknowledged_survives_kill_9_again_and_again(loaded: Node) -> None:
    survives_kill_9(loaded, 5)


def test_an_archive_with_another_sum_is_refused_before_any_change(
    loaded: Node, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / f"opensearch-{NEW}.zip", "w") as archive:
        archive.writestr("opensearch/bin/opensearch", "#!/bin/sh\n")
    before, amount = loaded.world(), count(loaded)
    loaded.settings(version=NEW)
    text = loaded.refused(FOUNTAINAI_ARTEFACTS=str(tmp_path))
    assert f"is not opensearch {NEW}: its sha256 is" in text
    assert "Nothing was changed" in text
    assert "Starting operation" not in text
    assert (loaded.world(), count(loaded)) == (before, amount)
    loaded.settings(version=OLD)
    loaded.converged()


def test_a_damaged_upload_is_refused_before_it_is_unpacked(loaded: Node) -> None:
    """Somebody on the host changes one byte of the archive while it arrives."""
    loaded.ssh(
        "systemd-run --quiet --collect --unit=damage python3 -c '"
        "import glob, os, time\n"
        "while True:\n"
        '  for name in glob.glob("/var/tmp/fountainai-*.zip"):\n'
        "    if os.stat(name).st_size > 1000000:\n"
        '      with open(name, "r+b") as f:\n'
        "        f.seek(5000)\n"
        '        f.write(b"damaged")\n'
        "      raise SystemExit\n"
        "  time.sleep(0.01)'"
    )
    pid = loaded.pid()
    loaded.settings(version=NEW)
    text = loaded.refused()
    assert f"opensearch: the upload of {NEW} is damaged and was dropped; run again" in text
    assert loaded.ssh("ls -d /opt/opensearch/3*").split() == [f"/opt/opensearch/{OLD}"]
    assert loaded.ssh("ls /var/tmp/fountainai-*", check=False) == ""
    assert (loaded.pid(), version(loaded)) == (pid, OLD)
    loaded.settings(version=OLD)
    loaded.converge()
    loaded.converged()
    assert loaded.pid() == pid


@pytest.mark.long
def test_an_upgrade_whose_node_does_not_start_can_be_taken_back(loaded: Node) -> None:
    """It dies before it has opened its data: the way back is open."""
    loaded.settings(version=OLD)
    loaded.converge()
    amount = count(loaded)
    break_start(loaded, "Environment=OPENSEARCH_JAVA_OPTS=-XX:+NoSuchFlag")
    loaded.settings(version=NEW)
    text = loaded.refused()
    assert "opensearch.service is not healthy" in text
    assert "NoSuchFlag" in text
    mend(loaded)
    loaded.settings(version=OLD)
    loaded.converge()
    loaded.converged()
    assert (version(loaded), count(loaded)) == (OLD, amount)


@pytest.mark.long
def test_an_upgrade_whose_node_does_not_come_up_is_told_and_goes_on(loaded: Node) -> None:
    """It dies after it has opened its data: the way back is closed, is said to be, and the way
    forward keeps the data."""
    loaded.settings(version=OLD)
    loaded.converge()
    amount = count(loaded)

    # Its HTTP wants the port that its transport has just taken: by then the data is open.
    start = "ExecStart=\\nExecStart=/opt/opensearch/current/bin/opensearch -Ehttp.port=9301"
    break_start(loaded, start)
    loaded.settings(version=NEW)
    text = loaded.refused()
    assert "Failed to bind to" in text
    mend(loaded)
    loaded.settings(version=OLD)
    assert_no_way_back(loaded.refused())
    loaded.settings(version=NEW)
    loaded.converge()
    loaded.converged()
    assert_upgraded(loaded, amount)


def assert_no_way_back(text: str) -> None:
    assert f"{OLD} cannot open the data of {NEW}" in text
    assert f'set version = "{NEW}"' in text


def assert_upgraded(node: Node, amount: int) -> None:
    assert (version(node), count(node)) == (NEW, amount)
    assert known(node.client())
    kept = node.ssh("ls -d /opt/opensearch/3*").split()
    assert kept == [f"/opt/opensearch/{OLD}", f"/opt/opensearch/{NEW}"]
    backup = node.client(role="backup")
    found = backup.snapshot.get(repository="local", snapshot="_all")["snapshots"]
    names = [s["snapshot"] for s in found if s["state"] == "SUCCESS" and INDEX in s["indices"]]
    assert any(name.startswith(f"before-{NEW}-") for name in names), found


def test_a_running_node_is_not_taken_back_to_a_version_that_cannot_read_it(loaded: Node) -> None:
    loaded.settings(version=NEW)
    loaded.converge()
    pid, amount = loaded.pid(), count(loaded)
    loaded.settings(version=OLD)
    assert_no_way_back(loaded.refused())
    assert (loaded.pid(), version(loaded)) == (pid, NEW)
    loaded.settings(version=NEW)
    loaded.converge()
    loaded.converged()
    assert (loaded.pid(), count(loaded)) == (pid, amount)


def test_1_gib_holds_plays_and_16_searchers(loaded: Node) -> None:
    loaded.settings(version=NEW)
    loaded.converge()
    under_load(loaded, (), 400)


@pytest.mark.long
def test_1_gib_holds_all_38_plays_and_16_searchers(loaded: Node) -> None:
    loaded.settings(version=NEW)
    loaded.converge()
    under_load(loaded, tuple(play_files()), 2000)
    assert count(loaded) == 117_217

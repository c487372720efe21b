"""What is written stays: through the death of the node, and through a snapshot and back.

Each test works on indices of its own with random names and removes them, whatever happens.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator
from http.client import HTTPException

import pytest
from testinfra.host import Host as Shell

from deploys.roles.opensearch import SNAPSHOTS
from tests.hosts.doors import Door, Reply
from tests.hosts.support import Site, until

REPOSITORY = "local"  # the one that upgrades use, too
COMES_BACK_S = 300  # a node on a tenth of a core starts in minutes


def ask(site: Site, at_door: Door, role: str, method: str, uri: str, body: object = None) -> Reply:
    return at_door.ask(site.credentials(role), method, uri, body)


@pytest.fixture
def index(site: Site, at_door: Door) -> Iterator[str]:
    """An index of this test, with one copy only so that a lone node can hold it."""
    name = f"story-verify-{secrets.token_hex(6)}"
    made = ask(site, at_door, "story", "PUT", f"/{name}", {"settings": {"number_of_shards": 1}})
    assert made.status == 200, made.body
    yield name
    assert ask(site, at_door, "story", "DELETE", f"/{name}").status == 200


def test_an_acknowledged_write_survives_kill_9_of_the_node(
    site: Site, at_door: Door, node: Shell, index: str, disruptive: None
) -> None:
    """Acknowledged means on disk; systemd brings the node back by itself."""
    document = {"said": secrets.token_hex(16)}
    written = ask(site, at_door, "story", "PUT", f"/{index}/_doc/1", document)
    assert written.status == 201
    before = node.check_output("systemctl show -p MainPID --value opensearch")
    node.check_output(f"kill -9 {before}")

    def back() -> bool:
        try:
            return ask(site, at_door, "story", "GET", f"/{index}/_doc/1").status == 200
        except (OSError, HTTPException, ssl.SSLError):
            return False

    until(back, limit_s=COMES_BACK_S, pause_s=0.5)
    found = ask(site, at_door, "story", "GET", f"/{index}/_doc/1").json
    assert found["_source"] == document
    assert node.check_output("systemctl show -p MainPID --value opensearch") != before


def test_a_snapshot_restores(site: Site, at_door: Door, index: str) -> None:
    """Taken by the backup role, brought back by the operator under another name."""
    if len(site.inventory.by_role("opensearch")) > 1:
        pytest.skip("several search hosts share no directory for snapshots")
    lines = "".join(f'{{"index":{{"_id":"{n}"}}}}\n{{"number":{n}}}\n' for n in range(50))
    uri = f"/{index}/_bulk?refresh=true"
    assert not ask(site, at_door, "story", "POST", uri, lines.encode()).json["errors"]
    settings = {"type": "fs", "settings": {"location": SNAPSHOTS}}
    registered = ask(site, at_door, "operator", "PUT", f"/_snapshot/{REPOSITORY}", settings)
    assert registered.status == 200, registered.body
    restored, snapshot = f"{index}-restored", f"/_snapshot/{REPOSITORY}/{index}"
    wait = "wait_for_completion=true"
    only = {"indices": index, "include_global_state": False}
    try:
        taken = ask(site, at_door, "backup", "PUT", f"{snapshot}?{wait}", only)
        assert taken.json["snapshot"]["state"] == "SUCCESS", taken.body
        rename = {"rename_pattern": "(.+)", "rename_replacement": "$1-restored"}
        again = ask(site, at_door, "operator", "POST", f"{snapshot}/_restore?{wait}", only | rename)
        assert again.status == 200, again.body
        count = ask(site, at_door, "story", "GET", f"/{restored}/_count").json["count"]
        assert count == 50
    finally:
        ask(site, at_door, "story", "DELETE", f"/{restored}?ignore_unavailable=true")
        gone = ask(site, at_door, "backup", "DELETE", snapshot)
    assert gone.status == 200, gone.body

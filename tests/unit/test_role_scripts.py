"""The scripts a search host runs by itself, as processes against a small HTTP server.

They decide whether a converge goes on, so each answer a node can give is tried: not up, no
cluster, too few nodes, a red index, a version that may not be opened.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploys.render import TEMPLATES

GREEN = {"status": "green", "number_of_nodes": 1}


class Node:
    """Answers each path by its longest matching beginning; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                asked = f"{self.command} {self.path}"
                node.asked.append(asked)
                known = [key for key in node.answers if asked.startswith(key)]
                status, body = node.answers[max(known, key=len)] if known else (404, {})
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _answer

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def node() -> Iterator[Node]:
    it = Node()
    yield it
    it.server.shutdown()
    it.server.server_close()


def run(script: str, *args: object) -> tuple[int, str]:
    """Exit code and what was said; a traceback would be on stderr and fails the test."""
    path = Path(TEMPLATES / "opensearch" / script)
    done = subprocess.run(
        [sys.executable, "-IS", str(path), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def healthy(node: Node, status: str = "yellow", nodes: int = 1, *more: str) -> tuple[int, str]:
    return run("opensearch-healthy", node.port, status, nodes, *more)


def test_healthy_node_is_silent(node: Node) -> None:
    node.answers["GET /_cluster/health"] = (200, GREEN)
    assert healthy(node) == (0, "")


def test_node_that_is_not_up_is_one_line(node: Node) -> None:
    node.server.shutdown()
    node.server.server_close()
    code, said = healthy(node)
    assert code == 3
    assert said.startswith("the node does not answer yet")
    assert "\n" not in said


def test_node_that_only_takes_connections_may_serve_somebody() -> None:
    """It is slow or busy, which is no reason to restart it before its turn."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, said = run("opensearch-healthy", silent.getsockname()[1], "green", 1)
    assert code == 1
    assert said.startswith("the node does not answer yet (timed out")


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "no cluster manager", "status": 503},  # as http.detailed_errors off says it
        {"error": {"reason": "not discovered"}, "status": 503},
        {},
    ],
)
def test_cluster_that_has_not_formed(node: Node, answer: dict[str, Any]) -> None:
    node.answers["GET /_cluster/health"] = (503, answer)
    code, said = healthy(node, "green", 3)
    assert code == 1
    assert said.startswith("the cluster has not formed")


def test_joiner_waits_for_its_founder_without_holding_it_up(node: Node) -> None:
    node.answers["GET /_cluster/health"] = (503, {"error": "no cluster manager", "status": 503})
    assert healthy(node, "green", 3, "join") == (0, "")


def test_too_few_nodes(node: Node) -> None:
    """Else a node that founded a cluster of its own would look well."""
    node.answers["GET /_cluster/health"] = (200, GREEN)
    assert healthy(node, "green", 3) == (1, "the cluster has 1 of 3 nodes")


def test_red_index_is_named(node: Node) -> None:
    red = {"status": "red", "number_of_nodes": 1}
    indices = {"story-a": {"status": "green"}, "story-b": {"status": "red"}}
    node.answers["GET /_cluster/health"] = (408, red)
    node.answers["GET /_cluster/health?level=indices"] = (200, {**red, "indices": indices})
    assert healthy(node) == (1, "the cluster is red, wanted yellow: story-b")


@pytest.mark.parametrize(("wanted", "code"), [("yellow", 0), ("green", 1)])
def test_yellow_is_well_for_one_node_only(node: Node, wanted: str, code: int) -> None:
    node.answers["GET /_cluster/health"] = (200, {"status": "yellow", "number_of_nodes": 1})
    assert healthy(node, wanted)[0] == code


def runs_version(node: Node, number: str) -> None:
    node.answers["GET /"] = (200, {"version": {"number": number}})
    node.answers["POST /_flush"] = (200, {})


def before(node: Node, following: str, nodes: int = 1) -> tuple[int, str]:
    return run("opensearch-before", node.port, following, nodes)


def test_restart_in_the_same_version_only_flushes(node: Node) -> None:
    runs_version(node, "3.8.0")
    assert before(node, "3.8.0") == (0, "")
    assert node.asked == ["GET /", "POST /_flush?wait_if_ongoing=true"]


def test_upgrade_takes_a_snapshot_first(node: Node) -> None:
    runs_version(node, "3.7.0")
    node.answers["PUT /_snapshot/local"] = (200, {"snapshot": {"state": "SUCCESS"}})
    assert before(node, "3.8.0") == (0, "")
    assert node.asked[-2] == "PUT /_snapshot/local"
    assert node.asked[-1].startswith("PUT /_snapshot/local/before-3.8.0-")


@pytest.mark.parametrize("state", ["PARTIAL", "FAILED", None])
def test_upgrade_without_a_whole_snapshot_does_not_happen(node: Node, state: str | None) -> None:
    runs_version(node, "3.7.0")
    reply = {"snapshot": {"state": state}} if state else {"error": "no space", "status": 500}
    node.answers["PUT /_snapshot/local/before"] = (200 if state else 500, reply)
    code, said = before(node, "3.8.0")
    assert code == 1
    assert "nothing was changed" in said


@pytest.mark.parametrize(("now", "following"), [("3.8.0", "3.7.0"), ("3.10.0", "3.9.0")])
def test_downgrade_is_refused_before_the_node_stops(node: Node, now: str, following: str) -> None:
    """OpenSearch would refuse too, but only after the working node was gone."""
    runs_version(node, now)
    code, said = before(node, following)
    assert code == 1
    assert "cannot downgrade" in said


def test_node_that_does_not_answer_may_be_restarted(node: Node) -> None:
    node.server.shutdown()
    node.server.server_close()
    assert before(node, "3.8.0") == (0, "")


def test_growing_cluster_does_not_wait_for_itself(node: Node) -> None:
    """A single node becomes the founder: it is yellow or alone, and still has to restart."""
    runs_version(node, "3.8.0")
    node.answers["GET /_cluster/health"] = (200, {"status": "yellow", "number_of_nodes": 1})
    assert before(node, "3.8.0", 3) == (0, "")

"""Bad requests over the real socket, and what the store holds before and after them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.services.contract_answers import ERROR_FIELDS
from tests.services.contract_gateway import KEY_HEADER, Behind, gateway
from tests.services.contract_world import World

MAX = 10_000  # documents of the tests' indices


@dataclass
class Place:
    """Services with a small play in them, and the node behind."""

    behind: Behind
    node_url: str
    client: httpx.Client
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.client)

    def stored(self) -> dict[str, Any]:
        """Every document with the number of its last write, every index, and the change log."""
        prefix = self.behind.settings.index_prefix
        with httpx.Client(base_url=self.node_url, timeout=60, trust_env=False) as node:
            node.post(f"/{prefix}*/_refresh").raise_for_status()
            body = {"query": {"match_all": {}}, "_source": False, "seq_no_primary_term": True}
            query = {"size": MAX, "version": "true"}
            hits = node.post(f"/{prefix}*/_search", params=query, json=body).raise_for_status()
            found = hits.json()["hits"]
            assert found["total"]["value"] < MAX
            names = node.get("/_cat/indices", params={"h": "index", "expand_wildcards": "all"})
        log = self.client.get(f"/scripts/{self.world.script}/changes")
        return {
            "documents": {(h["_index"], h["_id"]): h["_seq_no"] for h in found["hits"]},
            "indices": sorted(n for n in names.text.split() if n.startswith(prefix)),
            "log": (log.headers["X-Total-Count"], log.json()),
        }

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing is stored meanwhile, and nobody forgets how to answer."""
        before = self.stored()
        yield
        assert self.stored() == before
        assert self.client.get("/health").status_code == 200

    def refused(self, method: str, path: str, says: str = "", **more: Any) -> dict[str, Any]:
        """The error of a request that is at fault itself."""
        return refused(self.client.request(method, path, **more), says)

    def raw(self, request: bytes, key: bool = True) -> tuple[int, bytes]:
        """Status and body of the answer to these bytes; (0, b"") when the connection is closed
        without any. The key's header goes in front of the first empty line."""
        if key:
            header = f"\r\n{KEY_HEADER}: {self.behind.key}".encode()
            request = request.replace(b"\r\n", header + b"\r\n", 1)
        port = int(self.behind.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            data = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    data += piece
                    head, found, body = data.partition(b"\r\n\r\n")
                    if found and len(body) >= _length(head):
                        break
        if not data:
            return 0, b""
        return int(data.split(b" ", 2)[1]), data.partition(b"\r\n\r\n")[2]


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 1 << 30


def refused(answer: httpx.Response, says: str = "") -> dict[str, Any]:
    """The error of an answer in the 400s."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    assert 400 <= answer.status_code < 500, told
    error: dict[str, Any] = answer.json()
    assert error.keys() == ERROR_FIELDS, told
    assert says in f"{error['message']} {error['details']}", told
    for inside in ("Traceback", "opensearch", "story-", "_search", "script_score"):
        assert inside not in answer.text, told
    return error


@contextlib.contextmanager
def place(node_url: str) -> Iterator[Place]:
    """Services of their own for a file of tests."""
    with gateway(node_url) as behind, behind.client() as client:
        yield Place(behind, node_url, client)

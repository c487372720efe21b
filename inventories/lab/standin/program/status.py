"""The Status API: what runs (`/status`), whether it serves (`/status/ready`), and `/metrics`.

`configuration_hash` is the MD5 of the bytes of the file that is served, 32 zeros for none.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

from . import KONG, NAME
from .declarative import EMPTY_HASH
from .headers import Headers
from .message import Answer, Request, error, exit_json

if TYPE_CHECKING:
    from .master import Master


class StatusApi:
    """Read-only answers about the process."""

    def __init__(self, master: Master) -> None:
        self._master = master

    async def handle(self, request: Request) -> Answer:
        """GET only; anything else is not there."""
        paths = {
            "/": self._root, "/status": self._status, "/status/ready": self._ready,
            "/metrics": self._metrics, "/upstreams": self._upstreams,
        }  # fmt: skip
        found = paths.get(request.path)
        if found is None:
            return error(request, 404, "Not found")
        if request.method not in ("GET", "HEAD"):
            return error(request, 405, "Method not allowed")
        return found(request)

    def after(self, request: Request, answer: Answer) -> None:
        """Questions about the status are in no log."""

    def _root(self, _: Request) -> Answer:
        return exit_json(200, {"tagline": NAME, "version": KONG})

    def _status(self, _: Request) -> Answer:
        proxies = self._master.proxies
        accepted = sum(server.accepted for server in proxies)
        return exit_json(
            200,
            {
                "configuration_hash": self._master.current.hash,
                "database": {"reachable": True},
                "memory": {
                    "workers_lua_vms": [{"pid": 0, "http_allocated_gc": _resident()}],
                    "lua_shared_dicts": {},
                },
                "server": {
                    "connections_accepted": accepted,
                    "connections_handled": accepted,
                    "connections_active": sum(len(server.connections) for server in proxies),
                    "total_requests": sum(server.requests for server in proxies),
                },
                "standin": NAME,
            },
        )

    def _ready(self, _: Request) -> Answer:
        reason = self._master.unready
        if self._master.current.hash == EMPTY_HASH:
            reason = "no configuration available (empty configuration present)"
        if reason:
            return exit_json(503, {"message": reason})
        return exit_json(200, {"message": "ready"})

    def _metrics(self, request: Request) -> Answer:
        if "prometheus" not in self._master.current.chain.names:
            return error(request, 404, "Not found")
        text = self._master.shared.metrics.text()
        kind = "text/plain; charset=UTF-8"
        return Answer(200, Headers([("Content-Type", kind)]), text.encode())

    def _upstreams(self, _: Request) -> Answer:
        """Kong shows health at /upstreams/NAME/health; this one list is the stand-in's own."""
        upstreams = self._master.current.upstreams
        return exit_json(
            200,
            {
                name: {f"{t.host}:{t.port}": "HEALTHY" if t.healthy else "UNHEALTHY"
                       for t in upstream.targets}
                for name, upstream in upstreams.items()
            },
        )  # fmt: skip


def _resident() -> str:
    """Memory in use now, in MiB as Kong words it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{pages * resource.getpagesize() / 2**20:.2f} MiB"

"""The socket side: reads a request, finds its route, and sends GitHub's headers with the answer.

Guarantees one request at a time on the world, a log without bodies or tokens, and a connection
that is reset, not closed politely, where a test planned it. Listens on loopback only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.github_standin import (  # noqa: F401 - their routes register themselves
    attestations,
    environments,
    packages,
    repositories,
    secrets,
    variables,
    workflows,
)
from tests.github_standin.access import Token, check
from tests.github_standin.routes import Call, Route, match
from tests.github_standin.wire import API_VERSIONS, Refused, Reply, error, not_found

if TYPE_CHECKING:
    from tests.github_standin.hub import Hub


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Stop listening, and hang up on clients that kept their connection for later."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not a defect of the server."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "github.com"
    sys_version = ""
    wbufsize = -1  # header and body leave together: no delayed acknowledgement in between
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal; the hub keeps a log."""

    def do_GET(self) -> None:
        self.serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def serve(self) -> None:
        """Answer one request, with the fault that is planned for it."""
        hub = self.server.hub
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path = urlsplit(self.path).path
        with self.server.lock:
            fault = hub.faults.take(self.command, path)
            before = fault is not None and not fault.after_effect
            planned = fault is not None and (fault.reply is not None or fault.reset)
            reply, about = (
                (Reply(0), hub.limits()) if before and planned else self.answer(path, raw)
            )  # status 0: the work was never begun
            if fault is not None and fault.reply is not None:
                reply = Reply(
                    fault.reply.status, fault.reply.body, fault.reply.headers, reply.effect
                )
            reset = fault is not None and fault.reset
            hub.note(self.command, self.path, 0 if reset else reply.status, reply.effect, planned)
        if fault is not None and fault.delay:
            self.server.closing.wait(fault.delay)
        if reset:
            self.cut()
        else:
            self.send(reply, about)

    def answer(self, path: str, raw: bytes) -> tuple[Reply, dict[str, str]]:
        """The true answer, and the headers that depend on who asks for what."""
        hub = self.server.hub
        about = hub.limits()
        try:
            token = self.token()
            hub.count()
            about |= hub.limits()
            version = self.headers.get("X-GitHub-Api-Version", API_VERSIONS[0])
            if version not in API_VERSIONS:
                raise Refused(error(400, f"API version {version} is not supported"))
            about["X-GitHub-Api-Version-Selected"] = version
            found = match(self.command, path)
            if found is None:
                raise Refused(not_found())
            route, names = found
            if token is not None:
                about |= token.headers(route.need)
            call = Call(hub.world, hub.url, path, names, self.query(), token, version=version)
            self.resolve(call, route)
            call.body = self.json(raw)
            return route.handler(call), about
        except Refused as refused:
            return refused.reply, about

    def resolve(self, call: Call, route: Route) -> None:
        """The repository that the path names, if any, and the right to ask for it."""
        names, world = call.parameters, call.world
        if "repo" in names:
            full = f"{names['owner']}/{names['repo']}".lower()
            if full in world.moved:
                rest = call.path.strip("/").split("/", 3)[3:]
                target = f"{call.base}/repositories/{world.moved[full].id}"
                location = "/".join([target, *rest])
                raise Refused(
                    Reply(
                        301,
                        {"message": "Moved Permanently", "url": location},
                        {"Location": location},
                    )
                )
            known = world.repositories.get(full)
            call.found = known if names["owner"] else world.by_id(names["repo"])
            if call.found is None:
                raise Refused(not_found())
        check(call.token, route.need, call.found)

    def token(self) -> Token | None:
        """Whose request this is; a token nobody knows is refused whatever it asks for."""
        if not self.headers.get("User-Agent"):
            raise Refused(error(403, "Request forbidden by administrative rules."))
        text = self.headers.get("Authorization", "")
        if not text:
            return None
        kind, _, value = text.partition(" ")
        known = self.server.hub.world.tokens.get(value.strip())
        if kind.lower() not in ("token", "bearer") or known is None:
            raise Refused(error(401, "Bad credentials"))
        return known

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def json(self, raw: bytes) -> Any:
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            raise Refused(error(400, "Problems parsing JSON")) from None

    def send(self, reply: Reply, about: dict[str, str]) -> None:
        body, kind = reply.body, "application/json; charset=utf-8"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {
            "Content-Type": kind,
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"STANDIN:{len(self.server.hub.log)}",
            **about,
            **reply.headers,
        }
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(body or b"")

    def cut(self) -> None:
        """Reset the connection: no answer, no orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

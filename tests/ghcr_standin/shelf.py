"""A registry in memory that asks for tokens as GHCR does, and fails where a test planned it.

Speaks HTTP on loopback; what it cannot do as a real registry would, `real` shows. Faults are
answers of any kind to the next requests whose path matches, or a connection that just ends.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ghcr_standin.contents import Contents


@dataclass
class Fault:
    """What the next `times` requests of a matching path get instead; `status` 0: no answer."""

    pattern: str
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000


class Shelf:
    """One registry with one package; everything may be changed while it runs."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.contents = Contents()
        self.public = True
        self.has_referrers = False  # as GHCR
        self.scheme = "bearer"
        self.page = 100
        self.users: dict[str, str] = {"someone": "right-token"}
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str]] = []  # path with query, kind of authorization
        self.realm = ""  # "": the right one
        self.tokens: dict[str, bool] = {}  # those that are valid -> whether for a user
        self.issued = 0
        self.expires_after = 0  # requests for content until every token has run out, once
        self.server = _Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def fail(self, pattern: str, status: int = 200, body: bytes = b"", **more: Any) -> None:
        self.faults.append(Fault(pattern, status, body, **more))

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/token":
            return self._token(query, authorization)
        if not self._may(authorization):
            kind = "DENIED" if authorization else "UNAUTHORIZED"
            return 401, {"WWW-Authenticate": self._challenge()}, _error(kind)
        prefix = f"/v2/{self.repository}/"
        if not parts.path.startswith(prefix):
            return 404, {}, _error("NAME_UNKNOWN")
        kind, _, name = parts.path.removeprefix(prefix).partition("/")
        return self._content(kind, name, query)

    def _content(
        self, kind: str, name: str, query: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        held = self.contents
        if kind == "tags":
            names = sorted(held.tags)
            names = [tag for tag in names if tag > query.get("last", "")]
            size = min(int(query.get("n", 100)), self.page)
            more = {}
            if len(names) > size:
                following = f"/v2/{self.repository}/tags/list?n={size}&last={names[size - 1]}"
                more = {"Link": f'<{following}>; rel="next"'}
            return 200, more, _json({"name": self.repository, "tags": names[:size]})
        if kind == "manifests" and (digest := held.tags.get(name, name)) in held.manifests:
            media, raw = held.manifests[digest]
            return 200, {"Content-Type": media}, raw
        if kind == "blobs" and name in held.blobs:
            return 200, {"Content-Type": "application/octet-stream"}, held.blobs[name]
        if kind == "referrers" and self.has_referrers:
            found = [
                {"mediaType": media, "digest": digest, "size": len(raw)}
                for digest, (media, raw) in held.manifests.items()
                if json.loads(raw).get("subject", {}).get("digest") == name
            ]
            return 200, {}, _json({"schemaVersion": 2, "manifests": found})
        return 404, {}, _error("MANIFEST_UNKNOWN")

    def _token(
        self, query: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, str], bytes]:
        wanted = f"repository:{self.repository}:pull"
        if query.get("scope") != wanted or query.get("service") != "ghcr.io":
            return 400, {}, _error("UNSUPPORTED")
        if self._is_user(authorization):
            return 200, {}, self._issue(True)
        if authorization or not self.public:
            return 401, {}, _error("UNAUTHORIZED")
        return 200, {}, self._issue(False)

    def _issue(self, for_user: bool) -> bytes:
        self.issued += 1
        self.tokens[f"token-{self.issued}"] = for_user
        return _json({"token": f"token-{self.issued}"})

    def _may(self, authorization: str) -> bool:
        if self.scheme == "basic":
            return self._is_user(authorization)
        if self.expires_after:
            self.expires_after -= 1
            if not self.expires_after:
                self.tokens.clear()
        for_user = self.tokens.get(authorization.removeprefix("Bearer "))
        return for_user is not None and (for_user or self.public)

    def _is_user(self, authorization: str) -> bool:
        known = (f"{user}:{token}".encode() for user, token in self.users.items())
        return authorization in {"Basic " + base64.b64encode(both).decode() for both in known}

    def _challenge(self) -> str:
        if self.scheme == "basic":
            return 'Basic realm="here"'
        realm = self.realm or f"{self.url}/token"
        # GHCR's own scope here is an example, not the package.
        return f'Bearer realm="{realm}",service="ghcr.io",scope="repository:user/image:pull"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not a defect of the server."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        shelf = self.server.shelf
        authorization = self.headers.get("Authorization", "")
        with self.server.lock:
            shelf.log.append((self.path, authorization.partition(" ")[0].lower()))
            fault = next((f for f in shelf.faults if re.search(f.pattern, self.path)), None)
            if fault is not None:
                fault.times -= 1
                if not fault.times:
                    shelf.faults.remove(fault)
                answer = (fault.status, fault.headers, fault.body)
            else:
                answer = shelf.answer(self.path, authorization)
        if fault is not None and fault.status == 0:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def shelf(repository: str = "owner/story") -> Iterator[Shelf]:
    """A running registry with that package, empty and public."""
    made = Shelf(repository)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(5)


def _json(data: object) -> bytes:
    return json.dumps(data).encode()


def _error(code: str) -> bytes:
    return _json({"errors": [{"code": code, "message": "said by the stand-in"}]})

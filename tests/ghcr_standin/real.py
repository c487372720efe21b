"""Debian's docker-registry, as GHCR is: behind TLS, with a token server at the same address.

The registry itself checks every token (a JWT signed by the server's key) and every digest that is
pushed; contents are pushed by plain PUTs. Anybody gets a token for a public package, only the
known users one for another.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_certificate

from deploys import x509
from inventories.lab import machine
from tests.ghcr_standin.contents import Contents

SERVICE = "ghcr.io"
_HOP = {"connection", "transfer-encoding", "content-length", "host", "date", "server"}


class Real:
    """A running registry: `host` is its `host:port`, `ca` the file to trust, `log` the requests
    as (method, path, kind of authorization)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users = {"someone": "right-token", "ci": "push-token"}
        self.public: set[str] = set()
        self.blobs_elsewhere = False  # GHCR sends them from another host, by a signed address
        self.log: list[tuple[str, str, str]] = []
        now = datetime.now(UTC)
        authority = x509.new_ca("registry test", now)
        leaf = x509.new_leaf(
            authority, x509.subject("registry test", "127.0.0.1"), now,
            server=True, alternatives=["127.0.0.1", "localhost"],
        )  # fmt: skip
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(authority.pem)
        (folder / "server.pem").write_bytes(leaf.pem)
        key = folder / "server.key"
        key.touch(mode=0o600)
        key.write_bytes(leaf.key_pem)
        self._key = serialization.load_pem_private_key(leaf.key_pem, None)
        der = load_pem_x509_certificate(leaf.pem).public_bytes(serialization.Encoding.DER)
        self._chain = [base64.b64encode(der).decode()]
        self.front = _Front(self)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", key)
        self.front.socket = context.wrap_socket(self.front.socket, server_side=True)
        self.host = f"127.0.0.1:{self.front.server_address[1]}"
        self.inner = ""  # the registry behind, by HTTP

    def token(self, scopes: list[str], authorization: str) -> tuple[int, dict[str, Any]]:
        user = self._user(authorization)
        if authorization and user is None:
            return 401, {"errors": [{"code": "UNAUTHORIZED"}]}
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            allowed = ["pull"] if user or name in self.public else []
            allowed += ["push"] if user == "ci" else []
            granted = [action for action in actions.split(",") if action in allowed]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        claims = {
            "iss": "standin", "sub": user or "", "aud": SERVICE, "iat": now, "nbf": now - 5,
            "exp": now + 300, "jti": "x", "access": access,
        }  # fmt: skip
        made = jwt.encode(claims, self._key, "ES256", headers={"x5c": self._chain})  # type: ignore[arg-type]
        return 200, {"token": made}

    def bearer(self, scope: str) -> str:
        """What the pusher's header says."""
        basic = "Basic " + base64.b64encode(b"ci:push-token").decode()
        return f"Bearer {self.token([scope], basic)[1]['token']}"

    def signed(self, path: str) -> str:
        """The right to read one blob, which its address stands for elsewhere."""
        repository = path.removeprefix("/v2/").partition("/blobs/")[0]
        return self.bearer(f"repository:{repository}:pull")

    def _user(self, authorization: str) -> str | None:
        for user, token in self.users.items():
            if authorization == "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode():
                return user
        return None

    def push(self, repository: str, contents: Contents) -> None:
        """Everything that is not there yet: blobs, manifests, then the tags."""
        headers = {"Authorization": self.bearer(f"repository:{repository}:pull,push")}
        with httpx.Client(base_url=self.inner, headers=headers, trust_env=False) as client:
            for digest, raw in contents.blobs.items():
                begun = client.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
                place = urlsplit(begun.headers["location"])
                params = {**{k: v[0] for k, v in parse_qs(place.query).items()}, "digest": digest}
                client.put(place.path, params=params, content=raw).raise_for_status()
            pairs = [(digest, digest) for digest in contents.manifests]
            for name, digest in [*pairs, *contents.tags.items()]:
                media, raw = contents.manifests[digest]
                client.put(
                    f"/v2/{repository}/manifests/{name}",
                    content=raw,
                    headers={"Content-Type": media},
                ).raise_for_status()


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, real: Real) -> None:
        self.real = real
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not a defect of the server."""


class _Handler(BaseHTTPRequestHandler):
    server: _Front
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        real = self.server.real
        authorization = self.headers.get("Authorization", "")
        where = "https://localhost" if self._is_elsewhere() else ""
        real.log.append((self.command, where + self.path, authorization.partition(" ")[0].lower()))
        parts = urlsplit(self.path)
        if parts.path == "/token":
            status, data = real.token(parse_qs(parts.query).get("scope", []), authorization)
            self._send(status, {"Content-Type": "application/json"}, json.dumps(data).encode())
            return
        headers = httpx.Headers([(k, v) for k, v in self.headers.items() if k.lower() not in _HOP])
        if "/blobs/" in self.path and real.blobs_elsewhere and not self._is_elsewhere():
            check = httpx.head(real.inner + self.path, headers=headers, trust_env=False)
            place = f"https://localhost:{self.server.server_address[1]}{self.path}"
            status = 307 if check.status_code == 200 else check.status_code
            kept = {k: v for k, v in check.headers.items() if k.lower() not in _HOP}
            self._send(status, kept | {"Location": place}, b"")
            return
        if self._is_elsewhere():
            headers["Authorization"] = real.signed(parts.path)
        answer = httpx.request(
            self.command,
            real.inner + self.path,
            headers=headers,
            content=self._body(),
            trust_env=False,
        )
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
        self._send(answer.status_code, kept, answer.content)

    do_HEAD = do_PUT = do_POST = do_PATCH = do_GET

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length") or 0)
            return self.rfile.read(length) if length else None
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            """Trailers, which nobody needs."""
        return body

    def _is_elsewhere(self) -> bool:
        return self.headers.get("Host", "").startswith("localhost")

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")


@contextmanager
def registry(folder: Path) -> Iterator[Real]:
    """The registry, running and empty, until the end of the block."""
    program = machine.unpacked("docker-registry", lambda _: None) / "usr/bin/docker-registry"
    real = Real(folder)
    thread = threading.Thread(target=real.front.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    token = {
        "realm": f"https://{real.host}/token", "service": SERVICE, "issuer": "standin",
        "rootcertbundle": str(real.ca),
    }  # fmt: skip
    settings = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        # Relative: an upload goes on at the door, where it is logged, not at the registry behind.
        "http": {"addr": "127.0.0.1:0", "secret": "x" * 32, "relativeurls": True},
        "auth": {"token": token},
    }
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    log = folder / "registry.log"
    with log.open("wb") as stream:
        running = subprocess.Popen(
            [program, "serve", folder / "config.yml"], stdout=stream, stderr=stream
        )
    try:
        real.inner = f"http://{_listens(log, running)}"
        yield real
    finally:
        running.kill()
        running.wait()
        real.front.shutdown()
        real.front.server_close()
        thread.join(5)


def _listens(log: Path, running: subprocess.Popen[bytes]) -> str:
    """The address that the registry has chosen, from its log."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and running.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if "listening on " in line:
                return (
                    line.split("listening on ")[1]
                    .split('"')[0]
                    .strip()
                    .replace("[::]", "127.0.0.1")
                )
        time.sleep(0.05)
    raise AssertionError(f"the registry did not start: {log.read_text(errors='replace')[-2000:]}")

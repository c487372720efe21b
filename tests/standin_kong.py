"""The Kong stand-in as a process of its own with a scratch prefix, and a TLS upstream behind it.

The upstream demands a client certificate and answers with what it was asked, so that tests see both
sides of the gateway. Requests to the gateway go out on connections of http.client, one each unless
a test keeps one.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deploys.pki import Pki
from tests.labs import until

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "inventories.lab.standin.program"
NAME = "tales.app.fountainai.internal"
PLUGINS = (
    "key-auth,acl,ip-restriction,rate-limiting,request-size-limiting,correlation-id,cors,"
    "request-transformer,response-transformer,proxy-cache,prometheus,file-log,request-termination"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def setup(self) -> None:
        self.timeout = self.server.idle_s
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.server.ended += 1

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size).decode(errors="replace")
        self.server.seen.append((self.command, self.path))
        if path.endswith("/hangup"):
            self.close_connection = True
            self.connection.close()
            return
        if path.endswith("/slow"):
            time.sleep(float(query))
        status = int(query) if path.endswith("/status") else self.server.status
        asked = {
            "method": self.command, "path": self.path, "body": body, "size": size,
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "who": self.server.name, "sni": self.server.snis[-1:],
            "client": self.connection.getpeercert()["subject"]
            if isinstance(self.connection, ssl.SSLSocket) else None,
        }  # fmt: skip
        if path.endswith("/stream"):
            self._stream(int(query))
            return
        if path.endswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            self.close_connection = True
            return
        text = json.dumps(asked).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _stream(self, chunks: int) -> None:
        """One line every tenth of a second, as soon as it is there."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(chunks):
            line = b"%d %.3f\n" % (number, time.time())
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


class Upstream(ThreadingHTTPServer):
    """Answers everything with what it was asked; `status` and `seen` are for tests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, pki: Pki | None, name: str = "one", port: int = 0, address: str = "127.0.0.1"
    ) -> None:
        super().__init__((address, port), _Handler)
        self.name, self.status = name, 200
        self.idle_s: float | None = None  # how long a connection may say nothing
        self.ended = 0  # connections
        self.seen: list[tuple[str, str]] = []
        self.snis: list[str | None] = []
        if pki is not None:
            host = pki.host("app-1", [address, NAME])
            folder = pki.folder / "hosts"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=host.ca.decode())
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(folder / "app-1.pem", folder / "app-1.key")
            context.sni_callback = lambda _, name, __: self.snis.append(name)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.shutdown()
        self.server_close()


@dataclass
class Got:
    """An answer; header names lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Standin:
    """A prefix, the files in it and the process that serves them."""

    folder: Path
    pki: Pki
    proxy: int = field(default_factory=free_port)
    plain: int = field(default_factory=free_port)
    status: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        host = self.pki.host("gateway-1", ["127.0.0.1", "localhost"])
        (self.folder / "gateway.pem").write_bytes(host.certificate)
        (self.folder / "gateway.key").write_bytes(host.key.reveal())
        self.trust = ssl.create_default_context(cadata=host.ca.decode())
        self.conf()

    @property
    def prefix(self) -> Path:
        return self.folder / "prefix"

    @property
    def file(self) -> Path:
        return self.folder / "kong.yml"

    def conf(self, **more: str) -> None:
        values = {
            "database": "off", "declarative_config": str(self.file), "plugins": PLUGINS,
            "proxy_listen": f"127.0.0.1:{self.proxy} http2 ssl, 127.0.0.1:{self.plain}",
            "status_listen": f"127.0.0.1:{self.status}", "admin_listen": "off",
            "admin_gui_listen": "off", "ssl_cert": str(self.folder / "gateway.pem"),
            "ssl_cert_key": str(self.folder / "gateway.key"), "some_other_key": "tolerated",
            "nginx_http_client_max_body_size": "4m", **more,
        }  # fmt: skip
        text = "".join(f"{key} = {value}\n" for key, value in values.items())
        (self.folder / "kong.conf").write_text(text)

    def write(self, kong: dict[str, Any] | str) -> str:
        """The declarative file; the MD5 of its bytes."""
        text = kong if isinstance(kong, str) else json.dumps(kong, indent=1)
        self.file.write_text(text)
        return hashlib.md5(text.encode()).hexdigest()

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", PROGRAM, *argv], cwd=ROOT, capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip

    def kong(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.run("kong", *argv)

    def prepare(self) -> None:
        done = self.kong("prepare", "-c", str(self.folder / "kong.conf"), "-p", str(self.prefix))
        assert done.returncode == 0, done.stderr

    def nginx(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.run("nginx", "-p", str(self.prefix), "-c", "nginx.conf", *argv)

    def start(self, kong: dict[str, Any] | None) -> None:
        """Until it serves the file; without one until it tells its status."""
        digest = self.write(kong) if kong is not None else "0" * 32
        self.prepare()
        argv = [sys.executable, "-m", PROGRAM, "nginx", "-p", str(self.prefix)]
        self.process = subprocess.Popen(argv, cwd=ROOT)
        ready = (digest, 200 if kong is not None else 503)
        until(lambda: self.process.poll() is not None or self.running() == ready)
        assert self.process.poll() is None

    def running(self) -> tuple[str, int] | None:
        """The hash that is served and the status of /status/ready."""
        try:
            found = self.ask("GET", "/status", port=self.status, tls=False).json
            ready = self.ask("GET", "/status/ready", port=self.status, tls=False).status
        except OSError:
            return None
        return found["configuration_hash"], ready

    def reload(self, kong: dict[str, Any] | str) -> None:
        """As `systemctl reload`: it succeeds whatever the file holds."""
        digest = self.write(kong)
        self.prepare()
        assert self.nginx("-s", "reload").returncode == 0
        until(lambda: self.running() == (digest, 200))

    def connection(self, port: int = 0, *, tls: bool = True) -> http.client.HTTPConnection:
        port = port or self.proxy
        if tls:
            return http.client.HTTPSConnection("127.0.0.1", port, context=self.trust, timeout=20)
        return http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, port: int = 0,
        tls: bool = True, **headers: str,
    ) -> Got:  # fmt: skip
        """One request on a connection of its own; `_` in header names stands for `-`."""
        connection = self.connection(port, tls=tls)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            return got(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Got:
        return self.ask("GET", path, **headers)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


def got(response: http.client.HTTPResponse) -> Got:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Got(response.status, headers, response.read())


def service(pki: Pki, *ports: int, **more: Any) -> dict[str, Any]:
    """A document with one service of TLS upstreams at these ports and one open route, /open."""
    cert, key = pki.client_paths("operator")
    own = {"id": ident(1), "cert": cert.read_text(), "key": key.read_text()}
    authority = {"id": ident(2), "cert": pki.ca_path.read_text()}
    targets = [{"target": f"127.0.0.1:{port}", "weight": 100} for port in ports]
    return {
        "_format_version": "3.0", "_transform": True, "_comment": "made by a test",
        "certificates": [own], "ca_certificates": [authority],
        "upstreams": [{"id": ident(3), "name": NAME, "host_header": NAME, "targets": targets}],
        "services": [
            {
                "id": ident(4), "name": "tales", "host": NAME, "port": 8443, "protocol": "https",
                "client_certificate": {"id": ident(1)}, "tls_verify": True,
                "ca_certificates": [ident(2)], "connect_timeout": 1000, "read_timeout": 1000,
                "write_timeout": 1000, "retries": 1, "routes": [route("open", "~/open")], **more,
            }
        ],
        "consumers": [], "plugins": [],
    }  # fmt: skip


def route(name: str, path: str, *plugins: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "paths": [path], "strip_path": False, "plugins": list(plugins), **more}


def ident(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@contextmanager
def standin(folder: Path, pki: Pki, kong: dict[str, Any], **conf: str) -> Iterator[Standin]:
    made = Standin(folder, pki)
    made.conf(**conf)
    try:
        made.start(kong)
        yield made
    finally:
        made.close()

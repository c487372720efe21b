"""The door for real: nginx with our file, client certificates, and a node that notes what arrives.

nginx is the machine's own, or unpacked from its package without installing (nothing starts, no
rights needed). Requests go out as raw bytes, because a client library would tidy the attacks.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploys import x509 as certificates
from deploys.door.rules import decide
from deploys.pki import Pki
from deploys.roles.door import door_config
from deploys.settings import DOOR_PORT, NODE_PORT, OpenSearchSettings
from tests.door_cases import ALLOWED, BARE, REFUSED

CLIENTS = {"story", "operator", "monitor", "backup"}


class Node:
    """Stands where the node would: answers everything with 200 and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {}
                while (header := stream.readline().strip()) != b"":
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                self.seen.append((line.decode().rsplit(" ", 1)[0], headers, body))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    def close(self) -> None:
        self._listener.close()


@dataclass
class Door:
    port: int
    node: Node
    pki: Pki
    nginx: str
    folder: Path
    contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        return _argv(self.nginx, self.folder)

    def context(self, cert: Path | None, key: Path | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.pki.ca_path)
        if cert:
            context.load_cert_chain(cert, key)
        return context

    def raw(self, context: ssl.SSLContext, data: bytes) -> tuple[int, bytes]:
        """Status (0 when the connection was cut) and everything that came back."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=8)
        with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            secure.sendall(data)
            reply = b""
            try:
                while piece := secure.recv(65536):
                    reply += piece
            except (ssl.SSLError, ConnectionResetError):
                pass
        return (int(reply.split()[1]) if reply.startswith(b"HTTP/") else 0), reply

    def ask(
        self, role: str, method: str, uri: str, headers: str = "", body: bytes = b""
    ) -> tuple[int, list[tuple[str, dict[str, str], bytes]]]:
        """The door's status, and what reached the node because of it."""
        if role not in self.contexts:
            paths = (self.pki.folder / f"{role}.pem", self.pki.folder / f"{role}.key")
            if role == "peer":
                paths = (self.pki.folder / "hosts/me.pem", self.pki.folder / "hosts/me.key")
            self.contexts[role] = self.context(*paths)
        before = len(self.node.seen)
        head = f"{method} {uri} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n{headers}"
        if body or method in ("POST", "PUT"):
            head += f"Content-Length: {len(body)}\r\n"
        status, _ = self.raw(self.contexts[role], head.encode() + b"\r\n" + body)
        return status, self.node.seen[before:]


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> str:
    if found := shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin"):
        return found
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
    subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=folder, check=True)
    package = next(folder.glob("nginx_*.deb"))
    subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)
    return str(folder / "root/usr/sbin/nginx")


@pytest.fixture(scope="module")
def door(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    pki = Pki(folder / "secrets", "lab")
    pki.ensure()
    own = pki.host("me", ["127.0.0.1"])
    for name, content in (
        ("door.pem", own.certificate),
        ("door.key", own.key.reveal()),
        ("ca.pem", own.ca),
        ("crl.pem", own.crl),
    ):
        (folder / name).write_bytes(content)
    node, port = Node(), _free_port()
    process = _start(nginx, folder, port, node.port)
    yield Door(port, node, pki, nginx, folder)
    process.terminate()
    process.wait(timeout=30)
    node.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _argv(nginx: str, folder: Path) -> list[str]:
    return [nginx, "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]


def _start(nginx: str, folder: Path, port: int, node_port: int) -> subprocess.Popen[bytes]:
    """Our file with this test's ports and folders; nothing else in it is changed."""
    text = door_config(OpenSearchSettings(max_body_mb=1), "127.0.0.1", "lab", tls=str(folder))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    config = (
        text.decode()
        .replace(f":{DOOR_PORT} ssl", f":{port} ssl")
        .replace(f":{NODE_PORT} ", f":{node_port} ")
        .replace("/run/nginx.pid", f"{folder}/nginx.pid")
        .replace("http {\n", f"http {{\n{temp}", 1)
        .replace("syslog:server=unix:/dev/log,nohostname,tag=nginx", f"{folder}/error.log")
        .replace("syslog:server=unix:/dev/log,nohostname,tag=door", f"{folder}/access.log")
    )
    path = folder / "nginx.conf"
    path.write_text(config)
    argv = _argv(nginx, folder)
    subprocess.run([*argv, "-t", "-q"], check=True)
    process = subprocess.Popen([*argv, "-g", "daemon off;"])
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            assert process.poll() is None, (folder / "error.log").read_text()
            time.sleep(0.05)
    raise AssertionError("nginx did not open its port")


@pytest.mark.parametrize(("role", "method", "uri"), ALLOWED)
def test_allowed_request_arrives_as_it_was_sent(
    door: Door, role: str, method: str, uri: str
) -> None:
    body = b'{"a":1}' if method in ("POST", "PUT") else b""
    status, arrived = door.ask(role, method, uri, "Content-Type: application/json\r\n", body)
    assert status == 200
    assert [(line, sent) for line, _, sent in arrived] == [(f"{method} {uri}", body)]


@pytest.mark.parametrize(("role", "method", "uri"), BARE)
def test_dropped_body_never_arrives(door: Door, role: str, method: str, uri: str) -> None:
    status, arrived = door.ask(role, method, uri, body=b'{"index":"vault"}')
    assert status == 200
    assert [(line, sent) for line, _, sent in arrived] == [(f"{method} {uri}", b"")]


@pytest.mark.parametrize(("role", "method", "uri"), REFUSED)
def test_attack_never_reaches_the_node(door: Door, role: str, method: str, uri: str) -> None:
    status, arrived = door.ask(role, method, uri)
    assert arrived == []
    assert status in (400, 403)


_PIECES = [
    *("story-a", "vault", "_search", "_doc", "1", "_bulk", "_alias", "story-*", "_all", "*"),
    *("%2c", "%76", "..", ".", ",", "/", "/", "/", "?", "&", "=", "size", "source", "refresh"),
    *("index", ";", "%2e", "_cat", "_snapshot", "local", "_cluster", "health", "<", ">", "#"),
]


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["story", "monitor", "backup", "peer", "operator"]),
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    st.lists(st.sampled_from(_PIECES), max_size=9).map(lambda parts: "/" + "".join(parts)),
)
def test_nginx_and_the_table_agree(door: Door, role: str, method: str, uri: str) -> None:
    """The same patterns in PCRE and in Python: else the pure tests would prove nothing."""
    status, arrived = door.ask(role, method, uri)
    if decide(role, method, uri) == "refuse" or status == 400:
        assert arrived == []
        assert status in (400, 403)
    else:
        assert [line for line, _, _ in arrived] == [f"{method} {uri}"]


def test_no_certificate_is_refused(door: Door) -> None:
    status, reply = door.raw(door.context(None, None), b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
    assert status == 400
    assert b"No required SSL certificate" in reply


def _client(door: Door, ca: certificates.Pair, name: str, org: str) -> ssl.SSLContext:
    pair = certificates.new_leaf(ca, certificates.subject(org, name), _now(), server=False)
    path = door.folder / f"made-{name}-{org}"
    path.with_suffix(".pem").write_bytes(pair.pem)
    path.with_suffix(".key").write_bytes(pair.key_pem)
    return door.context(path.with_suffix(".pem"), path.with_suffix(".key"))


def _now() -> datetime:
    return datetime.now(UTC)


def _own_ca(door: Door) -> certificates.Pair:
    folder = door.pki.folder
    return certificates.load_pair(
        (folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()
    )


REQUEST = b"GET / HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"


def test_foreign_authority_is_refused(door: Door) -> None:
    foreign = certificates.new_ca("fountainai-lab", _now())
    before = len(door.node.seen)
    status, _ = door.raw(_client(door, foreign, "operator", "fountainai-lab"), REQUEST)
    assert status in (0, 400)
    assert len(door.node.seen) == before


@pytest.mark.parametrize(
    ("name", "org"),
    [
        ("OPERATOR", "fountainai-lab"),
        ("Story", "fountainai-lab"),
        ("operator", "fountainai-production"),
        ("storyx", "fountainai-lab"),
        ("nobody", "fountainai-lab"),
    ],
)
def test_other_name_from_our_authority_has_no_role(door: Door, name: str, org: str) -> None:
    status, _ = door.raw(_client(door, _own_ca(door), name, org), REQUEST)
    assert status == 403


def test_older_tls_is_refused(door: Door) -> None:
    context = door.context(door.pki.folder / "story.pem", door.pki.folder / "story.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        door.raw(context, REQUEST)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "x"])
def test_encoded_body_is_refused(door: Door, encoding: str) -> None:
    """A body that the door cannot read is a body that it did not judge."""
    header = f"Content-Encoding: {encoding}\r\n"
    status, arrived = door.ask("story", "POST", "/story-a/_search", header, b"{}")
    assert (status, arrived) == (415, [])


def test_only_the_named_headers_arrive(door: Door) -> None:
    sent = (
        "Authorization: Basic x\r\nX-Forwarded-For: 1.2.3.4\r\nX-HTTP-Method-Override: DELETE\r\n"
        "X-Opaque-Id: operator\r\nAccept: application/json\r\n"
    )
    _, arrived = door.ask("story", "GET", "/story-a/_search", sent)
    headers = arrived[0][1]
    assert set(headers) == {"host", "accept", "x-opaque-id"}
    assert headers["x-opaque-id"] == "story"


def test_large_body_is_refused(door: Door) -> None:
    status, arrived = door.ask("story", "POST", "/story-a/_bulk", "", b"x" * (1024 * 1024 + 1))
    assert (status, arrived) == (413, [])


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_smuggled_request_never_reaches_the_node(door: Door, framing: str) -> None:
    context = door.context(door.pki.folder / "story.pem", door.pki.folder / "story.key")
    before = len(door.node.seen)
    head = b"POST /story-a/_search HTTP/1.1\r\nHost: door\r\n"
    hidden = b"GET /vault HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"
    door.raw(context, head + framing.encode() + hidden)
    assert not [line for line, _, _ in door.node.seen[before:] if "vault" in line]


def test_refusal_is_noted_with_its_role(door: Door) -> None:
    door.ask("monitor", "DELETE", "/story-noted")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if 'role="monitor" "DELETE /story-noted" 403' in (door.folder / "access.log").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("the refusal is not in the log")


def test_revoked_certificate_is_refused_after_a_reload(door: Door) -> None:
    """Last: it changes the door's list. The old certificate goes, its successor works."""
    old = door.context(door.pki.folder / "backup.pem", door.pki.folder / "backup.key")
    assert door.raw(old, REQUEST)[0] == 200
    door.pki.revoke("backup")
    (door.folder / "crl.pem").write_bytes(door.pki.host("me", ["127.0.0.1"]).crl)
    subprocess.run(
        [*door.argv, "-s", "reload"],
        check=True,
    )
    new = door.context(door.pki.folder / "backup.pem", door.pki.folder / "backup.key")
    until = time.monotonic() + 10
    while door.raw(old, REQUEST)[0] == 200:
        assert time.monotonic() < until, "the revoked certificate still passes"
        time.sleep(0.05)
    assert door.raw(new, REQUEST)[0] == 200

"""Requests at the door of a search host, byte for byte, through ssh as in production."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys.settings import DOOR_PORT
from inventories.loader import Host
from tests.hosts.support import Site, last_words, until


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """The door of one search host, at a local port that leads to it through ssh."""

    host: Host
    port: int
    ca: Path

    def context(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def connect(self, context: ssl.SSLContext, name: str = "") -> ssl.SSLSocket:
        """A TLS connection; the certificate must be that of the host, or of `name`."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        try:
            return context.wrap_socket(plain, server_hostname=name or self.host.name)
        except BaseException:
            plain.close()
            raise

    def ask(
        self, certificate: tuple[Path, Path] | None, method: str, uri: str, body: Any = None
    ) -> Reply:
        """One request with the URI exactly as given: no client tidies it up on the way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.sock = self.connect(self.context(certificate))
        with contextlib.closing(connection):
            content = b"" if body is None else body
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            connection.putrequest(method, uri)
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            reply = connection.getresponse()
            return Reply(reply.status, reply.read())


@contextlib.contextmanager
def door(site: Site, host: Host) -> Iterator[Door]:
    """The door of a host through a tunnel of its own, which is what its sshd permits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    forward = f"127.0.0.1:{port}:{host.private_address}:{DOOR_PORT}"
    tunnel = subprocess.Popen(
        site.ssh(host, "-S", "none", "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until(lambda: tunnel.poll() is not None or _open(port), limit_s=30)
        assert tunnel.poll() is None, f"no tunnel to {host.name}: {last_words(tunnel)}"
        yield Door(host, port, site.pki / "ca.pem")
    finally:
        tunnel.terminate()
        tunnel.wait()


def _open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False

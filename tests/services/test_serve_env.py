"""`story serve --env`: the search host of an environment, reached as the door wants it.

The environment is one of the test's own: hosts as provisioning writes them, certificates by the
project's own authority, and for the door TLS that asks for the story role's certificate, in front
of the real node.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploys.pki import Pki
from deploys.settings import DOOR_PORT
from story_services.local import ports
from tests.services.cli_support import Running, delete_indices, story

ENV = "production"  # the one that needs no lab's record; all of it is in a folder of the test's


@contextmanager
def door(pki: Pki, address: str, node_url: str, folder: Path) -> Iterator[list[str]]:
    """TLS at the address, with the node behind it; who came in is listed."""
    host = pki.host("opensearch-1", [address])
    certificate, key = folder / "host.pem", folder / "host.key"
    certificate.write_bytes(host.certificate)
    key.write_bytes(host.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(pki.ca_path)
    context.verify_mode = ssl.CERT_REQUIRED
    names: list[str] = []
    node = urlsplit(node_url)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                raw, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(raw,), daemon=True).start()

    def serve(raw: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(raw, server_side=True) as inside:
            subject = dict(pair for (pair,) in inside.getpeercert()["subject"])  # type: ignore
            names.append(subject["commonName"])
            with socket.create_connection((node.hostname or "", node.port or 0)) as behind:
                back = threading.Thread(target=copy, args=(behind, inside), daemon=True)
                back.start()
                copy(inside, behind)
                back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    with socket.create_server((address, DOOR_PORT)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield names
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder as provisioning leaves it."""
    generated = tmp_path / "inventories/generated" / ENV
    generated.mkdir(parents=True)
    host = {
        "role": "opensearch", "address": "192.0.2.1", "private_address": "127.0.83.7", "port": 22,
        "user": "admin", "size": "micro", "bundle_id": "micro_3_0", "memory_mb": 1024,
        "created_at": "2026-01-01T00:00:00Z", "arn": "arn:1", "state": "running",
    }  # fmt: skip
    hosts = {"env": ENV, "site": "story", "region": "eu", "hosts": {"opensearch-1": host}}
    (generated / "hosts.json").write_text(json.dumps(hosts))
    for name in ("known_hosts", "ssh_config"):
        (generated / name).touch()
    key = tmp_path / ".secrets" / ENV / "ssh/id_rsa"
    for folder in (key.parent, key.parent.parent, key.parent.parent.parent):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    key.touch(0o600)
    return tmp_path


def test_services_use_the_host_with_the_story_certificate(
    project: Path, node_url: str, index_prefix: str
) -> None:
    pki = Pki(project / ".secrets" / ENV, ENV)
    pki.ensure()
    env = {"FOUNTAINAI_PROJECT": str(project), "STORY_INDEX_PREFIX": index_prefix}
    with door(pki, "127.0.83.7", node_url, project) as came:
        port = ports.free()
        running = Running("serve", "--env", ENV, "--port", str(port), env=env)
        try:
            assert running.wait_for("Ready"), running.said
            assert f"Using the search host of {ENV}" in running.said
            url = f"http://127.0.0.1:{port}"
            done = story("import", "the-comedy-of-errors", "--json", url=url).json
            assert done["added"] is True
            running.process.terminate()
            assert running.end() == 0, running.said
        finally:
            if running.process.poll() is None:
                running.kill()
        assert set(came) == {"story"}
    delete_indices(node_url, index_prefix)


def test_an_environment_without_hosts_is_a_sentence(project: Path) -> None:
    (project / "inventories/generated" / ENV / "hosts.json").unlink()
    said = story(
        "serve", "--env", ENV, "--port", str(ports.free()), FOUNTAINAI_PROJECT=str(project)
    )
    assert said.code == 1
    assert "no hosts of 'production' are known" in said.err
    assert "Next: provision apply --env production" in said.err

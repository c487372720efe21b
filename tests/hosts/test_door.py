"""The door as its clients and its attackers meet it. Nothing here changes a document."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploys import x509 as certificates
from deploys.door.rules import organisation
from deploys.pki import Pki
from inventories.loader import Host
from tests.door_cases import REFUSED
from tests.hosts.doors import Door
from tests.hosts.support import Site

LEAST_DAYS = 30  # a converge renews below that


def test_door_turns_away_who_has_no_certificate(at_door: Door) -> None:
    reply = at_door.ask(None, "GET", "/")
    assert reply.status == 400
    assert b"SSL certificate was sent" in reply.body


@pytest.mark.parametrize("role", ["story", "operator"])
def test_door_turns_away_a_foreign_authority(
    site: Site, at_door: Door, tmp_path: Path, role: str
) -> None:
    """The names are right to the letter, only the signature is somebody else's."""
    now, org = datetime.now(UTC), organisation(site.where.env)
    foreign = certificates.new_ca(org, now)
    pair = certificates.new_leaf(foreign, certificates.subject(org, role), now, server=False)
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(pair.pem)
    files[1].write_bytes(pair.key_pem)
    reply = at_door.ask(files, "GET", "/")
    assert reply.status == 400
    assert b"SSL certificate error" in reply.body


def test_door_speaks_no_older_tls(site: Site, at_door: Door) -> None:
    context = at_door.context(site.credentials("story"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        at_door.connect(context)


def test_door_shows_the_certificate_of_its_host_alone(site: Site, at_door: Door) -> None:
    """A client that checks names must not take one host for another."""
    at_door.connect(at_door.context(site.credentials("story"))).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        at_door.connect(at_door.context(site.credentials("story")), name="elsewhere")


@pytest.mark.parametrize("role", ["story", "monitor", "backup", "peer"])
def test_door_refuses_a_role_what_is_not_its_own(
    site: Site, search: Host, at_door: Door, role: str
) -> None:
    """Other indices in every spelling, administration, bodies and arguments that say more than
    the URL: each as raw bytes, and each answered by the door, never by the node."""
    pair = site.credentials(f"hosts/{search.name}" if role == "peer" else role)
    cases = [(method, uri) for who, method, uri in REFUSED if who == role]
    assert cases
    passed = []
    for method, uri in cases:
        reply = at_door.ask(pair, method, uri)
        if reply.status != 403 or b"this role may not ask this" not in reply.body:
            passed.append((method, uri, reply.status, reply.body[:80]))
    assert passed == []


def test_door_refuses_compressed_bodies(site: Site, at_door: Door) -> None:
    """What the door cannot read it cannot judge."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", at_door.port, timeout=30)
    connection.sock = at_door.connect(at_door.context(site.credentials("story")))
    connection.request("POST", "/story-x/_search", b"{}", {"Content-Encoding": "gzip"})
    assert connection.getresponse().status == 415
    connection.close()


def test_door_lets_each_role_do_its_work(site: Site, at_door: Door) -> None:
    """A door that refuses everything would pass every other test here."""
    for role, uri in (
        ("story", "/_cluster/health"), ("monitor", "/_cat/indices"), ("backup", "/_snapshot"),
        ("operator", "/_cluster/settings"),
    ):  # fmt: skip
        assert at_door.ask(site.credentials(role), "GET", uri).status == 200, role


def test_certificates_last_long_enough(site: Site, search: Host, at_door: Door) -> None:
    """Of the operator's machine, and the one that the host really shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", at_door.port))
    end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    shown = (end - datetime.now(UTC)) // timedelta(days=1)
    days = Pki(site.where.secrets, site.where.env).days_left() | {f"door of {search.name}": shown}
    listed = ", ".join(f"{name} {left}" for name, left in sorted(days.items()))
    site.notes.append(f"Days until certificates end: {listed}")
    short = {name: left for name, left in days.items() if left < LEAST_DAYS}
    assert short == {}, "converge to renew them"

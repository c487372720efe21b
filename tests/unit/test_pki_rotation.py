"""Certificates and the authority change under way: old and new parties understand each other.

Handshakes are OpenSSL's own, with revocation lists checked for the whole chain, as nginx does.
"""

from __future__ import annotations

import itertools
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploys import x509 as certificates
from deploys.authority import own_authority
from deploys.door.rules import CLIENT_ROLES
from deploys.pki import Pki, PkiError
from deploys.secrets import Secret, SecretError
from tests.kill_support import every_death

NAMES = ["127.0.0.1", "door.internal"]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    made = Pki(tmp_path / "lab", "lab", now)
    made.ensure()
    made.host("search-1", NAMES)
    return made


@dataclass(frozen=True)
class Party:
    """What a server and a client were given at one moment, as files of their own."""

    folder: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "host.pem", self.folder / "host.key")
        context.load_verify_locations(self.folder / "ca.pem")
        context.load_verify_locations(self.folder / "crl.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        return context

    def client(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "story.pem", self.folder / "story.key")
        return context


def deployed(pki: Pki, folder: Path) -> Party:
    """What a converge would bring to the hosts now."""
    folder.mkdir()
    host = pki.host("search-1", NAMES)
    certificate, key = pki.client_paths("story")
    for name, content in (
        ("host.pem", host.certificate),
        ("host.key", host.key.reveal()),
        ("ca.pem", host.ca),
        ("crl.pem", host.crl),
        ("story.pem", certificate.read_bytes()),
        ("story.key", key.read_bytes()),
    ):
        (folder / name).write_bytes(content)
    return Party(folder)


def shake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory; ssl.SSLError when either side refuses the other."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="door.internal"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not sides:
            return
    raise AssertionError("the handshake does not end")


def passes(server: Party, client: Party) -> bool:
    try:
        shake(server.server(), client.client())
    except ssl.SSLError:
        return False
    return True


def test_change_of_the_authority_locks_nobody_out(pki: Pki, tmp_path: Path) -> None:
    """Between two converges every host has either the state before or the one after."""
    states = [deployed(pki, tmp_path / "0")]
    for number, phase in enumerate(("trust", "issue", "steady"), 1):
        assert pki.change_authority() == phase == pki.phase()
        states.append(deployed(pki, tmp_path / str(number)))
    for before, after in itertools.pairwise(states):
        for server, client in itertools.product((before, after), repeat=2):
            assert passes(server, client), (server, client)
    assert not passes(states[3], states[0])
    assert not passes(states[0], states[3])
    assert not passes(states[3], states[1])
    assert certificate(states[3].folder / "ca.pem") != certificate(states[0].folder / "ca.pem")
    assert (states[3].folder / "ca.pem").read_bytes().count(b"BEGIN CERT") == 1
    assert (states[3].folder / "crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 1


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_every_phase_passes_the_strict_command_line(pki: Pki, tmp_path: Path) -> None:
    """With both lists in one file, as nginx reads them."""
    for phase in range(4):
        state = deployed(pki, tmp_path / f"state-{phase}").folder
        for name, purpose in (("story", "sslclient"), ("host", "sslserver")):
            subprocess.run(
                [
                    *("openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", purpose),
                    *("-CAfile", "ca.pem", "-CRLfile", "crl.pem", f"{name}.pem"),
                ],
                cwd=state,
                check=True,
                capture_output=True,
            )
        pki.change_authority()


def test_second_change_has_another_name_again(pki: Pki) -> None:
    names = set()
    for _ in range(8):
        names.add(pki.certificate("ca").subject.rfc4514_string())
        pki.change_authority()
    assert names == {f"CN=fountainai-lab CA{n},O=fountainai-lab" for n in ("", " 2", " 3")}


def test_list_of_the_old_authority_holds_until_it_is_dropped(pki: Pki, tmp_path: Path) -> None:
    """A stolen certificate does not pass again because the authority is changed."""
    stolen = deployed(pki, tmp_path / "stolen")
    pki.revoke("story")
    for phase in range(4):
        state = deployed(pki, tmp_path / str(phase))
        assert passes(state, state)
        assert not passes(state, stolen), phase
        pki.change_authority()


def test_renewed_client_passes_beside_the_old_one_until_that_is_retired(
    pki: Pki, tmp_path: Path
) -> None:
    before = deployed(pki, tmp_path / "before")
    pki.renew("story")
    both = deployed(pki, tmp_path / "both")
    assert passes(before, both)
    assert passes(both, before)
    pki.retire("story")
    after = deployed(pki, tmp_path / "after")
    assert passes(after, both)
    assert not passes(after, before)
    assert pki.retiring("story") is None


def test_renewed_host_keeps_its_names(pki: Pki) -> None:
    before = pki.host("search-1", NAMES)
    pki.renew("hosts/search-1")
    after = pki.host("search-1", NAMES)
    assert after.certificate != before.certificate
    assert after.key != before.key
    old = x509.load_pem_x509_certificate(before.certificate)
    assert pki.retiring("hosts/search-1") == old
    pki.retire("hosts/search-1")
    crl = x509.load_pem_x509_crl(pki.host("search-1", NAMES).crl)
    assert crl.get_revoked_certificate_by_serial_number(old.serial_number) is not None


def test_half_states_are_refused(pki: Pki) -> None:
    with pytest.raises(PkiError, match="waits to be retired"):
        pki.retire("story")
    pki.renew("story")
    with pytest.raises(PkiError, match="renewed already"):
        pki.renew("story")
    with pytest.raises(PkiError, match="retire first what was renewed: story"):
        pki.change_authority()
    pki.retire("story")
    pki.change_authority()
    with pytest.raises(PkiError, match="being changed"):
        pki.renew("story")
    pki.change_authority()
    with pytest.raises(PkiError, match="being changed"):
        pki.revoke("story")


def test_authority_near_its_end_asks_for_the_change_and_allows_it(tmp_path: Path) -> None:
    Pki(tmp_path, "lab", now).ensure()
    late = Pki(tmp_path, "lab", lambda: now() + timedelta(days=3625))
    with pytest.raises(PkiError, match="secrets rotate ca"):
        late.ensure()
    for _ in range(3):
        late.change_authority()
    assert late.days_left()["ca"] >= 3649


def copied(pki: Pki, folder: Path) -> Pki:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pki.folder.parent, folder)
    return Pki(folder, "lab", now)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_killed_change_of_the_authority_is_before_or_after(
    pki: Pki, tmp_path: Path, steps: int
) -> None:
    """At every write of every step; the next ordinary run repairs what there is to repair."""
    phases = ["steady", "trust", "issue", "steady"]
    for _ in range(steps):
        pki.change_authority()
    before = deployed(pki, tmp_path / "before")
    folder, deaths = tmp_path / "copy", 0

    def prepare() -> Callable[[], object]:
        return copied(pki, folder).change_authority

    for number in every_death(prepare):
        deaths += 1
        left = Pki(folder, "lab", now)
        after = deployed(left, tmp_path / f"left-{number}")
        assert left.phase() in phases[steps : steps + 2]
        assert passes(before, after)
        assert passes(after, before)
        while left.phase() != phases[steps + 1]:
            left.change_authority()
        done = deployed(left, tmp_path / f"done-{number}")
        assert passes(before, done)
        assert passes(done, before)
    assert deaths > 3


@pytest.mark.parametrize("leaf", ["story", "hosts/search-1"])
def test_killed_renewal_can_be_repeated(pki: Pki, tmp_path: Path, leaf: str) -> None:
    old, folder = pki.certificate(leaf), tmp_path / "copy"

    def prepare() -> Callable[[], object]:
        copy = copied(pki, folder)
        return lambda: (copy.renew(leaf), copy.retire(leaf))

    for number in every_death(prepare):
        left = Pki(folder, "lab", now)
        deployed(left, tmp_path / str(number))  # an ordinary run comes between
        if left.retiring(leaf) is None and left.certificate(leaf) == old:
            left.renew(leaf)
        if left.retiring(leaf) is not None:
            left.retire(leaf)
        crl = x509.load_pem_x509_crl(left.host("search-1", NAMES).crl)
        assert crl.get_revoked_certificate_by_serial_number(old.serial_number) is not None
        assert left.certificate(leaf) != old
        assert passes(*[deployed(left, tmp_path / f"{number}-done")] * 2)


def own(*, key_first: bool = False) -> bytes:
    pair = certificates.new_ca("acme", now())
    return pair.key_pem + pair.pem if key_first else pair.pem + pair.key_pem


@pytest.mark.parametrize("key_first", [False, True])
def test_own_authority_signs_from_the_start(tmp_path: Path, key_first: bool) -> None:
    pair = own_authority(Secret(own(key_first=key_first)), now())
    pki = Pki(tmp_path / "lab", "lab", now)
    for _ in range(2):
        pki.adopt(pair)
        pki.ensure()
    assert pki.certificate("ca") == pair.certificate
    assert certificates.signed_by(pki.certificate("story"), pair.certificate)


def test_change_to_an_own_authority(pki: Pki, tmp_path: Path) -> None:
    pair = own_authority(Secret(own()), now())
    with pytest.raises(PkiError, match="secrets rotate ca"):
        pki.adopt(pair)
    states = [deployed(pki, tmp_path / "start")]
    for number in range(3):
        pki.change_authority(pair)
        pki.adopt(pair)  # what every converge does meanwhile
        states.append(deployed(pki, tmp_path / str(number)))
    assert all(passes(a, b) for a, b in itertools.pairwise(states))
    assert pki.certificate("ca") == pair.certificate
    with pytest.raises(PkiError, match="put the new one there first"):
        pki.change_authority(pair)
    assert set(pki.leafs()) == {*CLIENT_ROLES, "hosts/search-1"}


def _encrypted() -> bytes:
    pair = certificates.new_ca("acme", now())
    locked = pair.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )
    return pair.pem + locked


def _other_key() -> bytes:
    return certificates.new_ca("a", now()).pem + certificates.new_ca("b", now()).key_pem


def _leaf() -> bytes:
    ca = certificates.new_ca("a", now())
    name = certificates.subject("a", "leaf")
    leaf = certificates.new_leaf(ca, name, now(), server=False)
    return leaf.pem + leaf.key_pem


def _self_signed_leaf() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = certificates.subject("a", "leaf")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now())
        .not_valid_after(now() + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    pair = certificates.Pair(made, key)
    return pair.pem + pair.key_pem


def _old() -> bytes:
    ca = certificates.new_ca("a", now() - timedelta(days=3640))
    return ca.pem + ca.key_pem


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (lambda: b"planted-nonsense", "no certificate"),
        (_encrypted, "unencrypted"),
        (_other_key, "its key is not"),
        (_leaf, "not self-signed"),
        (_self_signed_leaf, "may not sign"),
        (_old, "ends in"),
    ],
)
def test_own_authority_that_cannot_sign_is_refused(pem: Callable[[], bytes], says: str) -> None:
    with pytest.raises(SecretError, match=says) as refused:
        own_authority(Secret(pem()), now())
    assert "planted" not in str(refused.value)

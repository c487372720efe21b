"""The certificates: what they may do, when they are renewed, and that they stay whole and ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from deploys.door.rules import CLIENT_ROLES
from deploys.pki import Pki, PkiError
from deploys.secrets import Secret, SecretError, record_key

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def later(days: int) -> Callable[[], datetime]:
    return lambda: NOW + timedelta(days=days)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "lab", "lab", later(0))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_clients_verify_as_clients_and_hosts_as_servers(pki: Pki) -> None:
    """By cryptography's own path validation, not by what we believe the extensions should be."""
    host = pki.host("search-1", ["10.83.9.4"])
    pki.ensure()
    policy = PolicyBuilder().store(Store([certificate(pki.ca_path)])).time(NOW)
    server = x509.load_pem_x509_certificate(host.certificate)
    for name in (x509.DNSName("search-1"), x509.IPAddress(_ip("10.83.9.4"))):
        policy.build_server_verifier(name).verify(server, [])
    for role in CLIENT_ROLES:
        path, _ = pki.client_paths(role)
        uses = certificate(path).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        assert certificate(path).subject.rfc4514_string() == f"CN={role},O=fountainai-lab"


def _ip(text: str) -> object:
    from ipaddress import ip_address

    return ip_address(text)


def test_openssl_accepts_them_with_the_list(pki: Pki) -> None:
    """A second opinion: nginx asks OpenSSL."""
    pki.host("search-1", ["10.83.9.4"])
    pki.ensure()
    for name, purpose in (("story", "sslclient"), ("hosts/search-1", "sslserver")):
        subprocess.run(
            [
                *("openssl", "verify", "-x509_strict", "-crl_check", "-purpose", purpose),
                *("-attime", str(int(NOW.timestamp()))),
                *("-CAfile", "ca.pem", "-CRLfile", "crl.pem", f"{name}.pem"),
            ],
            cwd=pki.folder,
            check=True,
            capture_output=True,
        )


def test_authority_signs_leaves_only(pki: Pki) -> None:
    pki.ensure()
    found = certificate(pki.ca_path).extensions
    assert found.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )
    usage = found.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature


def test_second_run_changes_no_byte(pki: Pki) -> None:
    def all_bytes() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in pki.folder.rglob("*") if p.is_file()}

    first = pki.host("search-1", ["10.83.9.4"])
    pki.ensure()
    before = all_bytes()
    pki.ensure()
    assert pki.host("search-1", ["10.83.9.4"]) == first
    assert all_bytes() == before


def test_only_the_owner_reads_them(pki: Pki) -> None:
    pki.host("search-1", ["10.83.9.4"])
    pki.ensure()
    for path in (pki.folder.parent, pki.folder, *pki.folder.rglob("*")):
        if path.name != ".lock":
            assert path.stat().st_mode & 0o077 == 0, path


def test_renewal_begins_at_thirty_days(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    serials = []
    for day in (0, 335, 336):  # a certificate lasts 365 days
        pki = Pki(folder, "lab", later(day))
        serials.append(certificate(pki.client_paths("story")[0]).serial_number)
    assert serials[0] == serials[1] != serials[2]
    assert Pki(folder, "lab", later(336)).days_left()["story"] == 365


def test_host_that_moved_gets_another_certificate(pki: Pki) -> None:
    first = pki.host("search-1", ["10.83.9.4"])
    second = pki.host("search-1", ["10.83.9.5"])
    assert first.certificate != second.certificate
    assert (first.ca, first.crl) == (second.ca, second.crl)


def test_revoked_certificate_is_on_the_list_and_replaced(pki: Pki) -> None:
    old = certificate(pki.client_paths("story")[0])
    first = pki.host("search-1", ["10.83.9.4"])
    pki.revoke("story")
    crl = x509.load_pem_x509_crl(pki.host("search-1", ["10.83.9.4"]).crl)
    assert crl.get_revoked_certificate_by_serial_number(old.serial_number) is not None
    assert certificate(pki.client_paths("story")[0]).serial_number != old.serial_number
    assert first.crl != (pki.folder / "crl.pem").read_bytes()


def test_killed_run_is_finished_by_the_next(pki: Pki) -> None:
    """The key is written before the certificate; what a kill leaves is a key alone."""
    pki.ensure()
    for name in ("story.pem", "crl.pem"):
        (pki.folder / name).unlink()
    pki.ensure()
    (pki.folder / "operator.pem").write_bytes(b"damaged")
    pki.ensure()
    assert certificate(pki.folder / "operator.pem").subject.rfc4514_string().startswith("CN=oper")


def test_lost_authority_key_is_said_not_replaced(pki: Pki) -> None:
    """Making another authority in silence would lock out every host and client."""
    pki.ensure()
    (pki.folder / "ca.key").unlink()
    with pytest.raises(PkiError, match="restore it from your backup"):
        pki.ensure()


def test_key_open_to_others_is_refused(pki: Pki) -> None:
    pki.ensure()
    (pki.folder / "story.key").chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        pki.ensure()


def test_unknown_role_names_the_valid_ones(pki: Pki) -> None:
    with pytest.raises(PkiError, match="story, operator, monitor, backup"):
        pki.client_paths("admin")


def test_two_runs_at_once_make_one_authority(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from deploys.pki import Pki\n"
        "p = Pki(Path(sys.argv[1]), 'lab'); p.ensure()\n"
        "sys.stdout.buffer.write(p.host('search-1', ['10.83.9.4']).ca)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in running}) == 1
    assert all(process.returncode == 0 for process in running)


def test_secret_never_shows_itself() -> None:
    secret = Secret(b"planted-secret")
    shown = f"{secret} {secret!r} {[secret]} {secret:>30}"
    assert "planted" not in shown
    assert secret.reveal() == b"planted-secret"


def test_record_key_is_made_once(tmp_path: Path) -> None:
    key = record_key(tmp_path / "lab")
    assert record_key(tmp_path / "lab") == key
    assert len(key.reveal()) == 32
    assert (tmp_path / "lab" / "record.key").stat().st_mode & 0o777 == 0o600

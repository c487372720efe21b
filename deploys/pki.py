"""The certificates of one environment, kept on the operator's machine under `.secrets/<env>/pki`.

Guarantees: made on demand, each file whole (temporary file, rename), one maker at a time, renewed
when less than 30 days are left, keys 0600. The authority's key never leaves this folder; a host
only ever gets its own key, the authority's certificate and the revocation list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from deploys import x509 as certificates
from deploys.door.rules import CLIENT_ROLES, organisation
from deploys.secrets import (
    Secret,
    SecretError,
    locked,
    private_directory,
    read_private,
    write_private,
)
from deploys.x509 import Pair

RENEW_DAYS = 30


class PkiError(SecretError):
    """An authority that cannot be used; the message says how to get a usable one."""


@dataclass(frozen=True)
class HostCredentials:
    """What a search host gets: its certificate and key, whom it trusts, who is revoked."""

    certificate: bytes
    key: Secret
    ca: bytes
    crl: bytes


class Pki:
    """The folder and what is made in it. `now` is for tests of renewal."""

    def __init__(
        self,
        secrets_dir: Path,
        env: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`secrets_dir` is `.secrets/<env>`; nothing is made or read yet."""
        self.folder = secrets_dir / "pki"
        self.env = env
        self._now = now

    @property
    def ca_path(self) -> Path:
        """The authority's certificate; clients verify the door with it."""
        return self.folder / "ca.pem"

    def client_paths(self, role: str) -> tuple[Path, Path]:
        """Certificate and key file of a client role; made when missing."""
        if role not in CLIENT_ROLES:
            raise PkiError(f"there is no client role {role!r}; valid: {', '.join(CLIENT_ROLES)}")
        self.ensure()
        return self.folder / f"{role}.pem", self.folder / f"{role}.key"

    def ensure(self) -> None:
        """Make or renew the authority's list and every client certificate that needs it."""
        with locked(self.folder):
            ca = self._authority()
            self._crl(ca)
            for role in CLIENT_ROLES:
                name = certificates.subject(organisation(self.env), role)
                self._leaf(ca, self.folder / role, name, ())

    def host(self, name: str, alternatives: Sequence[str]) -> HostCredentials:
        """Credentials of a host for its name and `alternatives` (private address, other names)."""
        with locked(self.folder):
            ca = self._authority()
            private_directory(self.folder / "hosts")
            subject = certificates.subject(organisation(self.env), name, unit="hosts")
            wanted = tuple(dict.fromkeys((name, *alternatives)))
            pair = self._leaf(ca, self.folder / "hosts" / name, subject, wanted)
            return HostCredentials(pair.pem, Secret(pair.key_pem), ca.pem, self._crl(ca))

    def revoke(self, role: str) -> None:
        """Put a client role's present certificate on the list and issue another one."""
        path, key = self.client_paths(role)
        with locked(self.folder):
            ca = self._authority()
            old = x509.load_pem_x509_crl(self._crl(ca))
            number = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            present = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            serials = [entry.serial_number for entry in old] + [present]
            content = certificates.new_crl(ca, self._now(), serials, number + 1)
            write_private(self.folder / "crl.pem", content)
            path.unlink()
            key.unlink()
        self.ensure()

    def days_left(self) -> dict[str, int]:
        """Whole days until each certificate and the list expire, by file name without suffix."""
        found = sorted(self.folder.glob("*.pem")) + sorted(self.folder.glob("hosts/*.pem"))
        return {
            str(path.relative_to(self.folder).with_suffix("")): (_end(path) - self._now()).days
            for path in found
        }

    def _authority(self) -> Pair:
        path = self.folder / "ca"
        if not path.with_suffix(".pem").exists():
            # A key without certificate is what a killed run left: nothing was signed with it yet.
            pair = certificates.new_ca(organisation(self.env), self._now())
            return self._store(path, pair)
        again = (
            f"restore it from your backup, or move {self.folder} away to start a new authority "
            "(every host and client then gets new certificates with the next converge)"
        )
        pair_or_none = self._read(path)
        if pair_or_none is None or not pair_or_none.matches:
            raise PkiError(f"{path}.key is missing, damaged or not the key of ca.pem; {again}")
        left = (pair_or_none.certificate.not_valid_after_utc - self._now()).days
        if left < RENEW_DAYS:
            raise PkiError(f"the authority {path}.pem ends in {left} days; {again}")
        return pair_or_none

    def _leaf(self, ca: Pair, path: Path, name: x509.Name, alternatives: tuple[str, ...]) -> Pair:
        pair = self._read(path)
        if pair is not None and self._usable(pair, ca, name, alternatives):
            return pair
        made = certificates.new_leaf(
            ca, name, self._now(), server=bool(alternatives), alternatives=alternatives
        )
        return self._store(path, made)

    def _usable(self, pair: Pair, ca: Pair, name: x509.Name, alternatives: tuple[str, ...]) -> bool:
        certificate = pair.certificate
        left = certificate.not_valid_after_utc - self._now()
        return (
            pair.matches
            and certificate.subject == name
            and left.days >= RENEW_DAYS
            and certificates.signed_by(certificate, ca.certificate)
            and certificates.alternatives_of(certificate) == set(alternatives)
        )

    def _crl(self, ca: Pair) -> bytes:
        path = self.folder / "crl.pem"
        if path.exists():
            content = path.read_bytes()
            try:
                crl = x509.load_pem_x509_crl(content)
                # A list of another authority would make nginx refuse everyone.
                if crl.is_signature_valid(ca.certificate.public_key()):  # type: ignore[arg-type]
                    return content
            except ValueError:
                pass
        content = certificates.new_crl(ca, self._now())
        write_private(path, content)
        return content

    def _read(self, path: Path) -> Pair | None:
        try:
            key = read_private(path.with_suffix(".key")).reveal()
            return certificates.load_pair(path.with_suffix(".pem").read_bytes(), key)
        except (FileNotFoundError, ValueError):
            return None
        except SecretError:
            if path.with_suffix(".key").exists():
                raise  # open to others: a person has to look at it
            return None

    def _store(self, path: Path, pair: Pair) -> Pair:
        """Key first: a certificate without its key would look finished."""
        write_private(path.with_suffix(".key"), pair.key_pem)
        write_private(path.with_suffix(".pem"), pair.pem)
        return pair


def _end(path: Path) -> datetime:
    content = path.read_bytes()
    if b"X509 CRL" in content:
        end = x509.load_pem_x509_crl(content).next_update_utc
        return end or datetime.max.replace(tzinfo=UTC)
    return x509.load_pem_x509_certificate(content).not_valid_after_utc

"""The certificates of one environment, kept on the operator's machine under `.secrets/<env>/pki`.

Guarantees: made on demand, each file whole (temporary file, rename), one maker at a time, renewed
when less than 30 days are left, keys 0600. The authority's key never leaves this folder; a host
only ever gets its own key, the certificates to trust and the revocation lists. A replaced
certificate waits in `retiring/` until it is put on the list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from deploys import x509 as certificates
from deploys.authority import RENEW_DAYS, Authority, Phase, PkiError, read_pair, store_pair
from deploys.door.rules import CLIENT_ROLES, organisation
from deploys.secrets import Secret, locked, private_directory, write_private
from deploys.x509 import Pair


@dataclass(frozen=True)
class HostCredentials:
    """What a host gets: its certificate and key, whom it trusts, who is revoked. `ca` and `crl`
    are of two authorities while one follows the other."""

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
        self._authority = Authority(self.folder, env, now)

    @property
    def ca_path(self) -> Path:
        """The certificates to trust; clients verify the door and the gateway with them."""
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
            ca = self._authority.signing()
            self._authority.crls()
            for role in CLIENT_ROLES:
                name = certificates.subject(organisation(self.env), role)
                self._leaf(ca, self.folder / role, name, ())

    def host(self, name: str, alternatives: Sequence[str]) -> HostCredentials:
        """Credentials of a host for its name and `alternatives` (private address, other names)."""
        with locked(self.folder):
            ca = self._authority.signing()
            private_directory(self.folder / "hosts")
            subject = certificates.subject(organisation(self.env), name, unit="hosts")
            wanted = tuple(dict.fromkeys((name, *alternatives)))
            pair = self._leaf(ca, self.folder / "hosts" / name, subject, wanted)
            trusted, lists = self._authority.bundle(), self._authority.crls()
            return HostCredentials(pair.pem, Secret(pair.key_pem), trusted, lists)

    def revoke(self, role: str) -> None:
        """Put a client role's present certificate on the list and issue another one, at once: for
        a key that was stolen. `renew` and `retire` do it without an interruption."""
        path, key = self.client_paths(role)
        with locked(self.folder):
            if self._authority.phase() == "issue":  # the old list could not be signed any more
                raise PkiError("the authority is being changed; finish it first: secrets list")
            self._authority.revoke([_load(path).serial_number])
            path.unlink()
            key.unlink()
        self.ensure()

    def renew(self, leaf: str) -> None:
        """Issue another certificate and key for `story` or `hosts/search-1`; the present one stays
        valid until `retire`. PkiError while one is still to be retired."""
        with locked(self.folder):
            self._quiet()
            ca, path = self._authority.signing(), self.folder / leaf
            pair = read_pair(path)
            if pair is None:
                raise PkiError(f"there is no certificate {leaf} yet; the next converge makes it")
            if self.retiring(leaf) is not None:
                raise PkiError(f"{leaf} was renewed already and its old certificate still passes")
            self._waits(leaf, pair)
            names = tuple(sorted(certificates.alternatives_of(pair.certificate)))
            made = certificates.new_leaf(
                ca, pair.certificate.subject, self._now(), server=bool(names), alternatives=names
            )
            store_pair(path, made)

    def retire(self, leaf: str, seen: x509.Certificate | None = None) -> None:
        """Put the certificate that `renew` replaced on the list. With `seen`, only as long as that
        is the present one."""
        with locked(self.folder):
            if seen is not None and self.certificate(leaf) != seen:
                raise PkiError(f"{leaf} was renewed by another run meanwhile; run: secrets list")
            before = self.retiring(leaf)
            if before is None:
                raise PkiError(f"no certificate {leaf} waits to be retired")
            self._authority.revoke([before.serial_number])
            (self.folder / "retiring" / leaf).with_suffix(".pem").unlink()

    def retiring(self, leaf: str) -> x509.Certificate | None:
        """The certificate that `renew` replaced and that is still valid."""
        path = (self.folder / "retiring" / leaf).with_suffix(".pem")
        before = _load(path) if path.exists() else None
        # The same one is there when a run died before it was replaced.
        return None if before is None or before == self.certificate(leaf) else before

    def adopt(self, own: Pair) -> None:
        """Use the operator's own authority; PkiError when another one is in use."""
        with locked(self.folder):
            self._authority.adopt(own)

    def phase(self) -> Phase:
        """Where a change to another authority stands."""
        return self._authority.phase() if self.ca_path.exists() else "steady"

    def change_authority(self, own: Pair | None = None, *, seen: Phase | None = None) -> Phase:
        """One step of a change: trust a next authority, let it sign, or drop the one before.
        Everyone has to have converged in between. With `seen`, only from that phase. Returns the
        phase that is reached."""
        with locked(self.folder):
            phase = self.phase()
            if seen is not None and phase != seen:
                raise PkiError("another run changed the authority meanwhile; run: secrets list")
            if phase == "steady":
                if not self.ca_path.exists():
                    raise PkiError("there is no authority yet; the first converge makes it")
                self._quiet(leafs_too=True)
                self._authority.begin(own)
            elif phase == "trust":
                self._authority.switch()
            else:
                self._authority.drop()
        self.ensure()
        return self._authority.phase()

    def leafs(self) -> list[str]:
        """Client roles and hosts that have a certificate."""
        hosts = sorted(p.stem for p in self.folder.glob("hosts/*.pem"))
        clients = [role for role in CLIENT_ROLES if (self.folder / f"{role}.pem").exists()]
        return [*clients, *(f"hosts/{name}" for name in hosts)]

    def certificate(self, leaf: str) -> x509.Certificate:
        """A certificate by its name without suffix: `ca`, `story`, `hosts/search-1`."""
        return _load(self.folder / f"{leaf}.pem")

    def days_left(self) -> dict[str, int]:
        """Whole days until each certificate and the list expire, by file name without suffix."""
        found = sorted(self.folder.glob("*.pem")) + sorted(self.folder.glob("hosts/*.pem"))
        return {
            str(path.relative_to(self.folder).with_suffix("")): (_end(path) - self._now()).days
            for path in found
        }

    def _quiet(self, *, leafs_too: bool = False) -> None:
        """One change at a time: a certificate of a dropped authority is on nobody's list."""
        if (phase := self._authority.phase()) != "steady":
            raise PkiError(f"the authority is being changed ({phase}); finish it: secrets list")
        if leafs_too and (waiting := [leaf for leaf in self.leafs() if self.retiring(leaf)]):
            raise PkiError(f"retire first what was renewed: {', '.join(waiting)}")

    def _waits(self, leaf: str, pair: Pair) -> None:
        """Remember a certificate that is about to be replaced, before it is."""
        path = (self.folder / "retiring" / leaf).with_suffix(".pem")
        private_directory(path.parent)
        write_private(path, pair.pem)

    def _leaf(self, ca: Pair, path: Path, name: x509.Name, alternatives: tuple[str, ...]) -> Pair:
        pair = read_pair(path)
        if pair is not None and self._usable(pair, ca, name, alternatives):
            return pair
        made = certificates.new_leaf(
            ca, name, self._now(), server=bool(alternatives), alternatives=alternatives
        )
        return store_pair(path, made)

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


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _end(path: Path) -> datetime:
    content = path.read_bytes()
    if b"X509 CRL" in content:
        end = x509.load_pem_x509_crl(content).next_update_utc
        return end or datetime.max.replace(tzinfo=UTC)
    return x509.load_pem_x509_certificate(content).not_valid_after_utc

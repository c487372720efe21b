"""The authority of one environment, and the change to another one in three steps.

At any time one authority signs and one, or during a change two, are trusted: `begin` makes the
next one trusted, `switch` lets it sign, `drop` ends the trust in the one before. A converge lies
between the steps, so that everyone trusts an authority before anyone shows its certificates. A
run that dies inside a step leaves the step before or the one after, never half of it. The caller
holds the folder's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography import x509

from deploys import x509 as certificates
from deploys.door.rules import organisation
from deploys.secrets import Secret, SecretError, private_directory, read_private, write_private
from deploys.x509 import Pair

RENEW_DAYS = 30
Phase = Literal["steady", "trust", "issue"]  # trust: a next one too; issue: one before too


class PkiError(SecretError):
    """An authority that cannot be used; the message says how to get a usable one."""


class Authority:
    """`ca.pem` (who signs, then who is trusted besides), `ca.key`, `crl.pem`; `next/` and
    `previous/` hold the same three of the other authority during a change."""

    def __init__(self, folder: Path, env: str, now: Callable[[], datetime]) -> None:
        """Nothing is made or read yet."""
        self._folder, self._env, self._now = folder, env, now

    def signing(self) -> Pair:
        """The authority that signs; the first one is made on first use."""
        path = self._folder / "ca"
        if not path.with_suffix(".pem").exists():
            # A key without certificate is what a killed run left: nothing was signed with it yet.
            return store_pair(path, certificates.new_ca(organisation(self._env), self._now()))
        self._finish_switch()
        pair = read_pair(path)
        if pair is None or not pair.matches:
            raise PkiError(
                f"{path}.key is missing, damaged or not the key of ca.pem; restore it from your "
                f"backup, or move {self._folder} away to start a new authority (every host and "
                "client then gets new certificates with the next converge)"
            )
        left = (pair.certificate.not_valid_after_utc - self._now()).days
        if left < RENEW_DAYS and self.phase() == "steady":
            raise PkiError(f"the authority {path}.pem ends in {left} days; run: secrets rotate ca")
        self._publish(pair)
        return pair

    def phase(self) -> Phase:
        """Where a change to another authority stands."""
        if self._other("next") is not None:
            return "trust"
        before, now = self._other("previous"), self._first()
        return "issue" if before is not None and before.certificate != now else "steady"

    def bundle(self) -> bytes:
        """The certificates to trust, the signing one first."""
        self.signing()
        return (self._folder / "ca.pem").read_bytes()

    def crls(self) -> bytes:
        """The revocation lists of all trusted authorities: nginx refuses clients without one."""
        lists = [self.crl(self.signing())]
        for name in ("next", "previous"):
            other = self._other(name)
            if other is not None and other.certificate != self._first():
                lists.append(self._list(self._folder / name / "crl.pem", other))
        return b"".join(lists)

    def crl(self, ca: Pair) -> bytes:
        """The signing authority's own list, made when missing, damaged or of another one."""
        return self._list(self._folder / "crl.pem", ca)

    def revoke(self, serials: Sequence[int]) -> None:
        """Add serial numbers to the signing authority's list."""
        ca = self.signing()
        old = x509.load_pem_x509_crl(self.crl(ca))
        number = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        known = [entry.serial_number for entry in old]
        if set(serials) <= set(known):
            return
        content = certificates.new_crl(ca, self._now(), [*known, *serials], number + 1)
        write_private(self._folder / "crl.pem", content)

    def adopt(self, own: Pair) -> None:
        """Use the operator's own authority from the start; another one than the present is
        refused, because every host would refuse every client at once."""
        if not (self._folder / "ca.pem").exists():
            store_pair(self._folder / "ca", own)
            return
        self.signing()
        following = self._other("next")
        known = [self._first(), following.certificate if following else None]
        if own.certificate not in known:
            raise PkiError(
                "secrets.ca is another authority than the one in use; run: secrets rotate ca"
            )

    def begin(self, own: Pair | None = None) -> None:
        """Trust a next authority: `own`, or a new one."""
        if (phase := self.phase()) != "steady":
            raise PkiError(f"a change of the authority is under way already ({phase})")
        present = self._first()
        if own is not None and own.certificate == present:
            raise PkiError("secrets.ca is the authority in use; put the new one there first")
        pair = own or certificates.new_ca(
            organisation(self._env), self._now(), number=_number(present) + 1
        )
        store_pair(private_directory(self._folder / "next") / "ca", pair)
        self.signing()

    def switch(self) -> None:
        """Let the next authority sign. Everyone has to trust it by now."""
        ca, following = self.signing(), self._other("next")
        if following is None:
            raise PkiError("there is no next authority; run: secrets rotate ca")
        before = private_directory(self._folder / "previous")
        store_pair(before / "ca", ca)
        write_private(before / "crl.pem", self.crl(ca))
        write_private(self._folder / "ca.key", following.key_pem)  # from here on it is the next one
        self._finish_switch()
        self.signing()

    def drop(self) -> None:
        """End the trust in the authority before. Nobody may show its certificates any more."""
        if self.phase() != "issue":
            raise PkiError("there is no authority to drop; run: secrets list")
        _clear(self._folder / "previous")
        self.signing()

    def _finish_switch(self) -> None:
        """What follows once `ca.key` is the next authority's, also after a run that died."""
        following = self._other("next")
        key = self._folder / "ca.key"
        if following is None or not key.exists():
            return
        if read_private(key).reveal() != following.key_pem:
            return
        self._publish(following)
        write_private(
            self._folder / "crl.pem", self._list(self._folder / "next" / "crl.pem", following)
        )
        _clear(self._folder / "next")
        self._publish(following)

    def _publish(self, ca: Pair) -> None:
        """Bring `ca.pem` up to date: `ca` first, then the others that are trusted."""
        others = [o for n in ("next", "previous") if (o := self._other(n)) is not None]
        pems = list(dict.fromkeys([ca.pem, *(other.pem for other in others)]))
        path, content = self._folder / "ca.pem", b"".join(pems)
        if path.read_bytes() != content:
            write_private(path, content)

    def _first(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self._folder / "ca.pem").read_bytes())

    def _other(self, name: str) -> Pair | None:
        """The pair in `next` or `previous` once it is whole."""
        pair = read_pair(self._folder / name / "ca")
        return pair if pair is not None and pair.matches else None

    def _list(self, path: Path, ca: Pair) -> bytes:
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


def _number(certificate: x509.Certificate) -> int:
    """The generation in the name of an authority of ours; 1 for the first and for any other."""
    last = certificate.subject.rdns[-1].rfc4514_string().rpartition(" CA ")[2]
    return int(last) if last.isdecimal() else 1


def _clear(folder: Path) -> None:
    """Certificate first: without it the folder's authority is not trusted any more."""
    for name in ("ca.pem", "ca.key", "crl.pem"):
        (folder / name).unlink(missing_ok=True)


def own_authority(secret: Secret, now: datetime) -> Pair:
    """The operator's authority out of one PEM with certificate and key; PkiError when it cannot
    sign for us, with the reason."""
    pem = secret.reveal()
    try:
        pair = certificates.load_pair(pem, pem)
    except (ValueError, TypeError):  # a key with a password is a TypeError
        raise PkiError(
            "secrets.ca holds no certificate with an unencrypted elliptic-curve key, both PEM"
        ) from None
    certificate = pair.certificate
    left = (certificate.not_valid_after_utc - now).days
    reason = ""
    if not pair.matches:
        reason = "its key is not the certificate's"
    elif not certificates.signed_by(certificate, certificate):
        reason = "its certificate is not self-signed"
    elif not certificates.may_sign(certificate):
        reason = "its certificate may not sign certificates and revocation lists"
    elif left < RENEW_DAYS:
        reason = f"it ends in {left} days"
    if reason:
        raise PkiError(f"secrets.ca cannot be used: {reason}")
    return pair


def read_pair(path: Path) -> Pair | None:
    """Certificate and key at `path`; None when one is missing or damaged. Refuses an open key."""
    try:
        key = read_private(path.with_suffix(".key")).reveal()
        return certificates.load_pair(path.with_suffix(".pem").read_bytes(), key)
    except (FileNotFoundError, ValueError):
        return None
    except SecretError:
        if path.with_suffix(".key").exists():
            raise  # open to others: a person has to look at it
        return None


def store_pair(path: Path, pair: Pair) -> Pair:
    """Key first: a certificate without its key would look finished."""
    write_private(path.with_suffix(".key"), pair.key_pem)
    write_private(path.with_suffix(".pem"), pair.pem)
    return pair

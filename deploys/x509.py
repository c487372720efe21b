"""Certificates as values: build and read them. Pure apart from randomness; touches no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

CA_DAYS = 3650
LEAF_DAYS = 365
SKEW = timedelta(hours=1)  # a host whose clock is behind must not refuse a new certificate


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def matches(self) -> bool:
        """Whether key and certificate belong together."""
        return self.certificate.public_key() == self.key.public_key()


def load_pair(pem: bytes, key_pem: bytes) -> Pair:
    """Read both; ValueError when either is damaged or not an elliptic-curve key."""
    key = serialization.load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic-curve key")
    return Pair(x509.load_pem_x509_certificate(pem), key)


def subject(organisation: str, common_name: str, unit: str = "") -> x509.Name:
    """A name that RFC 2253 prints as `CN=…,[OU=…,]O=…`: the order of the parts is reversed."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def new_ca(organisation: str, now: datetime, *, number: int = 1) -> Pair:
    """A self-signed authority that may sign leaves only (path length 0), P-256.

    Later ones carry their number: two of one name would be told apart by their keys alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = subject(organisation, f"{organisation} CA{f' {number}' if number > 1 else ''}")
    certificate = (
        _builder(name, name, key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate, key)


def new_leaf(
    ca: Pair, name: x509.Name, now: datetime, *, server: bool, alternatives: Sequence[str] = ()
) -> Pair:
    """A certificate for a client, or with `server` for a host under its `alternatives`.

    A host may also be a client: a search host asks its peers. It never outlives the authority.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    left = ca.certificate.not_valid_after_utc - now
    uses = [Eku.SERVER_AUTH, Eku.CLIENT_AUTH] if server else [Eku.CLIENT_AUTH]
    builder = (
        _builder(name, ca.certificate.subject, key, now, min(LEAF_DAYS, left.days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    )
    if alternatives:
        names = x509.SubjectAlternativeName([_general(item) for item in alternatives])
        builder = builder.add_extension(names, critical=False)
    return Pair(builder.sign(ca.key, hashes.SHA256()), key)


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def alternatives_of(certificate: x509.Certificate) -> set[str]:
    """The DNS names and addresses a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(item) for item in found.get_values_for_type(x509.IPAddress)}
    return addresses | set(found.get_values_for_type(x509.DNSName))


def signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Whether `ca` signed it: issuer name and signature."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether it is an authority for certificates and revocation lists."""
    find = certificate.extensions.get_extension_for_class
    try:
        if not find(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        return False
    try:
        usage = find(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign and usage.crl_sign


def new_crl(ca: Pair, now: datetime, revoked: Sequence[int] = (), number: int = 1) -> bytes:
    """A signed revocation list of serial numbers, in PEM.

    It lasts as long as the authority: nginx refuses everyone once its list has expired, and only
    a converge renews it.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.certificate.subject)
        .last_update(now - SKEW)
        .next_update(ca.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    )
    for serial in sorted(set(revoked)):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

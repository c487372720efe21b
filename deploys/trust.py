"""What the environment's certificates and logins are made from, as `site.toml` has it.

The one place where an authority, a gateway certificate or a registry token of the operator's own
meets what would be generated otherwise. Reads sources; writes only an authority's first files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from deploys.authority import own_authority
from deploys.pki import Pki
from deploys.secrets import Secret, SecretError
from deploys.sources import read, read_token
from deploys.x509 import Pair
from inventories.spec import SiteSpec
from inventories.worlds import World, project_root


@dataclass(frozen=True)
class GatewayPair:
    """The operator's own certificate chain and key for the gateway."""

    chain: bytes
    key: Secret
    days_left: int


def own_ca(site: SiteSpec) -> Pair | None:
    """The authority that `secrets.ca` names; PkiError when it cannot sign for us."""
    source = site.secrets.ca
    if source is None:
        return None
    return own_authority(read(source, what="ca", base=project_root()), datetime.now(UTC))


def pki_for(where: World, site: SiteSpec) -> Pki:
    """The environment's certificates, under the operator's own authority if one is named."""
    own, pki = own_ca(site), Pki(where.secrets, where.env)
    if own is not None:
        pki.adopt(own)
    return pki


def registry_token(site: SiteSpec) -> Secret | None:
    """What logs in to the image's registry; None when `site.toml` names no place for it."""
    source = site.secrets.registry_token
    if source is None:
        return None
    return read_token(source, what="registry_token", base=project_root())


def gateway_pair(site: SiteSpec) -> GatewayPair | None:
    """The operator's own pair for the gateway; None: the environment's authority issues one.

    SecretError when the two do not fit, the chain is out of order, or it has ended.
    """
    certificate, key = site.secrets.gateway_certificate, site.secrets.gateway_key
    if certificate is None or key is None:
        return None
    base = project_root()
    pem = read(certificate, what="gateway_certificate", base=base).reveal()
    secret = read(key, what="gateway_key", base=base)
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise SecretError("secrets.gateway_certificate holds no certificate in PEM") from None
    try:
        private = serialization.load_pem_private_key(secret.reveal(), None)
    except (ValueError, TypeError):
        raise SecretError("secrets.gateway_key holds no unencrypted key in PEM") from None
    if private.public_key() != chain[0].public_key():
        raise SecretError(
            "secrets.gateway_key is not the key of the first certificate in "
            "secrets.gateway_certificate; the gateway's own certificate comes first"
        )
    for below, above in pairwise(chain):
        if below.issuer != above.subject:
            raise SecretError(
                "secrets.gateway_certificate: each certificate has to be followed by its issuer's"
            )
    left = chain[0].not_valid_after_utc - datetime.now(UTC)
    if left.total_seconds() <= 0:
        raise SecretError(f"secrets.gateway_certificate ended {(-left).days} days ago")
    return GatewayPair(pem, secret, left.days)

"""The files and the unit of the door on a search host. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploys.door.rules import RULES, peer_pattern, subject_patterns
from deploys.model import File, Unit
from deploys.pki import HostCredentials
from deploys.render import template
from deploys.roles.hosts import HostLike, loopback_of
from deploys.settings import (
    DOOR_PORT,
    NODE_PORT,
    NODE_TRANSPORT_PORT,
    TRANSPORT_PORT,
    OpenSearchSettings,
)

TLS = "/etc/nginx/tls"
CONFIG = "/etc/nginx/nginx.conf"


def door_config(
    settings: OpenSearchSettings,
    address: str,
    env: str,
    *,
    peers: Sequence[HostLike] = (),
    tls: str = TLS,
) -> bytes:
    """nginx.conf as a whole, listening on `address` alone. With `peers`, the other search hosts,
    it also carries what the nodes say to each other, over TLS with the hosts' certificates."""
    return template(
        "opensearch/nginx.conf.j2",
        subjects=subject_patterns(env),
        rules=[(rule.pattern, "bare" if rule.bare else "pass") for rule in RULES],
        address=address,
        door_port=DOOR_PORT,
        node_port=NODE_PORT,
        max_body_mb=settings.max_body_mb,
        tls=tls,
        transport_port=TRANSPORT_PORT,
        node_transport_port=NODE_TRANSPORT_PORT,
        own_loopback=loopback_of(address),
        peer_subject=peer_pattern(env),
        peers=[(h.name, h.private_address, loopback_of(h.private_address)) for h in peers],
    )


def door_files(
    settings: OpenSearchSettings,
    host: HostLike,
    credentials: HostCredentials,
    env: str,
    peers: Sequence[HostLike] = (),
) -> tuple[File, ...]:
    """nginx.conf and what it reads. Only the key is a secret: root reads it before nginx drops
    its rights, so nobody else needs to."""
    return (
        File(f"{TLS}/door.pem", credentials.certificate),
        File(f"{TLS}/door.key", credentials.key.reveal(), mode=0o600, secret=True),
        File(f"{TLS}/ca.pem", credentials.ca),
        File(f"{TLS}/crl.pem", credentials.crl),
        # Last: it is checked against the files above.
        File(
            CONFIG,
            door_config(settings, host.private_address, env, peers=peers),
            validate=("/usr/sbin/nginx", "-t", "-q", "-c", "{}"),
        ),
    )


def door_unit() -> Unit:
    """nginx: reloads for its own files, restarts for a newer program."""
    return Unit(
        "nginx.service",
        restart_on=("/usr/sbin/nginx",),
        reload_on=(
            CONFIG,
            *(f"{TLS}/{name}" for name in ("door.pem", "door.key", "ca.pem", "crl.pem")),
        ),
    )

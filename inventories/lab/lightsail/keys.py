"""Calls about key pairs. Only ssh-rsa can be imported, as the service documents."""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_public_key,
)

from inventories.lab.lightsail import views
from inventories.lab.lightsail.account import KeyPair
from inventories.lab.lightsail.errors import invalid
from inventories.lab.lightsail.service import Call, Reply, Service, page

MIN_BITS = 2048
# What an instance gets that names no key pair. Here nobody has its private half.
DEFAULT = KeyPair("LightsailDefaultKeyPair", "", ":".join(["00"] * 16))


def read_public_key(text: str) -> tuple[str, str]:
    """An authorized_keys line and its fingerprint (MD5 of the DER form, as EC2 shows it).

    Takes the line itself, as `--public-key-base64 file://id_rsa.pub` sends it, or base64 of it.
    Raises InvalidInputException for anything but an RSA key of 2048 bits or more.
    """
    line = text.strip()
    if not line.startswith(("ssh-", "ecdsa-")):
        try:
            line = base64.b64decode(line, validate=True).decode("ascii").strip()
        except ValueError as e:  # no base64, or no ASCII before or after
            raise invalid("The public key is not valid", "InvalidKeyPair") from e
    if len(line.splitlines()) != 1 or not line.startswith("ssh-rsa "):
        raise invalid("The public key has to be one of type ssh-rsa", "InvalidKeyPair")
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as e:
        raise invalid("The public key is not valid", "InvalidKeyPair") from e
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_BITS:
        raise invalid(f"The public key needs {MIN_BITS} bits or more", "InvalidKeyPair")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return line, ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def import_key_pair(service: Service, call: Call) -> Reply:
    name = call["keyPairName"]
    line, fingerprint = read_public_key(call["publicKeyBase64"])
    service.refuse_taken([name])
    item = KeyPair(name, line, fingerprint)

    def effect() -> None:
        service.account.key_pairs[name] = item

    operation = service.done(call, item, effect)
    return {"operation": views.operation(service.account, operation)}


def delete_key_pair(service: Service, call: Call) -> Reply:
    item = service.key_pair(call["keyPairName"])
    expected = call.params.get("expectedFingerprint")
    if expected is not None and expected != item.fingerprint:
        raise invalid(f"{item.name} has another fingerprint: {item.fingerprint}")

    def effect() -> None:
        del service.account.key_pairs[item.name]

    operation = service.done(call, item, effect)
    return {"operation": views.operation(service.account, operation)}


def get_key_pair(service: Service, call: Call) -> Reply:
    return {"keyPair": views.key_pair(service.account, service.key_pair(call["keyPairName"]))}


def get_key_pairs(service: Service, call: Call) -> Reply:
    found = sorted(service.account.key_pairs.values(), key=lambda k: k.name)
    if call.params.get("includeDefaultKeyPair"):
        found.append(DEFAULT)
    rows = [views.key_pair(service.account, k) for k in found]
    return page(rows, "keyPairs", call.params, size=2)


HANDLERS = {
    "ImportKeyPair": import_key_pair,
    "DeleteKeyPair": delete_key_pair,
    "GetKeyPair": get_key_pair,
    "GetKeyPairs": get_key_pairs,
}

"""The operator's SSH key of an environment: made once, kept at .secrets/<env>/ssh/id_rsa.

RSA because that is the one kind Lightsail imports; 3072 bits because every pyinfra run proves the
key anew when it loads it, which takes 0.3 s of processor time at 4096. The private half is
created 0600 inside 0700 folders, never overwritten, and never leaves the file; only the public
line is handed out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from inventories.errors import ProvisionError
from inventories.lock import make_private
from inventories.plan import LocalKey

BITS = 3072


def read_key(path: Path) -> LocalKey | None:
    """The fingerprints of the key at `path`; None when there is none."""
    key = _load(path)
    return None if key is None else LocalKey(_fingerprints(key))


def ensure_key(path: Path) -> str:
    """The public key line of `path`, which is made first if it does not exist."""
    key = _load(path)
    if key is None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{public} {path.parent.parent.name}"


def _load(path: Path) -> rsa.RSAPrivateKey | None:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProvisionError(f"{path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise ProvisionError(f"{path} can be read by others", f"chmod 600 {path}")
    try:
        # Only the public half is used here; proving its primes would take 0.3 s each time.
        key = load_ssh_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise ProvisionError(
            f"{path} is no usable OpenSSH private key without a passphrase",
            "restore it from a copy; without it the hosts cannot be reached",
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ProvisionError(f"{path} is not an RSA key, and Lightsail imports no other kind")
    return key


def _write_new(path: Path, data: bytes) -> None:
    """Whole and private from its first byte; a rival's file is kept, not replaced."""
    make_private(path.parent)
    temp = path.with_name(f".{path.name}.new")
    temp.unlink(missing_ok=True)  # a killed run's, never imported anywhere
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def _fingerprints(key: rsa.RSAPrivateKey) -> frozenset[str]:
    """In each form an API is known to show: MD5 of DER (EC2) and of the SSH blob, SHA-256."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    blob = base64.b64decode(line.split()[1])
    md5 = [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in (der, blob)]
    colons = {":".join(d[i : i + 2] for i in range(0, 32, 2)) for d in md5}
    sha = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return frozenset(colons | {f"SHA256:{sha}", sha})

"""Rules for what an image must not hold, whoever built it. Pure: bytes in, findings out.

A finding is one line that names place and kind, never the secret itself: the log of a build is
read by many. A private key counts when it has a body; the marker alone is in any TLS library.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.image.layers import Entry

KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+(?:[A-Za-z-]+: [^\n]*\n\s*)*"
    rb"[A-Za-z0-9+/=]{16,}"
)
CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\s+([A-Za-z0-9+/=\s]{64,}?)-----END"
)
#: Where Debian's own package keeps the public authorities; its bundle is made of them.
PUBLIC = "usr/share/ca-certificates/"
ADDED = "usr/local/share/ca-certificates/"
#: The same set as a Python package brings it.
CERTIFI = re.compile(r"site-packages/(?:certifi|pip/_vendor/certifi)/cacert\.pem$")
#: Files that hold credentials or tell where a builder takes its packages from.
TELLING = re.compile(
    r"(?:^|/)(?:\.netrc|\.pypirc|\.git-credentials|pip\.conf|\.npmrc|\.dockercfg"
    r"|\.docker/config\.json|\.aws/credentials|\.ssh/[^/]+|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|[^/]+\.(?:p12|pfx|jks|keystore)|\.env)$"
)
#: Names of variables that hold secrets, or that are a builder's own business.
SECRET = re.compile(
    r"TOKEN|PASSW|SECRET|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_KEY|AUTH", re.IGNORECASE
)
BUILDER = re.compile(
    r"^(?:PIP_|UV_|NPM_)|_proxy$|CA_BUNDLE$|SSL_CERT|^GITHUB_|^AWS_", re.IGNORECASE
)
LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@", re.IGNORECASE)
ARGUMENT = re.compile(r"\|\d+ ((?:[A-Za-z_][A-Za-z0-9_]*=\S* ?)+)")  # of a build, in the history
SHORTEST = 12  # characters of a value that is worth looking for


@dataclass(frozen=True)
class Builder:
    """What is known of the machine: its own authorities' certificates (bodies without white
    space), names of its package sources and of itself, and values of its secret variables."""

    authorities: frozenset[bytes] = frozenset()
    hosts: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)


def certificates(content: bytes) -> set[bytes]:
    """The certificates in a file, as their base64 without white space."""
    return {b"".join(body.split()) for body in CERTIFICATE.findall(content)}


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose values must be nowhere."""
    return {
        name: value
        for name, value in environment.items()
        if SECRET.search(name) and len(value) >= SHORTEST and not value.startswith("/")
    }


def in_files(found: Sequence[Entry], builder: Builder) -> list[str]:
    """Findings in all files of all layers."""
    public = {
        one for entry in found
        if entry.path.startswith(PUBLIC) or _whole_certifi(entry, found)
        for one in certificates(entry.content)
    } - builder.authorities  # fmt: skip
    out = []
    for entry in found:
        out += [f"{what} in {entry.where}" for what in _in_file(entry, public, builder)]
    return out


def _in_file(entry: Entry, public: set[bytes], builder: Builder) -> list[str]:
    out = []
    if KEY.search(entry.content):
        out.append("a private key")
    if TELLING.search(entry.path) and entry.content:
        out.append("a file of credentials or package sources")
    if entry.path.startswith(ADDED):
        out.append("an added authority")
    own = certificates(entry.content)
    if own & builder.authorities:
        out.append("an authority of the build machine")
    elif own - public:
        out.append("a certificate that is not of a public authority")
    out += [
        "the name of a package source or of the build machine"
        for host in sorted(builder.hosts)
        if host.encode() in entry.content
    ]
    out += [
        f"the value of {name}"
        for name, value in sorted(builder.values.items())
        if value.encode() in entry.content
    ]
    return out


def _whole_certifi(entry: Entry, found: Sequence[Entry]) -> bool:
    """Whether that is the bundle of a package as it was published: its RECORD says so."""
    if not CERTIFI.search(entry.path):
        return False
    name = entry.path.partition("site-packages/")[2]
    digest = base64.urlsafe_b64encode(hashlib.sha256(entry.content).digest()).rstrip(b"=").decode()
    line = f"{name},sha256={digest},".encode()
    return any(line in other.content for other in found if other.path.endswith("/RECORD"))


def in_settings(env: Iterable[str], history: str, builder: Builder) -> list[str]:
    """Findings in the image's variables and in the commands that made it."""
    out = []
    for pair in env:
        name, _, value = pair.partition("=")
        if SECRET.search(name) or BUILDER.search(name) or LOGIN.search(value):
            out.append(f"the variable {name}")
    for arguments in ARGUMENT.findall(history):
        for pair in arguments.split():
            name = pair.partition("=")[0]
            if SECRET.search(name) or BUILDER.search(name):
                out.append(f"the build argument {name} in the history")
    if LOGIN.search(history):
        out.append("an address with a password in the history")
    text = "\n".join([*env, history])
    out += [
        f"the value of {name}" for name, value in sorted(builder.values.items()) if value in text
    ]
    out += ["the name of a package source" for host in sorted(builder.hosts) if host in text]
    return out

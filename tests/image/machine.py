"""What this machine has that must not be in an image: taken from its own configuration.

Public names and authorities are left out: everybody's images have them.
"""

from __future__ import annotations

import os
from pathlib import Path

import certifi

from tests.image.leaks import Builder, certificates, secrets_of
from tests.lints.test_project import configured_hosts

BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
SYSTEM = (
    Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"),
)  # fmt: skip
PACKAGED = Path("/usr/share/ca-certificates")
PUBLIC_HOSTS = ("localhost", "pypi.org", ".pythonhosted.org", ".debian.org", ".ubuntu.com")
SHORTEST_NAME = 7  # characters of a machine's name that cannot be a word by chance


def builder() -> Builder:
    """Authorities that only this machine trusts, its package sources, its name, its secrets."""
    public = certificates(Path(certifi.where()).read_bytes())
    for path in PACKAGED.rglob("*.crt"):
        public |= certificates(path.read_bytes())
    trusted: set[bytes] = set()
    named = [Path(value) for name in BUNDLES if (value := os.environ.get(name))]
    for path in [*SYSTEM, *named, *Path("/usr/local/share/ca-certificates").rglob("*.crt")]:
        if path.is_file():
            trusted |= certificates(path.read_bytes())
    name = os.uname().nodename
    names = {name} if len(name) >= SHORTEST_NAME else set()
    hosts = {host for host in configured_hosts() if not host.endswith(PUBLIC_HOSTS)}
    return Builder(
        authorities=frozenset(trusted - public),
        hosts=frozenset(hosts | names),
        values=secrets_of(os.environ),
    )

"""Small inputs for tests of the roles: hosts, machines, credentials."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.model import Machine, Role
from deploys.pki import HostCredentials
from deploys.roles.opensearch import opensearch_role
from deploys.secrets import Secret
from deploys.settings import OpenSearchSettings


@dataclass(frozen=True)
class Host:
    name: str
    role: str
    private_address: str


SEARCH = Host("search-1", "opensearch", "172.26.3.11")
SEARCH_2 = Host("search-2", "opensearch", "172.26.3.12")
SEARCH_3 = Host("search-3", "opensearch", "172.26.3.13")
APP = Host("app-1", "app", "172.26.3.20")
PLANTED = b"-----BEGIN PRIVATE KEY----- planted"
CREDENTIALS = HostCredentials(b"certificate", Secret(PLANTED), b"ca", b"crl")


def machine(memory_mb: int = 914, *, os_id: str = "debian", container: bool = True) -> Machine:
    """A machine as small as a micro."""
    debian = os_id == "debian"
    return Machine(
        memory_mb=memory_mb,
        cpus=2,
        arch="amd64",
        os_id=os_id,
        os_version="13" if debian else "24.04",
        os_codename="trixie" if debian else "noble",
        container=container,
    )


def search_role(
    hosts: list[Host],
    me: Host = SEARCH,
    settings: OpenSearchSettings | None = None,
    on: Machine | None = None,
) -> Role:
    """The search role of `me` among `hosts`, on a micro unless told otherwise."""
    return opensearch_role(
        settings or OpenSearchSettings(),
        me,
        hosts,
        on or machine(),
        CREDENTIALS,
        env="lab",
    )


def file_of(role: Role, ending: str, containing: str = "") -> bytes:
    """The content of the one file whose path ends so."""
    found = [f for f in role.files if f.path.endswith(ending) and containing in f.path]
    assert len(found) == 1, [f.path for f in role.files]
    return found[0].content

"""What this GitHub holds: repositories with their secrets, variables, environments, workflows.

Plain data that tests set up and inspect. Guarantees that times only grow, a second at least per
write, so that no test depends on how fast it runs.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.public import PrivateKey, SealedBox

from tests.github_standin.access import Token

_numbers = itertools.count(1001)


class Clock:
    """The time now, and stamps for writes: each later than the one before it."""

    def __init__(self) -> None:
        self.last = datetime.fromtimestamp(0, UTC)

    def stamp(self) -> str:
        now = datetime.now(UTC).replace(microsecond=0)
        self.last = max(now, self.last + timedelta(seconds=1))
        return self.last.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Held:
    """One stored value with the times that GitHub tells of it."""

    value: bytes
    created_at: str
    updated_at: str


@dataclass
class Vault:
    """Secrets of one place, with the key pair whose public half encrypts them.

    `former` are keys from before a rotation: what was sealed for them is refused.
    """

    key: PrivateKey = field(default_factory=PrivateKey.generate)
    key_id: str = field(default_factory=lambda: str(568250167242549743 + next(_numbers)))
    held: dict[str, Held] = field(default_factory=dict)
    most: int = 100
    former: list[str] = field(default_factory=list)

    def public(self) -> dict[str, str]:
        return {"key_id": self.key_id, "key": b64encode(bytes(self.key.public_key)).decode()}

    def open(self, sealed: bytes) -> bytes:
        """The plain value; raises nacl.exceptions.CryptoError when sealed for another key."""
        return SealedBox(self.key).decrypt(sealed)

    def rotate(self) -> None:
        """A new key pair: what is stored stays, what is sealed for the old key is refused."""
        self.former.append(self.key_id)
        self.key = PrivateKey.generate()
        self.key_id = str(568250167242549743 + next(_numbers))

    def names(self) -> list[str]:
        return sorted(self.held)

    def plain(self, name: str) -> bytes:
        """The stored value of a secret, in any case of letters."""
        return self.held[name.upper()].value


@dataclass
class Variables:
    """Variables of one place: readable values, at most `most` of them."""

    most: int
    held: dict[str, Held] = field(default_factory=dict)

    def names(self) -> list[str]:
        return sorted(self.held)

    def value(self, name: str) -> str:
        return self.held[name.upper()].value.decode()


@dataclass
class Environment:
    """A deployment environment; the protection fields are GitHub's own, PUT replaces them all."""

    name: str
    created_at: str
    updated_at: str
    id: int = field(default_factory=lambda: next(_numbers))
    wait_timer: int = 0  # minutes
    reviewers: list[dict[str, Any]] = field(default_factory=list)  # {"type": "User", "id": 1}
    prevent_self_review: bool = False
    deployment_branch_policy: dict[str, bool] | None = None
    branch_patterns: list[str] = field(default_factory=list)
    secrets: Vault = field(default_factory=Vault)
    variables: Variables = field(default_factory=lambda: Variables(100))


@dataclass
class Workflow:
    """A workflow file; `runs` newest last. Each new run is missing from `lag` lists first."""

    file: str
    name: str = "images"
    id: int = field(default_factory=lambda: next(_numbers))
    state: str = "active"
    dispatchable: bool = True
    inputs: tuple[str, ...] = ()
    lag: int = 0
    late: dict[int, int] = field(default_factory=dict)  # run: lists it is still missing from
    runs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Repository:
    """A repository with everything below it; names are found in any case of letters."""

    full_name: str
    private: bool = False
    owner_type: str = "User"
    id: int = field(default_factory=lambda: next(_numbers))
    branches: dict[str, str] = field(default_factory=lambda: {"main": "a" * 40})
    secrets: Vault = field(default_factory=Vault)
    dependabot: Vault = field(default_factory=Vault)
    variables: Variables = field(default_factory=lambda: Variables(500))
    environments: dict[str, Environment] = field(default_factory=dict)  # by lower-case name
    workflows: dict[str, Workflow] = field(default_factory=dict)
    attested: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by digest
    run_details: bool = True  # False: a server that does not know return_run_details yet

    @property
    def owner(self) -> str:
        return self.full_name.split("/")[0]

    def attest(self, digest: str, predicate_type: str = "https://slsa.dev/provenance/v1") -> None:
        """An attestation of that digest, as the workflow leaves one; its signature is none."""
        bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                  "verificationMaterial": {}, "dsseEnvelope": {}}  # fmt: skip
        made = {"bundle": bundle, "predicate_type": predicate_type}
        self.attested.setdefault(digest, []).append(made)


@dataclass
class Version:
    """One version of a container package: GitHub calls the digest its name."""

    digest: str
    tags: tuple[str, ...] = ()
    created_at: str = "2026-01-01T00:00:00Z"
    updated_at: str = "2026-01-01T00:00:00Z"
    id: int = field(default_factory=lambda: next(_numbers))


@dataclass
class Package:
    """A container package of an owner; `versions` newest first, as GitHub lists them."""

    owner: str
    name: str
    private: bool = False
    versions: list[Version] = field(default_factory=list)
    readers: tuple[str, ...] = ()  # logins that may read it although it is private
    id: int = field(default_factory=lambda: next(_numbers))


class World:
    """All repositories, packages and tokens; tests add to it and look into it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.repositories: dict[str, Repository] = {}
        self.packages: dict[tuple[str, str], Package] = {}
        self.tokens: dict[str, Token] = {}
        self.moved: dict[str, Repository] = {}
        self.no_attestations = 404  # or 200 with an empty list: both are seen

    def add_repository(
        self, full_name: str, *, private: bool = False, owner_type: str = "User"
    ) -> Repository:
        made = Repository(full_name, private=private, owner_type=owner_type)
        self.repositories[full_name.lower()] = made
        return made

    def rename(self, old: str, new: str) -> None:
        """The repository answers under its new name; requests to the old one are sent there."""
        repository = self.repositories.pop(old.lower())
        repository.full_name = new
        self.repositories[new.lower()] = repository
        self.moved[old.lower()] = repository

    def add_environment(self, repository: Repository, name: str, **rules: Any) -> Environment:
        """An environment as a person made it on the site, with its protection rules."""
        now = self.clock.stamp()
        made = Environment(name, now, now, **rules)
        repository.environments[name.lower()] = made
        return made

    def add_workflow(self, repository: Repository, file: str, **more: Any) -> Workflow:
        made = Workflow(file, **more)
        repository.workflows[file] = made
        return made

    def add_package(self, owner: str, name: str, versions: list[Version], **more: Any) -> Package:
        """A container package; `private=True, readers=("login",)` for one that not all may see."""
        made = Package(owner, name, versions=versions, **more)
        self.packages[owner.lower(), name.lower()] = made
        return made

    def add_token(self, value: str, **more: Any) -> Token:
        """`scopes=(...)` makes a classic token, `permissions={...}` a fine-grained one."""
        made = Token(value, **more)
        self.tokens[value] = made
        return made

    def by_id(self, number: str) -> Repository | None:
        return next((r for r in self.repositories.values() if str(r.id) == number), None)

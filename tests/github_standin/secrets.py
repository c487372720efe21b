"""Secrets of repositories, environments and Dependabot, with the real sealed boxes.

What a PUT brings is decrypted with the private key of its place and kept for tests to compare;
no answer ever holds a value. Source: docs.github.com/rest/actions/secrets.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable

from nacl.exceptions import CryptoError

from tests.github_standin import limits
from tests.github_standin.access import Need
from tests.github_standin.routes import Call, Handler, route
from tests.github_standin.wire import Refused, Reply, error, invalid, not_found
from tests.github_standin.world import Held, Vault

#: integrations/terraform-provider-github#2315: also for a key that is not (or no longer) this one.
SEALED_WRONG = "Bad request - validation failed due to an improperly encrypted secret"


def shown(name: str, held: Held) -> dict[str, str]:
    return {"name": name, "created_at": held.created_at, "updated_at": held.updated_at}


def put(call: Call, vault: Vault) -> Reply:
    """201 for a new secret, 204 for a new value; 422 for a stale key or a broken box."""
    name = limits.name("secret", call.parameters["name"])
    sealed = call.text("Secret", "encrypted_value")
    if call.text("Secret", "key_id") != vault.key_id:
        raise Refused(error(422, SEALED_WRONG))
    try:
        value = vault.open(b64decode(sealed, validate=True))
    except (binascii.Error, CryptoError, ValueError):
        raise Refused(error(422, SEALED_WRONG)) from None
    limits.size("secret", value)
    now = call.world.clock.stamp()
    old = vault.held.get(name)
    if old is None:
        limits.room("secret", len(vault.held), vault.most)
    vault.held[name] = Held(value, old.created_at if old else now, now)
    return Reply(204, effect=True) if old else Reply(201, {}, effect=True)


def get(call: Call, vault: Vault) -> Reply:
    name = call.parameters["name"].upper()
    if name not in vault.held:
        raise Refused(not_found())
    return Reply(200, shown(name, vault.held[name]))


def delete(call: Call, vault: Vault) -> Reply:
    if vault.held.pop(call.parameters["name"].upper(), None) is None:
        raise Refused(not_found())
    return Reply(204, effect=True)


def listed(call: Call, vault: Vault) -> Reply:
    return call.listing("secrets", [shown(name, vault.held[name]) for name in vault.names()])


def key(call: Call, vault: Vault) -> Reply:
    return Reply(200, vault.public())


def serve(path: str, permission: str, vault_of: Callable[[Call], Vault]) -> None:
    """The five routes of one kind of place."""

    def add(method: str, below: str, level: str, act: Callable[[Call, Vault], Reply]) -> None:
        handler: Handler = lambda call: act(call, vault_of(call))  # noqa: E731
        route(method, path + below, Need(permission, level))(handler)

    add("GET", "/public-key", "read", key)  # before {name}: it is nobody's name
    add("GET", "", "read", listed)
    add("GET", "/{name}", "read", get)
    add("PUT", "/{name}", "write", put)
    add("DELETE", "/{name}", "write", delete)


REPOSITORY = "/repos/{owner}/{repo}"
serve(f"{REPOSITORY}/actions/secrets", "secrets", lambda call: call.repository.secrets)
serve(
    f"{REPOSITORY}/dependabot/secrets",
    "dependabot_secrets",
    lambda call: call.repository.dependabot,
)
serve(
    f"{REPOSITORY}/environments/{{environment}}/secrets",
    "environments",
    lambda call: call.environment.secrets,
)


@route("GET", "/repos/{owner}/{repo}/actions/organization-secrets", Need("secrets"))
def organization(call: Call) -> Reply:
    """Secrets an organization shares with the repository: none here; a user has none at all."""
    if call.repository.owner_type != "Organization":
        raise Refused(invalid("Repository", "owner"))
    return call.listing("secrets", [])

"""The gateway of an environment as a storyteller needs it: address, key, and whom to trust.

Read from what the operator's machine has of it: the inventory, `.secrets/<env>/api_key`, the
environment's authority. Nothing is made and nobody is asked.
"""

from __future__ import annotations

from story_services.client.api import Connection, key_from
from story_services.client.errors import ClientError


def gateway(env: str, patience_s: float = 90.0) -> Connection:
    """The way in to `env`, with the operator's own key. ClientError when there is none yet."""
    # The operator's side is not needed for anything else here, and slow to import.
    from inventories.errors import ProvisionError
    from inventories.loader import load_hosts
    from inventories.spec import load_site
    from inventories.worlds import world

    try:
        where = world(env)
        hosts, site = load_hosts(env).by_role("kong"), load_site(where)
    except ProvisionError as error:
        raise ClientError(error.what, error.next_step) from None
    key = where.secrets / "api_key"
    if not hosts or not key.exists():
        raise ClientError(
            f"{env} has no gateway yet." if hosts else f"{env} has no gateway host.",
            f"DEPLOY_ENV={env} pyinfra inventory.py deploys/site.py"
            if hosts
            else "add one to site.toml",
        )
    host = hosts[0]
    address = host.private_address if where.is_lab else host.address
    name = site.kong.names[0] if site.kong.names else address
    given = site.secrets.gateway_certificate is not None  # issued by somebody everyone trusts
    ca = None if given else where.secrets / "pki/ca.pem"
    return Connection(f"https://{name}", key_from(key), ca, patience_s, ("--env", env))

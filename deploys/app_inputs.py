"""What the app role needs from the operator's machine: certificates, the registry's authority and
token, and where the site file puts services. Reads keys and files there, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from deploys import placement, trust
from deploys.model import Machine, Role, RoleError
from deploys.pki import Pki
from deploys.placement import AppHost
from deploys.roles.app import AppCredentials, app_role
from deploys.roles.hosts import of_role
from deploys.run import Run
from deploys.secrets import Secret
from inventories.loader import Host
from inventories.worlds import project_root


def app_hosts(run: Run) -> tuple[AppHost, ...]:
    """The app hosts of this run's world, with what the site file says of each."""
    return placement.app_hosts(run.site.hosts, run.inventory.hosts.values())


def upstreams(run: Run) -> dict[str, list[str]]:
    """Service -> private addresses of its hosts; RoleError for one without any."""
    return placement.upstreams(run.site.app, app_hosts(run))


def role_of_app(run: Run, host: Host, hosts: Sequence[Host], machine: Machine) -> Role:
    """The app role of `host`; RoleError or SecretError when something for it is missing."""
    me = next((found for found in app_hosts(run) if found.name == host.name), None)
    if me is None:
        raise RoleError("site.toml does not name this app host any more; remove it by provision")
    gateways = of_role(hosts, "kong")
    addresses = [run.inventory.hosts[gateway.name].address for gateway in gateways]
    return app_role(
        run.site.app,
        me,
        hosts,
        machine,
        credentials(run, me),
        env=run.world.env,
        public_url=f"https://{addresses[0]}" if addresses else None,
    )


def credentials(run: Run, me: AppHost) -> AppCredentials:
    """Certificates made on demand, and what the registry asks for."""
    user = run.site.app.registry.user
    pki = Pki(run.world.secrets, run.world.env)
    pki.ensure()
    certificate, key = pki.client_paths("story")
    names = [
        placement.upstream_name(service)
        for group in placement.containers_of(run.site.app, me)
        for service in group.services
    ]
    return AppCredentials(
        host=pki.host(me.name, [me.private_address, *names]),
        story_certificate=certificate.read_bytes(),
        story_key=Secret(key.read_bytes()),
        registry_ca=_registry_ca(run),
        # Without a user nobody logs in, and its source need not be at hand.
        registry_token=trust.registry_token(run.site) if user is not None else None,
    )


def _registry_ca(run: Run) -> bytes | None:
    name = run.site.app.registry.ca
    if name is None:
        return None
    try:
        content = (project_root() / name).read_bytes()
    except OSError as error:
        raise RoleError(f"app.registry.ca {name}: {error.strerror}") from None
    if b"BEGIN CERTIFICATE" not in content:
        raise RoleError(f"app.registry.ca {name} is not a certificate in PEM form")
    return content

"""An app host: the story services in containers, behind nginx that lets only the gateway in. Pure.

Settings, inventory, machine and credentials in, a Role out. The containers publish on loopback
alone; nginx stands on the private address and decides by one file per group which colour serves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploys.door.rules import organisation
from deploys.model import (
    Container,
    Directory,
    File,
    Group,
    Login,
    Machine,
    Package,
    Port,
    Role,
    RoleError,
    Unit,
    User,
)
from deploys.pki import HostCredentials
from deploys.placement import AppHost, containers_of, upstream_name
from deploys.placement import Group as Services
from deploys.render import template
from deploys.roles.base import CONTAINER_NETWORK
from deploys.roles.hosts import HostLike, of_role, private_addresses
from deploys.secrets import Secret
from deploys.settings import APP_PORT, DOOR_PORT, AppSettings

TLS = "/etc/nginx/tls"
CONFIG = "/etc/nginx/nginx.conf"
SWITCHES = "/etc/nginx/fountainai"
SECRETS = "/etc/fountainai/story"
INSIDE = "/run/secrets/story"
DAEMON = "/etc/docker/daemon.json"
ACCOUNT = "story"
UID = 10001  # of the image's own user
ENGINE_MB = 70  # resident memory of Docker and nginx that is not file-backed
CALLERS = ("gateway", "operator")  # client roles that nginx lets in


@dataclass(frozen=True)
class AppCredentials:
    """What an app host gets: its own certificate, the services' one for the door, the registry's
    authority and login where there are any."""

    host: HostCredentials
    story_certificate: bytes
    story_key: Secret
    registry_ca: bytes | None = None
    registry_token: Secret | None = None


def app_role(
    settings: AppSettings,
    host: AppHost,
    hosts: Iterable[HostLike],
    machine: Machine,
    credentials: AppCredentials,
    *,
    env: str,
    public_url: str | None = None,
) -> Role:
    """The app role of `host`. `hosts` is the whole inventory. RoleError without an image or
    without a search host."""
    image = settings.image
    if image is None:
        raise RoleError('site.toml names no image; set image = "name@sha256:..." under [app]')
    groups = containers_of(settings, host)
    environment = _environment(settings, list(hosts), public_url)
    login = _login(settings, credentials)
    return Role(
        name="app",
        packages=(Package("docker.io"), Package("nginx")),
        groups=(Group(ACCOUNT, gid=UID),),
        users=(User(ACCOUNT, ACCOUNT, uid=UID),),
        directories=(
            Directory("/etc/docker"),
            Directory(TLS, mode=0o700),
            Directory(SWITCHES),
            Directory(SECRETS, group=ACCOUNT, mode=0o750),
        ),
        files=(
            *_engine_files(image, credentials),
            *_secret_files(credentials),
            *nginx_files(settings, host, groups, credentials.host, env),
        ),
        units=(
            # live-restore: its restart leaves the containers alone.
            Unit("docker.service", restart_on=(DAEMON, "/usr/bin/dockerd", "/usr/sbin/dockerd")),
            Unit(
                "nginx.service",
                restart_on=("/usr/sbin/nginx",),
                reload_on=(CONFIG, *(f"{TLS}/{name}" for name in _TLS_FILES)),
            ),
        ),
        containers=tuple(
            Container(
                name=group.name,
                image=image,
                command=group.services if len(groups) > 1 or host.services else (),
                ports=group.ports,
                switch=f"{SWITCHES}/{group.name}.green",
                environment=environment,
                secrets=(SECRETS, INSIDE),
                user=f"{UID}:{UID}",
                memory_mb=settings.memory_mb,
                pids=settings.pids,
                ready_s=settings.ready_s,
                login=login,
            )
            for group in groups
        ),
        absent=("/etc/nginx/sites-enabled/default",),
        ports=(Port(APP_PORT, "nginx"),),
        disk_mb=1500,
        memory_mb=ENGINE_MB + len(groups) * settings.memory_mb,
    )


_TLS_FILES = ("app.pem", "app.key", "ca.pem", "crl.pem")


def _environment(
    settings: AppSettings, hosts: Sequence[HostLike], public_url: str | None
) -> tuple[tuple[str, str], ...]:
    """Nothing secret: the engine shows it to whoever may ask it."""
    doors = private_addresses(of_role(hosts, "opensearch"))
    if not doors:
        raise RoleError("there is no search host whose door the services could use")
    values = {
        "STORY_STORE_URL": ",".join(f"https://{address}:{DOOR_PORT}" for address in doors),
        "STORY_STORE_CA": f"{INSIDE}/ca.pem",
        "STORY_STORE_CERT": f"{INSIDE}/story.pem",
        "STORY_STORE_KEY": f"{INSIDE}/story.key",
        "STORY_MAX_BODY_BYTES": str(settings.max_body_mb * 1024 * 1024),
    }
    if url := settings.public_url or public_url:
        values["STORY_PUBLIC_URL"] = url
    return tuple(sorted(values.items()))


def _login(settings: AppSettings, credentials: AppCredentials) -> Login | None:
    user, token = settings.registry.user, credentials.registry_token
    if user is None:
        return None
    if token is None:
        raise RoleError(
            "[app.registry] names a user; say where its token is: registry_token under [secrets]"
        )
    return Login(user, token.reveal())


def registry_of(image: str) -> str:
    """The registry in an image's name, as Docker tells it from a plain name; "" for its own."""
    first, _, rest = image.partition("/")
    return first if rest and ("." in first or ":" in first or first == "localhost") else ""


def _engine_files(image: str, credentials: AppCredentials) -> tuple[File, ...]:
    daemon = {
        "bip": CONTAINER_NETWORK.replace(".0/", ".1/", 1),
        "icc": False,
        "ip": "127.0.0.1",
        "live-restore": True,
        "log-driver": "local",
        "log-opts": {"max-file": "3", "max-size": "10m"},
        "no-new-privileges": True,
        "userland-proxy": False,
    }
    text = (json.dumps(daemon, indent=2, sort_keys=True) + "\n").encode()
    files = [File(DAEMON, text, validate=("dockerd", "--validate", "--config-file", "{}"))]
    registry = registry_of(image)
    if credentials.registry_ca is not None and registry:
        files.append(File(f"/etc/docker/certs.d/{registry}/ca.crt", credentials.registry_ca))
    return tuple(files)


def _secret_files(credentials: AppCredentials) -> tuple[File, ...]:
    """What the containers read: only their own user, and only by reading."""

    def own(name: str, content: bytes, *, secret: bool = False) -> File:
        return File(f"{SECRETS}/{name}", content, ACCOUNT, ACCOUNT, 0o400, secret=secret)

    return (
        own("ca.pem", credentials.host.ca),
        own("story.pem", credentials.story_certificate),
        own("story.key", credentials.story_key.reveal(), secret=True),
    )


def callers(env: str) -> dict[str, str]:
    """Who may ask, by pattern of the certificate's subject as nginx prints it."""
    return {f"^CN={name},O={organisation(env)}$": name for name in CALLERS}


def nginx_files(
    settings: AppSettings,
    host: AppHost,
    groups: Sequence[Services],
    credentials: HostCredentials,
    env: str,
) -> tuple[File, ...]:
    """nginx.conf and what it reads; the switch files are made by the agent."""
    config = template(
        "app/nginx.conf.j2",
        callers=callers(env),
        groups=groups,
        names={g.name: [upstream_name(service) for service in g.services] for g in groups},
        address=host.private_address,
        port=APP_PORT,
        max_body_mb=settings.max_body_mb,
        switches=SWITCHES,
        tls=TLS,
    )
    return (
        File(f"{TLS}/app.pem", credentials.certificate),
        File(f"{TLS}/app.key", credentials.key.reveal(), mode=0o600, secret=True),
        File(f"{TLS}/ca.pem", credentials.ca),
        File(f"{TLS}/crl.pem", credentials.crl),
        # Last: it is checked against the files above.
        File(CONFIG, config, validate=("/usr/sbin/nginx", "-t", "-q", "-c", "{}")),
    )

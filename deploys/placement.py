"""Which service runs in which container of which app host. Pure.

Every service has exactly one container on each host that runs it, and at least one host; what
cannot be is refused in a sentence. The names and ports of a container do not depend on what
other containers there are, so adding one leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from deploys.model import RoleError
from deploys.settings import CONTAINER_PORTS, SERVICES, AppSettings

DOMAIN = "app.fountainai.internal"
ALL = "story"  # the container of the services that are named nowhere


@dataclass(frozen=True)
class Group:
    """The services of one container; named like its first service, or `story`."""

    name: str
    services: tuple[str, ...]

    @property
    def ports(self) -> tuple[int, int]:
        """Ports on loopback of its blue and its green container."""
        place = 0 if self.name == ALL else 1 + SERVICES.index(self.name)
        return CONTAINER_PORTS + 2 * place, CONTAINER_PORTS + 2 * place + 1


class Served(Protocol):
    """What placement has to know of a host; `services` empty means all of them."""

    @property
    def services(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class AppHost:
    """An app host of the inventory with what `[[hosts]] services` says of it."""

    name: str
    private_address: str
    services: tuple[str, ...] = ()


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...


class Wanted(_Named, Served, Protocol):
    """A host as the site file wants it."""


class Existing(_Named, Protocol):
    """A host as the inventory knows it."""

    @property
    def private_address(self) -> str: ...


def app_hosts(wanted: Iterable[Wanted], existing: Iterable[Existing]) -> tuple[AppHost, ...]:
    """The app hosts that exist, by name. One the site file does not name any more runs nothing
    new, and is left out."""
    limits = {host.name: tuple(host.services) for host in wanted if host.role == "app"}
    return tuple(
        AppHost(host.name, host.private_address, limits[host.name])
        for host in sorted(existing, key=lambda host: host.name)
        if host.role == "app" and host.name in limits
    )


def upstream_name(service: str) -> str:
    """The name under which the gateway asks app hosts for a service."""
    return f"{service}.{DOMAIN}"


def containers_of(settings: AppSettings, host: Served) -> tuple[Group, ...]:
    """The containers of a host, those named in `[app] containers` first."""
    here = set(host.services or SERVICES)
    named = [[s for s in group if s in here] for group in settings.containers]
    left = tuple(s for s in SERVICES if s in here and not any(s in g for g in named))
    groups = [Group(group[0], tuple(group)) for group in named if group]
    return (*groups, Group(ALL, left)) if left else tuple(groups)


def upstreams(settings: AppSettings, hosts: Sequence[AppHost]) -> dict[str, list[str]]:
    """Private addresses of the hosts of each service, in the order of the hosts.

    RoleError for a service that no host runs."""
    found = {
        service: [
            host.private_address
            for host in hosts
            if any(service in group.services for group in containers_of(settings, host))
        ]
        for service in SERVICES
    }
    if lost := [service for service, addresses in found.items() if not addresses]:
        raise RoleError(
            f"no app host runs {', '.join(lost)}; give one of them `services` that "
            "name it under [[hosts]], or leave `services` out"
        )
    return found

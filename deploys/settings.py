"""Every tunable of every role: name, unit, default, bounds. Unknown keys are refused.

One model per table of `site.toml`. Values are checked here alone, so that a file can be refused
before any call; what depends on the machine (does the heap fit?) is decided in `heap.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from deploys import versions
from deploys.secret_settings import DEFAULT_CONSUMER, Consumer
from story_services.common.settings import SERVICES as _SERVICES

#: Every story service, as people and certificates name it.
SERVICES = tuple(name.replace("_", "-") for name in _SERVICES)

DOOR_PORT = 9200  # nginx on the private address, TLS
NODE_PORT = 9201  # OpenSearch's HTTP, 127.0.0.1 only
NODE_TRANSPORT_PORT = 9301  # OpenSearch between nodes, loopback only
TRANSPORT_PORT = 9300  # nginx on the private address, TLS; only with several search hosts
APP_PORT = 8443  # nginx of an app host on its private address, TLS
CONTAINER_PORT = 8000  # the services inside their container
CONTAINER_PORTS = 18000  # from here on, on 127.0.0.1: two per group of services
GATEWAY_PORT = 443  # Kong, public
KONG_STATUS_PORT = 8007  # Kong's Status API, 127.0.0.1 only

_WIDEST = 8


def _not_the_world(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < _WIDEST:
        raise ValueError(
            f"{network} is (nearly) the whole internet; name the networks that need it, "
            "for example 203.0.113.7/32"
        )
    return network


#: An IPv4 network in CIDR form, /8 or narrower, without host bits.
Network = Annotated[IPv4Network, AfterValidator(_not_the_world)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _service(name: str) -> str:
    if name not in SERVICES:
        raise ValueError(f"there is no service {name!r}; valid: {', '.join(SERVICES)}")
    return name


#: A story service by its name with hyphens.
Service = Annotated[str, AfterValidator(_service)]


#: A host name in full, as clients and certificates know it.
ServerName = Annotated[
    str,
    StringConstraints(
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$",
    ),
]


class BaseSettings(_Settings):
    """`[base]`: what every host gets. `operator_networks` is filled from `[site]`."""

    operator_networks: tuple[Network, ...] = Field(
        default=(), description="IPv4 networks that may reach port 22"
    )
    journal_mb: int = Field(
        default=200, ge=16, le=10_000, description="most disk the journal may use, MB"
    )
    auto_reboot: bool = Field(
        default=False, description="let unattended-upgrades reboot the host when a kernel asks"
    )


class OpenSearchSettings(_Settings):
    """`[opensearch]`: the search node, its door and its memory."""

    version: str = Field(
        default=versions.OPENSEARCH_DEFAULT,
        description="OpenSearch version, one of deploys/versions.py",
    )
    cluster_name: str = Field(
        default="fountainai",
        pattern=r"^[a-z][a-z0-9-]{0,40}$",
        description="name of the cluster, in data and logs",
    )
    heap_mb: int | None = Field(
        default=None,
        ge=64,
        le=31 * 1024,
        description="heap in MiB instead of the rule's; at most 75 % of the machine",
    )
    allow_undersized: bool = Field(
        default=False, description="start on a machine that the heap rule refuses"
    )
    zram: bool = Field(
        default=False, description="compressed swap in memory; an undersized node always has it"
    )
    swap_mb: int | None = Field(
        default=None,
        ge=0,
        le=65_536,
        description="swap file in MiB; unset: 1024 for an undersized node, else none",
    )
    door_networks: tuple[Network, ...] = Field(
        default=(),
        description="IPv4 networks that may reach the door besides app hosts and operators",
    )
    max_body_mb: int = Field(
        default=20, ge=1, le=100, description="largest request body in MB, at the door and the node"
    )
    log_mb: int = Field(
        default=200, ge=16, le=10_000, description="disk for the node's log files, MB"
    )

    @field_validator("version")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in versions.OPENSEARCH_SHA256:
            known = ", ".join(sorted(versions.OPENSEARCH_SHA256))
            raise ValueError(f"version {value!r} has no pinned checksum; valid: {known}")
        return value


class RegistrySettings(_Settings):
    """`[app.registry]`: how hosts log in where the image is; the token is under `[secrets]`."""

    user: str | None = Field(
        default=None,
        pattern=r"^[^\s:]{1,100}$",
        description="user that may pull; unset: the registry asks for no login",
    )
    ca: str | None = Field(
        default=None,
        description="file of the registry's own CA certificate, from the project's folder",
    )


class AppSettings(_Settings):
    """`[app]`: the host of the story services."""

    image: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$",
        description="image of the services as name@sha256:digest, never a tag",
    )
    package: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?"
        r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$",
        description="where the image's versions are listed, for example ghcr.io/OWNER/story; "
        "unset: where image is",
    )
    registry: RegistrySettings = Field(
        default=RegistrySettings(), description="how hosts log in where the image is"
    )
    containers: tuple[tuple[Service, ...], ...] = Field(
        default=(),
        description="services that get a container of their own, for example "
        '[["characters"], ["core-script", "story-factory"]]; the others share one more',
    )
    memory_mb: int = Field(
        default=192, ge=96, le=65_536, description="most memory of one container, MiB"
    )
    pids: int = Field(
        default=128, ge=32, le=4096, description="most processes and threads of one container"
    )
    max_body_mb: int = Field(
        default=2, ge=1, le=64, description="largest request body in MiB, here and in the services"
    )
    ready_s: int = Field(
        default=120, ge=5, le=1800, description="longest wait for a new container, seconds"
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https://[^\s/?#]+$",
        description="address that the services' documents name; unset: the gateway's",
    )

    @field_validator("containers")
    @classmethod
    def _once_each(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        named = [service for group in value for service in group]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"a service lives in one container; named twice: {', '.join(twice)}")
        if () in value:
            raise ValueError("a container needs at least one service")
        return value


class KongSettings(_Settings):
    """`[kong]`: the gateway."""

    version: str = Field(default="3.9.3", pattern=r"^3\.9\.3$", description="Kong OSS version")
    package: Literal["kong", "standin"] = Field(
        default="kong",
        description="Kong's own package, or in a lab the rehearsal's stand-in",
    )
    artefact: str | None = Field(
        default=None,
        description="file of that package on this machine, from the project's folder; unset: the "
        "artefact folder, then Kong's own site",
    )
    names: tuple[ServerName, ...] = Field(
        default=(),
        description='names under which the gateway is reached, e.g. ["stories.example.org"]; its '
        "certificate is for them and its public address",
    )
    allow_breaking: bool = Field(
        default=False, description="apply documents that break callers of the applied ones"
    )
    log_mb: int = Field(
        default=50, ge=5, le=10_000, description="disk for the gateway's log files, MB"
    )
    consumers: tuple[Consumer, ...] = Field(
        default=(Consumer(name=DEFAULT_CONSUMER),),
        min_length=1,
        description="who may use the gateway, each with an API key; [[kong.consumers]] tables",
    )

    @field_validator("consumers")
    @classmethod
    def _once_each(cls, value: tuple[Consumer, ...]) -> tuple[Consumer, ...]:
        names = [consumer.name for consumer in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"every consumer has its own name; used twice: {', '.join(twice)}")
        return value

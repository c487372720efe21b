"""Every tunable of every role: name, unit, default, bounds. Unknown keys are refused.

One model per table of `site.toml`. Values are checked here alone, so that a file can be refused
before any call; what depends on the machine (does the heap fit?) is decided in `heap.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from deploys import versions
from deploys.secret_settings import DEFAULT_CONSUMER, Consumer

DOOR_PORT = 9200  # nginx on the private address, TLS
NODE_PORT = 9201  # OpenSearch's HTTP, 127.0.0.1 only
NODE_TRANSPORT_PORT = 9301  # OpenSearch between nodes, loopback only
TRANSPORT_PORT = 9300  # nginx on the private address, TLS; only with several search hosts

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


class AppSettings(_Settings):
    """`[app]`: the host of the story services."""

    image: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$",
        description="image of the services as name@sha256:digest, never a tag",
    )
    services: tuple[str, ...] = Field(
        default=(), description="services of this host; empty: all of them in one process"
    )


class KongSettings(_Settings):
    """`[kong]`: the gateway."""

    version: str = Field(default="3.9.3", pattern=r"^3\.9\.3$", description="Kong OSS version")
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

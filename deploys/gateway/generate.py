"""The gateway's declarative file as one plain dict (Kong OSS 3.9, format 3.0).

Guarantees: a route for every reachable operation and for nothing else; explicit stable ids; the
same dict for the same input in any order. The dict holds the API keys and the gateway's client
key: it is written to the host as a secret, and only its redacted twin (`redact.py`) is shown,
compared or stored in the clear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from deploys.gateway import plugins
from deploys.gateway.balancing import upstream
from deploys.gateway.ids import entity_id
from deploys.gateway.operations import Document, GatewayError, Operation, digest, operations
from deploys.gateway.plugins import Entity
from deploys.gateway.policy import Policy, Timeouts, effective
from deploys.gateway.redact import redacted
from deploys.gateway.routes import Group, routes
from deploys.placement import upstream_name
from deploys.settings import APP_PORT

__all__ = ["build", "gateway", "plugin_names", "provenance", "redacted"]

#: Once more, at another app host if there is one; with Kong's 5 a dead host costs six timeouts.
_RETRIES = 1
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Revealing(Protocol):
    """A secret that shows its bytes only when asked, as `deploys.secrets.Secret` does."""

    def reveal(self) -> bytes:
        """The bytes."""


Given = str | bytes | Revealing


def build(
    documents: Mapping[str, Document],
    policy: Policy,
    upstreams: Mapping[str, Sequence[str]],
    *,
    env: str,
    ca_pem: Given,
    client_pem: Given,
    client_key: Given,
    consumers: Mapping[str, Sequence[Given]],
) -> Entity:
    """`gateway` from the documents themselves, with what it was made from as its `_comment`."""
    made = gateway(
        operations(documents),
        policy,
        upstreams,
        env=env,
        ca_pem=ca_pem,
        client_pem=client_pem,
        client_key=client_key,
        consumers=consumers,
    )
    return made | {"_comment": provenance(documents, policy, env)}


def provenance(documents: Mapping[str, Document], policy: Policy, env: str) -> str:
    """What a file was made from; no time and no machine, so that it repeats."""
    return f"{_heading(env)} Documents: sha256 {digest(documents)}; policy: sha256 {policy.digest}."


def gateway(
    documented: Sequence[Operation],
    policy: Policy,
    upstreams: Mapping[str, Sequence[str]],
    *,
    env: str,
    ca_pem: Given,
    client_pem: Given,
    client_key: Given,
    consumers: Mapping[str, Sequence[Given]],
) -> Entity:
    """The whole configuration.

    `upstreams` are the private addresses of app hosts by service, `consumers` the valid keys by
    name, the current one first. GatewayError for an operation that cannot be routed, a service
    that no host has, a rule that fits nothing, an empty key or one that two consumers share.
    """
    settings = effective(policy, policy.operations(documented))
    grouped = routes({o: chosen for o, chosen in settings.items() if chosen.reachable})
    served = sorted({service for service, _ in grouped})
    if homeless := [service for service in served if not upstreams.get(service)]:
        raise GatewayError(
            f"{env}: no app host has {', '.join(homeless)}; give one the service in "
            "inventories/site.toml, or make its operations unreachable in the policy"
        )
    certificate, trusted = entity_id("certificate", "gateway"), _authorities(_text(ca_pem))
    cas = [str(each["id"]) for each in trusted]
    return {
        "_format_version": "3.0",
        "_transform": True,
        "_comment": _heading(env),
        "services": _services(grouped, policy.defaults.timeout_ms, certificate, cas),
        "upstreams": [upstream(service, upstreams[service], certificate) for service in served],
        "certificates": [{"id": certificate, "cert": _text(client_pem), "key": _text(client_key)}],
        "ca_certificates": trusted,
        "consumers": _consumers(consumers),
        "plugins": plugins.everywhere(),
    }


def plugin_names(kong: Entity) -> tuple[str, ...]:
    """Names of the plugins in use, sorted: what `plugins` of kong.conf must name."""
    found = {plugin["name"] for plugin in kong["plugins"]}
    for service in kong["services"]:
        found |= {plugin["name"] for route in service["routes"] for plugin in route["plugins"]}
    return tuple(sorted(found))


def _heading(env: str) -> str:
    return f"FountainAI gateway of {env}: generated, do not edit."


def _services(
    grouped: Mapping[Group, list[Entity]], usual: Timeouts, certificate: str, cas: Sequence[str]
) -> list[Entity]:
    """One per story service, and one more for each other pair of timeouts it needs: Kong has
    timeouts on services only. All of a story service share its upstream; the plain name is for
    the usual timeouts, or without any such operation for the longest."""
    plain: dict[str, Timeouts] = {}
    for service, timeouts in sorted(
        grouped, key=lambda g: (g[1] == usual, g[1].read, g[1].connect)
    ):
        plain[service] = timeouts  # the last one stays
    made = []
    for (service, timeouts), found in grouped.items():
        name = service
        if timeouts != plain[service]:
            name = f"{service}-{timeouts.connect}-{timeouts.read}"
        made.append(
            {
                "id": entity_id("service", name),
                "name": name,
                "host": upstream_name(service),
                "port": APP_PORT,
                "protocol": "https",
                "client_certificate": {"id": certificate},
                "tls_verify": True,
                "ca_certificates": list(cas),
                "connect_timeout": timeouts.connect,
                "read_timeout": timeouts.read,
                "write_timeout": timeouts.read,
                "retries": _RETRIES,
                "routes": found,
            }
        )
    return sorted(made, key=lambda each: str(each["name"]))


def _authorities(pem: str) -> list[Entity]:
    """One entity per certificate: Kong refuses two in one, and there are two while the
    environment's authority is being replaced."""
    found = list(dict.fromkeys(f"{each}\n" for each in _CERTIFICATE.findall(pem))) or [pem]
    return [
        {"id": entity_id("ca", "environment", *([str(n)] if n > 1 else [])), "cert": cert}
        for n, cert in enumerate(found, 1)
    ]


def _consumers(consumers: Mapping[str, Sequence[Given]]) -> list[Entity]:
    """Ids are of the consumer's name and the key's place, never of the key: services and logs see
    them, and an id made from a weak key would let it be guessed."""
    owners: dict[str, str] = {}
    made = []
    for name in sorted(consumers):
        credentials: list[Entity] = []
        for place, given in enumerate(consumers[name]):
            key = _text(given).strip()
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise GatewayError(f"consumer {name}: a key must be visible ASCII without spaces")
            if owners.setdefault(key, name) != name or any(key == c["key"] for c in credentials):
                raise GatewayError(f"consumer {name}: one of its keys is {owners[key]}'s already")
            credentials.append({"id": entity_id("key", name, str(place)), "key": key})
        made.append(
            {
                "id": entity_id("consumer", name),
                "username": name,
                "keyauth_credentials": credentials,
            }
        )
    return made


def _text(given: Given) -> str:
    if isinstance(given, str):
        return given
    return (given if isinstance(given, bytes) else given.reveal()).decode()

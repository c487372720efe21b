"""Kong upstreams: the app hosts of a service, and when one of them is left out. Pure.

A single host is never left out: Kong's health checks can leave a recovered target unhealthy until
a reload (Kong/kong#15001), and with one host there is nothing to turn to. Several are probed at
/health and watched for failed connections; every status that a probe can meet is in exactly one
list, because one in neither freezes the counters (same issue).
"""

from __future__ import annotations

from collections.abc import Sequence

from deploys.gateway.ids import entity_id
from deploys.gateway.plugins import Entity
from deploys.placement import upstream_name
from deploys.settings import APP_PORT

_SLOTS = 128  # Kong's 10000 cost memory and say nothing with a handful of hosts
_WEIGHT = 100
_PROBE_SECONDS = 5  # between two probes of a host that works
_RETURN_SECONDS = 2  # between two probes of one that is left out
_PATIENCE_SECONDS = 3  # the services answer /health within 2 s
_FAILURES = 2  # in a row, before a host is left out
#: What nginx and the services can answer to a probe.
WELL = (*range(200, 209), 226)
ILL = (*range(300, 309), *range(400, 452), *range(494, 500), *range(500, 512))


def upstream(service: str, addresses: Sequence[str], certificate: str) -> Entity:
    """The upstream of `service`; `certificate` is the id of the client certificate for probes."""
    name = upstream_name(service)
    made: Entity = {
        "id": entity_id("upstream", service),
        "name": name,
        "algorithm": "round-robin",
        "slots": _SLOTS,
        "host_header": name,  # a target is an address; nginx there chooses by name
        "client_certificate": {"id": certificate},
        "targets": [
            {
                "id": entity_id("target", service, address),
                "target": f"{address}:{APP_PORT}",
                "weight": _WEIGHT,
            }
            for address in sorted(set(addresses))
        ],
    }
    if len(made["targets"]) > 1:
        made["healthchecks"] = _healthchecks(name)
    return made


def _healthchecks(name: str) -> Entity:
    active = {
        "type": "https",
        "http_path": "/health",
        "https_sni": name,
        # Against lua_ssl_trusted_certificate of kong.conf and for that name; an app host with
        # another certificate is left out, as requests to it would fail. (Kong/lua-resty-healthcheck
        # pull 49 and 99: 3.x hands name and verification to the handshake.)
        "https_verify_certificate": True,
        "timeout": _PATIENCE_SECONDS,
        "concurrency": 2,
        "healthy": {"interval": _PROBE_SECONDS, "successes": 1, "http_statuses": [*WELL]},
        "unhealthy": {
            "interval": _RETURN_SECONDS,
            "tcp_failures": _FAILURES,
            "timeouts": _FAILURES,
            "http_failures": _FAILURES,
            "http_statuses": [*ILL],
        },
    }
    passive = {
        "type": "https",
        "healthy": {"successes": 0},  # only a probe brings a host back
        "unhealthy": {"tcp_failures": _FAILURES, "timeouts": _FAILURES, "http_failures": 0},
    }
    return {"active": active, "passive": passive}

"""opensearch.yml as data. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deploys.heap import HeapPlan
from deploys.roles.hosts import HostLike, loopback_of
from deploys.settings import NODE_PORT, NODE_TRANSPORT_PORT, OpenSearchSettings

Value = str | int | bool | Sequence[str]


def node_settings(
    settings: OpenSearchSettings, plan: HeapPlan, host: HostLike, peers: Sequence[str]
) -> dict[str, Value]:
    """The node's settings, in the order they are written. `peers` are the private addresses of
    the other search hosts; without any the node is a cluster of its own."""
    return {
        "cluster.name": settings.cluster_name,
        "node.name": host.name,
        "path.data": "/var/lib/opensearch",
        "path.logs": "/var/log/opensearch",
        "path.repo": ["/var/lib/opensearch-snapshots"],
        "http.host": "127.0.0.1",
        "http.port": NODE_PORT,
        "transport.port": NODE_TRANSPORT_PORT,
        **_discovery(host, peers),
        **_DOOR,
        "http.max_content_length": f"{settings.max_body_mb}mb",
        **(_small(plan) if plan.small else {}),
    }


#: What the door relies on: the node must not let a body say more than a URL was allowed.
_DOOR: dict[str, Value] = {
    "rest.action.multi.allow_explicit_index": False,
    "script.allowed_types": "none",
    "http.detailed_errors.enabled": False,
    "action.destructive_requires_name": True,
    "action.auto_create_index": False,
}


def _discovery(host: HostLike, peers: Sequence[str]) -> dict[str, Value]:
    """`cluster.initial_cluster_manager_nodes` is not here: opensearch-prepare gives it to the
    founder's first start only, since a node that lost its disk would found a second cluster."""
    if not peers:
        return {
            "transport.host": "127.0.0.1",
            "discovery.type": "single-node",
            "cluster.default_number_of_replicas": 0,
            # Otherwise a lone data node writes until the disk is full.
            "cluster.routing.allocation.disk.watermark.enable_for_single_data_node": True,
        }
    return {
        # Each peer has a loopback address of its own, behind which nginx carries it over TLS.
        "transport.host": loopback_of(host.private_address),
        "discovery.seed_hosts": [f"{loopback_of(peer)}:{NODE_TRANSPORT_PORT}" for peer in peers],
        # nginx must never see an idle connection between nodes.
        "transport.ping_schedule": "30s",
        "cluster.default_number_of_replicas": 1,
    }


def _small(plan: HeapPlan) -> dict[str, Value]:
    return {
        # It counts garbage as used, and can only ask G1 to collect it.
        "indices.breaker.total.use_real_memory": plan.collector != "serial",
        "indices.memory.index_buffer_size": "16mb",
        "indices.queries.cache.size": "3%",
        "indices.requests.cache.size": "1%",
        "indices.fielddata.cache.size": "10%",
        "cluster.max_shards_per_node": 100,
    }

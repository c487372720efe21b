"""Hosts that leave: known to the inventory, but not named by the site file any more. Pure.

A host that leaves is never reconfigured and never fails a run. The others stop using it, in the
order of the stages; a search host gives its data away first, to hosts that can hold it, or the
run is refused in a sentence. It is finished when nobody asks it anything and it holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from deploys.change import Change
from deploys.model import Drain, Role, RoleError
from deploys.observation import Observation
from deploys.roles.hosts import HostLike, of_role
from deploys.settings import APP_PORT, DOOR_PORT, NODE_PORT

#: Where a host of a role is asked. A gateway is asked by the world, as long as its name leads here.
ASKED_AT = {"app": APP_PORT, "opensearch": DOOR_PORT}
FULL = 0.85  # of a disk: beyond it the node takes no more data (its low watermark)
LEAST_LEFT = 2  # a cluster's nodes find and check each other: one alone is another kind of node


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Known = TypeVar("Known", bound=HostLike)


def leaving(wanted: Iterable[_Named], existing: Iterable[_Named]) -> frozenset[str]:
    """Names of the hosts that exist and that the site file does not name."""
    return frozenset(host.name for host in existing) - {host.name for host in wanted}


def staying(hosts: Iterable[Known], gone: frozenset[str]) -> list[Known]:
    """The hosts that nobody has to stop using."""
    return [host for host in hosts if host.name not in gone]


def drain_of(host: HostLike, hosts: Iterable[HostLike], gone: frozenset[str]) -> Drain | None:
    """What `host` has to arrange for its cluster: the first search host that stays does it for
    all. None for the others, and where there is no cluster.

    RoleError when what would be left could not be a cluster."""
    group = of_role(hosts, "opensearch")
    left = of_role(staying(group, gone), "opensearch")
    going = [item.name for item in group if item.name in gone]
    if len(group) < LEAST_LEFT or not left:
        return None
    if going and len(left) < LEAST_LEFT:
        raise RoleError(
            f"{' and '.join(going)} cannot leave: {left[0].name} would be the only search host, "
            "and a cluster cannot shrink to one. Name another search host in site.toml first, or "
            f"keep {going[0]}; to end with one host, export the stories, destroy the search hosts "
            "and import into a new one"
        )
    if host.name != left[0].name:
        return None
    return Drain(tuple(going), tuple(item.name for item in left), NODE_PORT)


def drain_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    """What the cluster has to be told, and the data that has to move.

    RoleError when the copies would not fit on the hosts that stay."""
    wanted = next((role.drain for role in roles if role.drain), None)
    if wanted is None:
        return []
    cluster = seen.cluster
    if not cluster:  # it does not answer: there is nothing to let in again, at most to send away
        return [_change(wanted, f"> {_names(wanted.names)} leaves the cluster")] * bool(
            wanted.names
        )
    nodes: Mapping[str, Mapping[str, Any]] = cluster["nodes"]
    held = {name: nodes[name] for name in wanted.names if name in nodes}
    moving = sum(int(node["shards"]) for node in held.values())
    out: list[Change] = []
    back = sorted({*cluster["excluded"], *cluster["no_vote"]} - set(wanted.names))
    known = sorted(cluster["excluded"]) == sorted(cluster["no_vote"]) == sorted(wanted.names)
    if moving:
        fits(wanted, cluster)
        size = sum(int(node["bytes"]) for node in held.values())
        out.append(
            _change(
                wanted,
                f"> {_names(wanted.names)} leaves the cluster: {_shards(moving)}, "
                f"{megabytes(size)}, move to {_names(wanted.staying)}",
            )
        )
    elif not known and wanted.names:
        out.append(_change(wanted, f"> {_names(wanted.names)} leaves the cluster, holding no data"))
    if back:
        # One request says the whole of it; this line only tells the other half.
        payload = not out
        out.append(_change(wanted, f"> the cluster forgets that {_names(back)} left", payload))
    return out


def fits(wanted: Drain, cluster: Mapping[str, Any]) -> None:
    """RoleError when the hosts that stay cannot hold every copy; silent when a staying host is
    not a member yet, since its room is not known."""
    nodes = cluster["nodes"]
    copies = int(cluster["copies"])
    if copies > len(wanted.staying):
        raise RoleError(
            f"{_names(wanted.names)} cannot leave: there are indices with {copies} copies, each on "
            f"a host of its own, and only {_names(wanted.staying)} would stay. Lower "
            "number_of_replicas of these indices, or keep the host in site.toml"
        )
    if any(name not in nodes for name in wanted.staying):
        return
    room = sum(
        max(0, int(FULL * int(nodes[name]["total"])) - int(nodes[name]["used"]))
        for name in wanted.staying
    )
    size = sum(int(nodes[name]["bytes"]) for name in wanted.names if name in nodes)
    if size > room:
        raise RoleError(
            f"{_names(wanted.names)} cannot leave: it holds {megabytes(size)}, and "
            f"{_names(wanted.staying)} has room for {megabytes(room)} before its disks are "
            f"{FULL:.0%} full. Give them larger disks, or keep the host in site.toml"
        )


def moving(answer: Mapping[str, Any]) -> str:
    """What the hosts that leave a cluster still hold, from the agent's answer; "" for nothing."""
    return "; ".join(
        f"{name} still holds {_shards(node['shards'])}, {megabytes(node['bytes'])}"
        for name, node in sorted(answer["left"].items())
        if node["shards"]
    )


def _change(wanted: Drain, line: str, payload: bool = True) -> Change:
    data = {"port": wanted.port, "names": list(wanted.names)} if payload else {}
    return Change("drain", "cluster", line, data)


def _names(names: Sequence[str]) -> str:
    return " and ".join(names)


def _shards(count: int) -> str:
    return f"{count} shard{'s' * (count != 1)}"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def needed(name: str, role: str) -> dict[str, Any]:
    """What the agent of a host that leaves is asked: who calls it, and what it holds."""
    node = name if role == "opensearch" else ""
    return {"asked_at": ASKED_AT.get(role, 0), "node": node, "port": NODE_PORT}


def sentence(name: str, role: str, env: str) -> str:
    """What a person reads about a host that is finished."""
    why = {
        "app": "no requests any more",
        "opensearch": "holds no data, and nobody asks it any more",
        "kong": "it goes on as it is; let the name of the site lead to another gateway",
    }[role]
    return f"leaves: {why}; provision destroy {name} --env {env} ends its cost"


def busy(state: Mapping[str, Any]) -> str:
    """What a host that leaves still does, from the agent's look; "" when it is idle."""
    parts = []
    if callers := state["callers"]:
        count = sum(callers.values())
        parts.append(f"{count} connection{'s' * (count != 1)} from {', '.join(sorted(callers))}")
    if state.get("shards", 0) is None:
        parts.append("a search node that does not answer")
    elif shards := state.get("shards"):
        parts.append(f"{_shards(shards)} of the cluster's data")
    return " and ".join(parts)

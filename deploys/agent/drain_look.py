"""Who still needs a host that leaves: its callers, and what its search cluster keeps where."""

import json
import urllib.error
import urllib.request

from deploys.agent.look import sh

EXCLUDED = "cluster.routing.allocation.exclude._name"
VOTING = "/_cluster/voting_config_exclusions"
CLUSTER_S = 10


def ask_node(port, method, path, body=None, timeout=CLUSTER_S):
    """The search node on loopback; OSError or ValueError when it has no answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as reply:
        return json.loads(reply.read() or b"{}")


def allocation(port):
    """What every member holds: shards and their bytes, bytes used and total of its disk."""
    rows = ask_node(port, "GET", "/_cat/allocation?format=json&bytes=b")
    return {
        row["node"]: {
            "shards": int(row["shards"]),
            "bytes": int(row["disk.indices"] or 0),
            "used": int(row["disk.used"] or 0),
            "total": int(row["disk.total"] or 0),
        }
        for row in rows
        if row["node"] != "UNASSIGNED" and row["shards"] is not None
    }


def excluded(port):
    """(names that may hold no data, names that may not vote)."""
    settings = ask_node(port, "GET", "/_cluster/settings?flat_settings=true")["persistent"]
    path = "/_cluster/state/metadata?filter_path=metadata.cluster_coordination"
    state = ask_node(port, "GET", path).get("metadata", {}).get("cluster_coordination", {})
    names = [name for name in settings.get(EXCLUDED, "").split(",") if name]
    votes = [item["node_name"] for item in state.get("voting_config_exclusions", [])]
    return sorted(names), sorted(votes)


def copies(port):
    """The largest number of hosts that one index needs, each for a copy of its own."""
    replicas, expands = "index.number_of_replicas", "index.auto_expand_replicas"
    path = f"/_all/_settings/{replicas},{expands}?flat_settings=true&expand_wildcards=all"
    most = 0
    for index in ask_node(port, "GET", path).values():
        now = index.get("settings", {})
        if now.get(expands, "false") == "false":
            most = max(most, int(now.get(replicas, 0)))
    return most + 1


def look_cluster(q):
    """The cluster as a member on this host knows it; {} when it does not answer."""
    if not q:
        return None
    port = q["port"]
    try:
        names, votes = excluded(port)
        nodes = allocation(port)
        return {"excluded": names, "no_vote": votes, "nodes": nodes, "copies": copies(port)}
    except (OSError, ValueError, KeyError):
        return {}


def callers(port):
    """Established connections to a TCP port of this host, by the other end's address."""
    found = {}
    text = sh(["ss", "-Htn", "state", "established", f"( sport = :{port} )"])[1] if port else ""
    for line in text.splitlines():
        peer = line.split()[3].rsplit(":", 1)[0].strip("[]").removeprefix("::ffff:")
        found[peer] = found.get(peer, 0) + 1
    return found


def still_needed(q):
    """Callers of a host that leaves, and for a search host the shards that it holds."""
    if not q:
        return None
    out = {"callers": callers(q["asked_at"])}
    if q.get("node"):
        try:
            out["shards"] = allocation(q["port"]).get(q["node"], {}).get("shards", 0)
        except (OSError, ValueError, KeyError):
            out["shards"] = None  # it does not answer, so nobody can tell
    return out

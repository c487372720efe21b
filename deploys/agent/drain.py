"""Sends data away from hosts that leave the search cluster, and tells who still needs a host.

Both tell the state as one line of JSON and come back at once: whoever asks comes again."""

import json
import sys
import urllib.error

from deploys.agent.drain_look import (
    EXCLUDED,
    VOTING,
    allocation,
    ask_node,
    excluded,
    still_needed,
)
from deploys.agent.write import Stop

VOTES_S = 60  # until a cluster manager that leaves has handed over


def do_drain(r):
    for d in r["drain"]:
        try:
            exclude(d["port"], d["names"])
            nodes = allocation(d["port"])
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(500).decode(errors="replace")
            raise Stop(f"the cluster refused to let {', '.join(d['names'])} go: {told}") from None
        except (OSError, ValueError, KeyError) as error:
            raise Stop(
                f"the search node on loopback port {d['port']} did not answer ({error}); look at "
                "systemctl status opensearch.service, then run the same command again"
            ) from None
        left = {name: nodes[name] for name in d["names"] if name in nodes}
        sys.stdout.write(json.dumps({"left": left}) + "\n")


def exclude(port, names):
    """The whole of what the cluster is told: these members, and no others."""
    wanted = sorted(names)
    held, votes = excluded(port)
    if held != wanted:
        body = {"persistent": {EXCLUDED: ",".join(wanted) or None}}
        ask_node(port, "PUT", "/_cluster/settings", body)
    if votes != wanted:
        if votes:
            ask_node(port, "DELETE", f"{VOTING}?wait_for_removal=false")
        if wanted:
            path = f"{VOTING}?node_names={','.join(wanted)}&timeout={VOTES_S - 10}s"
            ask_node(port, "POST", path, timeout=VOTES_S)


def do_needed(r):
    sys.stdout.write(json.dumps(still_needed(r["of"])) + "\n")

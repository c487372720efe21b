"""What the container engine says, over its own socket: no program is started for it.

Only containers that carry this project's label are looked at. Without an engine there is nothing
to say, which is an answer too.
"""

import http.client
import json
import os
import socket
from urllib.parse import quote

from deploys.agent.look import STATE, load

ENGINE_SOCKET = "/run/docker.sock"
ENGINE_WAIT_S = 30
LABEL = "fountainai."  # group, colour, image, settings, secrets
KEPT = STATE + "/containers.json"  # group -> the image that serves and the one before it


class Engine(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(ENGINE_SOCKET)


def engine(method, path, body=None, headers=None, timeout=ENGINE_WAIT_S):
    """Status and bytes of one call; OSError when there is no engine or no answer."""
    connection = Engine("engine", timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        said = {"Content-Type": "application/json"} if data else {}
        connection.request(method, path, data, {**said, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as e:
        raise OSError(0, f"the container engine broke off: {e}") from None
    finally:
        connection.close()


def engine_json(path):
    """The parsed answer of a GET, None for anything but 200."""
    status, text = engine("GET", path)
    return json.loads(text) if status == 200 else None


def container(name):
    """What is known of one container, None without one of that name."""
    raw = engine_json("/containers/" + quote(name, safe="") + "/json")
    if raw is None:
        return None
    labels, limits, state = raw["Config"]["Labels"] or {}, raw["HostConfig"], raw["State"]
    image = engine_json("/images/" + raw["Image"] + "/json") or {}
    bindings = [x for found in (limits.get("PortBindings") or {}).values() for x in found]
    return {
        "id": raw["Id"],
        **{k: labels.get(LABEL + k, "") for k in ("group", "colour", "image", "settings")},
        "secrets": labels.get(LABEL + "secrets", ""),
        "digests": image.get("RepoDigests") or [],
        "running": bool(state["Running"]) and not state["Restarting"] and not state["Paused"],
        "state": state["Status"],
        "exit": state["ExitCode"],
        "starved": bool(state.get("OOMKilled")),
        "started": state["StartedAt"],
        "restarts": raw["RestartCount"],
        "limits": {
            "memory": limits["Memory"],
            "swap": limits["MemorySwap"],
            "pids": limits.get("PidsLimit") or 0,
            "restart": limits["RestartPolicy"]["Name"],
        },
        "ports": [int(x["HostPort"]) for x in bindings if x.get("HostPort")],
    }


def active_colour(switch):
    """The colour that the door sends requests to."""
    return "green" if os.path.exists(switch) else "blue"


def containers(switches):
    """Everything about the groups in `switches` (group -> switch file) and what was left of
    other groups; empty without groups."""
    if not switches:
        return {}
    out = {
        "engine": False,
        "seen": {},
        "images": [],
        "active": {group: active_colour(path) for group, path in switches.items()},
        "kept": load(KEPT) or {},
    }
    try:
        wanted = quote(json.dumps({"label": [LABEL + "group"]}))
        found = engine_json("/containers/json?all=1&filters=" + wanted) or []
        for name in sorted(x.lstrip("/") for item in found for x in item["Names"]):
            looked = container(name)
            if looked is not None:
                out["seen"][name] = looked
        images = engine_json("/images/json") or []
    except OSError:
        return out
    out["engine"] = True
    out["images"] = sorted({x for item in images for x in item.get("RepoDigests") or ()})
    return out

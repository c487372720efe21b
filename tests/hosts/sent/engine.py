"""What the container engine of an app host says, and what the kernel says of its containers."""

import http.client
import json
import os
import socket

SOCKET = "/run/docker.sock"


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(SOCKET)


def ask(path):
    connection = Engine("engine")
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def text(path):
    with open(path) as file:
        return file.read()


def limit(groups, controller, *names):
    """A limit as the kernel enforces it, by the one hierarchy of today or one per controller; no
    number without a limit."""
    if controller in groups:
        path = f"/sys/fs/cgroup/{controller}{groups[controller]}/{names[1]}"
    else:
        path = f"/sys/fs/cgroup{groups['']}/{names[0]}"
    said = text(path).strip() if os.path.exists(path) else ""
    return int(said) if said.isdigit() else None


def kernel(pid):
    """Rights and limits of a process, as they are and not as they were asked for."""
    status = dict(line.split(":", 1) for line in text(f"/proc/{pid}/status").splitlines())
    groups = {}
    for line in text(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    names = ("Uid", "Gid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")
    return {
        **{name: status[name].split() for name in names},
        "memory": limit(groups, "memory", "memory.max", "memory.limit_in_bytes"),
        "pids": limit(groups, "pids", "pids.max", "pids.max"),
        "mounts": text(f"/proc/{pid}/mountinfo").splitlines(),
    }


def children(pid):
    try:
        return [int(child) for child in text(f"/proc/{pid}/task/{pid}/children").split()]
    except OSError:
        return []


def run(task):
    """`task` is not needed."""
    containers = []
    for each in ask("/containers/json?all=1"):
        seen = ask(f"/containers/{each['Id']}/json")
        seen["RepoDigests"] = ask(f"/images/{seen['Image']}/json").get("RepoDigests") or []
        pid = seen["State"]["Pid"]
        seen["Kernel"] = [kernel(p) for p in (pid, *children(pid))] if pid else []
        containers.append(seen)
    socket_mode = os.stat(SOCKET)
    return {
        "info": ask("/info"),
        "containers": containers,
        "socket": [oct(socket_mode.st_mode & 0o777), socket_mode.st_uid, socket_mode.st_gid],
    }

"""Containers that take turns: the new one starts beside the old one, takes over when it can work.

Whatever fails or is killed, the one that serves goes on serving: nothing is stopped before
another one answers, and one file, made or removed at once, decides which of them nginx asks.
"""

import contextlib
import http.client
import os
import time
from urllib.parse import quote

from deploys.agent.docker import KEPT, LABEL, active_colour, container, containers, engine
from deploys.agent.images import drop_images, engine_must, engine_up, pull_image
from deploys.agent.look import load, read
from deploys.agent.write import Stop, sync_directory, write_json

LAST_LINES = 12  # of a container's log, in the message about its failure
CRASH_LOOK_S = 10  # for the exit code of one that was started again
CRASHES = 1  # a container that was started again by itself will not come up


def container_answer(port, path):
    """(status, text) of one look at a container's readiness; status 0 without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as e:
        return 0, f"no answer ({type(e).__name__})"
    finally:
        connection.close()


def container_log(name):
    """Its last lines. The engine frames them: 8 bytes, the last four of which are the length."""
    path = f"/containers/{quote(name)}/logs?stdout=1&stderr=1&tail={LAST_LINES}"
    status, text = engine("GET", path)
    out, at = b"", 0
    while status == 200 and at + 8 <= len(text):
        size = int.from_bytes(text[at + 4 : at + 8], "big")
        out += text[at + 8 : at + 8 + size]
        at += 8 + size
    return "".join(f"\n  {x}" for x in out.decode(errors="replace").splitlines()[-LAST_LINES:])


def ended(name, now):
    """The container as it is between two starts: while it runs again its exit code reads 0."""
    limit = time.monotonic() + CRASH_LOOK_S
    while now is not None and now["running"] and time.monotonic() < limit:
        time.sleep(0.1)
        now = container(name)
    return now


def wait_container(name, spec, port):
    """Wait until it can work; Stop with the reason when it never will."""
    deadline = time.monotonic() + spec["ready_s"]
    said, pause = "no answer", 0.2
    while True:
        status, text = container_answer(port, spec["health"])
        if status == 200:
            break
        said = f"{status}: {text.strip()[:400]}" if status else text
        now = container(name)
        if now is None or now["restarts"] >= CRASHES or not now["running"]:
            now = ended(name, now)
            code = now["exit"] if now and not now["running"] else "?"
            starved = ", it was killed for want of memory" if now and now["starved"] else ""
            raise Stop(f"crashes at start (exit code {code}{starved}){container_log(name)}")
        if time.monotonic() > deadline:
            log = container_log(name)
            raise Stop(
                f"never becomes healthy: after {spec['ready_s']} s {spec['health']} said "
                f"{said}{log}"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, 2)
    now = container(name)
    if now is None or spec["image"] not in now["digests"]:
        raise Stop("runs another image than it was started with")


def create_container(name, colour, port, spec):
    memory = spec["memory_mb"] * 1048576
    mounts = []
    if spec["secrets"]:
        source, target = spec["secrets"]
        mounts = [{"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}]
    inside = "8000/tcp"
    body = {
        "Image": spec["image"],
        "Cmd": spec["command"],
        "Env": [f"{k}={v}" for k, v in spec["environment"]],
        "User": spec["user"],
        "Labels": {
            LABEL + "group": spec["group"],
            LABEL + "colour": colour,
            LABEL + "image": spec["image"],
            LABEL + "settings": spec["settings"],
            LABEL + "secrets": spec["secrets_digest"],
        },
        "ExposedPorts": {inside: {}},
        "Healthcheck": {"StartInterval": 1_000_000_000},
        "HostConfig": {
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=32m"},  # noqa: S108  its own
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": memory,
            "MemorySwap": memory,
            "PidsLimit": spec["pids"],
            "Init": True,
            "RestartPolicy": {"Name": "unless-stopped"},
            "PortBindings": {inside: [{"HostIp": "127.0.0.1", "HostPort": str(port)}]},
            "Mounts": mounts,
        },
    }
    what = f"container {name} could not be made"
    engine_must("POST", f"/containers/create?name={quote(name)}", what, body)


def remove_container(name):
    path = f"/containers/{quote(name)}?force=1&v=1"
    engine_must("DELETE", path, f"container {name} could not be removed", fine=(404, 409))


def busy_connections(ports):
    """How many connections this host has to these ports of loopback."""
    hexed = {f"0100007F:{port:04X}" for port in ports}
    lines = [x.split() for x in read("/proc/net/tcp").decode().splitlines()[1:]]
    return sum(1 for x in lines if x[2] in hexed and x[3] == "01")


def retire_container(name, drain_s):
    """Let it finish what it works on, stop and remove it. Nothing new is sent to it any more."""
    now = container(name)
    if now is None:
        return
    deadline = time.monotonic() + drain_s
    while now["running"] and busy_connections(now["ports"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    path = f"/containers/{quote(name)}/stop?t={drain_s}"
    what = f"container {name} could not be stopped"
    engine_must("POST", path, what, timeout=drain_s + 60, fine=(304, 404))
    remove_container(name)


def set_switch(path, colour):
    """One file that is there or not: no moment in between."""
    if colour == "green":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    sync_directory(os.path.dirname(path))


def same_container(now, spec):
    """Whether a container found here is the very one that would be started."""
    return (
        now["running"]
        and now["image"] == spec["image"]
        and now["settings"] == spec["settings"]
        and now["secrets"] == spec["secrets_digest"]
    )


def replace_container(spec):
    """Start the other colour, wait for it, hand over, retire the old one."""
    group, colour = spec["group"], active_colour(spec["switch"])
    old, other = f"{group}-{colour}", "blue" if colour == "green" else "green"
    name, port = f"{group}-{other}", spec["ports"][other == "green"]
    serving = container(old)
    if (serving or {}).get("id") != spec["expect"]:
        raise Stop(f"{old} was changed on the host after the plan was made; run again")
    left = container(name)
    if left is not None and left["group"] != group:
        raise Stop(f"container {name} is not one of ours; remove it on the host and run again")
    if left is None or not same_container(left, spec):
        remove_container(name)
        create_container(name, other, port, spec)
    try:
        engine_must("POST", f"/containers/{quote(name)}/start", "cannot be started", fine=(304,))
        wait_container(name, spec, port)
    except Stop as e:
        remove_container(name)
        lives = bool(serving and serving["running"])
        after = f"{old} goes on serving" if lives else "nothing serves"
        raise Stop(f"{group}: {after}. The new container of {spec['image']} {e}") from None
    kept = load(KEPT) or {}
    before = serving["image"] if serving else (kept.get(group) or {}).get("image")
    if before == spec["image"]:
        before = (kept.get(group) or {}).get("previous")
    write_json(KEPT, {**kept, group: {"image": spec["image"], "previous": before}})
    set_switch(spec["switch"], other)
    retire_container(old, spec["drain_s"])


def do_containers(r):
    """Pull everything first, then replace one group after another, then tidy up."""
    engine_up()
    for spec in (x for x in r["containers"] if "image" in x):
        pull_image(spec["group"], spec["image"], spec["login"])
    for spec in r["containers"]:
        if "image" in spec:
            replace_container(spec)
        else:
            retire_container(spec["retire"], spec["drain_s"])
    drop_images(r["groups"])
    seen = containers(dict.fromkeys(r["groups"], ""))["seen"]
    for group in r["groups"]:
        if not any(x["group"] == group and x["running"] for x in seen.values()):
            raise Stop(f"no container of {group} runs; run the same command again")

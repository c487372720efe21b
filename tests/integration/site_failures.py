"""What is done to a whole site while it is worked on: other settings, dead runs, dead hosts.

Everything goes through the means that people have (the site file, the commands, a power switch);
what the hosts are like afterwards is read from the hosts themselves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import tomli_w

from inventories.lab import overlay, process, registry, state
from tests.integration.site_support import SITE, WholeSite
from tests.labs import ROOT

SOCKET = "curl -sS --fail-with-body --unix-socket /run/docker.sock"
STARTING = "--> Starting operation: "
NO_CHANGES = "no changes (as left by"
#: Programs that live as long as their service; what runs in a container tells its start itself.
DAEMONS = "nginx,kong,dockerd,containerd,java"
RUN_S = 600  # longest run of the site


def write_settings(site: WholeSite, changed: Mapping[str, Mapping[str, Any]]) -> None:
    """Set keys of tables of the lab's site file; None takes a key away."""
    path = Path(str(state.load(site.env).overlay))
    assert path.is_relative_to(site.driver.lab.directory), "the lab has a file of its own"
    data = overlay.read(state.load(site.env))
    for table, keys in changed.items():
        place = data
        for step in table.split("."):
            place = place.setdefault(step, {})
        place.update({key: value for key, value in keys.items() if value is not None})
        for key in [key for key, value in keys.items() if value is None]:
            place.pop(key, None)
    path.write_text(tomli_w.dumps(data))


def host_of(site: WholeSite, role: str) -> str:
    """The first host of a role."""
    return next(host.name for host in site.hosts if host.role == role)


def ids_of(site: WholeSite, host: str) -> str:
    """A host's units, daemons and containers with when they started, and its managed files."""
    return site.ssh(
        host,
        "exec 2>/dev/null; for unit in docker nginx kong opensearch host-firewall ssh; do "
        "systemctl show -p Id,MainPID,ActiveEnterTimestampMonotonic,NRestarts $unit.service; done; "
        f"ps -o pid=,comm=,lstart= -C {DAEMONS} | sort; "
        "sha256sum /etc/kong/kong.yml /etc/nginx/nginx.conf /var/lib/fountainai/*.json*; "
        f'for id in $({SOCKET} http://engine/containers/json | grep -o \'"Id":"[0-9a-f]*\' '
        f"| cut -d'\"' -f4); do {SOCKET} http://engine/containers/$id/json "
        "| grep -oE '\"(Id|StartedAt|Pid|RestartCount)\":[^,]*'; done; true",
    )


def ids(site: WholeSite) -> dict[str, str]:
    """`ids_of` every host."""
    return {host.name: ids_of(site, host.name) for host in site.hosts}


def containers(site: WholeSite) -> dict[str, tuple[str, str, str]]:
    """name -> (id, start, image) of all containers of the first app host."""
    host = host_of(site, "app")
    found = {}
    for item in json.loads(site.ssh(host, f"{SOCKET} 'http://engine/containers/json?all=1'")):
        one = json.loads(site.ssh(host, f"{SOCKET} http://engine/containers/{item['Id']}/json"))
        start, image = one["State"]["StartedAt"], one["Config"]["Image"]
        found[one["Name"].lstrip("/")] = (one["Id"], start, image)
    return found


def gateway(site: WholeSite) -> str:
    """The gateway's file, what it says that it runs, its processes."""
    return site.ssh(
        host_of(site, "kong"),
        "sha256sum /etc/kong/kong.yml /etc/kong/applied/*; "
        "curl -s http://127.0.0.1:8007/status | grep -o 'configuration_hash[^,}]*'; "
        "ps -o pid=,lstart= -C kong | sort; systemctl show -p MainPID kong.service",
    )


def refused(site: WholeSite, *flags: str) -> str:
    """A run of the site that must not go through; all it said."""
    done = site.pyinfra(SITE, "-y", *flags, timeout=900)
    text = done.stdout + done.stderr
    assert done.returncode == 1, text
    assert "Traceback" not in text, text
    return text


def unchanged(site: WholeSite) -> None:
    """The run after a good one: every host looked at, none touched."""
    before = ids(site)
    done = site.converge()
    text = done.stdout + done.stderr
    assert text.count(NO_CHANGES) == len(site.hosts), text
    assert ids(site) == before


@contextmanager
def no_registry(site: WholeSite) -> Iterator[None]:
    """The lab's registry is off."""
    lab = state.load(site.env)
    with state.locked(lab.directory, what="lab"):
        process.end(registry.record(lab), grace_s=5)
    try:
        yield
    finally:
        with state.locked(lab.directory, what="lab"):
            registry.start(lab)


@dataclass(frozen=True)
class Ended:
    """How a run came to its end."""

    at: str  # the operation at which something was done to it; "" when it never came so far
    code: int
    said: str


def at_operation(site: WholeSite, name: str, nth: int, then: Callable[[int], None]) -> Ended:
    """A run of the site, and `then(pid)` as soon as its `nth` operation of that name starts; of
    any name, if it is ""."""
    run = subprocess.Popen(
        site.command(SITE, "-y"), cwd=ROOT, env=site.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    hung = threading.Timer(RUN_S, os.killpg, (run.pid, signal.SIGKILL))
    hung.start()
    said, seen, met = [], 0, ""
    try:
        assert run.stdout is not None
        for line in run.stdout:
            said.append(line)
            started = line.removeprefix(STARTING).strip() if line.startswith(STARTING) else ""
            if started and name in ("", started):
                seen += 1
                if seen == nth:
                    met = started
                    then(run.pid)
        code = run.wait(timeout=60)
    finally:
        hung.cancel()
    site.output.append("".join(said))
    return Ended(met, code, "".join(said))


def kill_at(site: WholeSite, name: str, nth: int, after_s: float = 0) -> str:
    """kill -9 a run when that operation starts, or a little later; the operation, "" when there
    was none. What the host was told by then, it goes on doing."""

    def kill(pid: int) -> None:
        time.sleep(after_s)
        os.killpg(pid, signal.SIGKILL)

    ended = at_operation(site, name, nth, kill)
    assert ended.code == (-signal.SIGKILL if ended.at else 0), ended.said
    return ended.at


def image(site: WholeSite) -> str:
    """Of the one container that runs."""
    ((_, _, found),) = containers(site).values()
    return found


def answers(site: WholeSite, path: str = "/scripts?limit=1") -> int:
    """Status of a storyteller's request; 0 without an answer."""
    try:
        with site.client() as client:
            return client.get(path).status_code
    except httpx.TransportError:
        return 0

"""A container of the image as production runs it: no rights, nothing to write, a health check that
tells the truth."""

from __future__ import annotations

import json

from deploys.agent import containers, docker
from deploys.roles.app import INSIDE, UID
from tests.image import deeds
from tests.image.container import LIMITS, RIGHTS, Running, running, until
from tests.image.door import Door
from tests.image.engine import Image, ask, run, socket
from tests.image.findings import none_of

PROCESSES = """
import json, os
out = []
for pid in os.listdir("/proc"):
    if pid.isdigit():
        try:
            lines = open(f"/proc/{pid}/status").read().splitlines()
        except FileNotFoundError:
            continue
        out.append({key: value.split() for key, _, value in (x.partition(":") for x in lines)})
print(json.dumps(out))
"""
WRITES = """
import os
done = []
for place in ("/", "/etc", "/home", "/opt/story", "/root", "/run", "/usr", "/var/tmp", "/var/log",
              "/dev/shm" if os.path.isdir("/dev/shm") else "/srv", SECRETS, "/tmp"):
    path = os.path.join(place, "written")
    try:
        open(path, "w").close()
        os.unlink(path)
        done.append(place)
    except OSError:
        pass
print(*done)
"""
LISTENS = """
import sys
lines = [x.split() for x in open("/proc/net/tcp").read().splitlines()[1:]]
print(*(x[1] for x in lines if x[3] == "0A"))
"""
HEALTHY_S, UNHEALTHY_S = 40.0, 40.0
#: What the engine is told of a container's rights.
COMPARED = (
    "ReadonlyRootfs", "Tmpfs", "CapDrop", "CapAdd", "SecurityOpt", "Memory", "MemorySwap",
    "PidsLimit", "Init", "Privileged",
)  # fmt: skip


def test_every_process_is_the_services_user_without_rights(services: Running) -> None:
    found = json.loads(services.python(PROCESSES))
    assert len(found) >= 2  # the first process, and the services
    for process in found:
        assert set(process["Uid"]) == set(process["Gid"]) == {str(UID)}, process["Name"]
        assert set(process["Groups"]) <= {str(UID)}
        assert int(process["CapEff"][0], 16) == int(process["CapBnd"][0], 16) == 0
        assert process["NoNewPrivs"] == ["1"]


def test_only_its_own_tmp_can_be_written(services: Running) -> None:
    # /dev/shm is the engine's own, of every container, and gone with it.
    written = set(services.python(f"SECRETS = {INSIDE!r}\n{WRITES}").split())
    assert written - {"/dev/shm"} == {"/tmp"}


def test_nothing_tries_to_write(
    subject: Image, env: dict[str, str], flags: tuple[str, ...]
) -> None:
    """With a file system that would let it, nothing of it is changed by work of all services."""
    # The engine makes a place for its init, too.
    rights = tuple(flag for flag in RIGHTS if flag not in ("--read-only", "--init"))
    with running(subject, env=env, flags=flags, rights=rights) as made:
        made.ready()
        with made.client() as client:
            for deed in deeds.DEEDS.values():
                deed(client)
        changed = {line.partition(" ")[2] for line in ask("diff", made.name).splitlines()}
    none_of(changed - {"/run", "/run/secrets", INSIDE, "/tmp"})  # those are mounted


def test_the_health_check_follows_the_store(
    subject: Image, env: dict[str, str], flags: tuple[str, ...], store: Door
) -> None:
    """Healthy, unhealthy while the store is away, healthy again without anybody's help."""
    with running(subject, env=env, flags=flags) as made:
        until(lambda: made.health() == "healthy", HEALTHY_S, lambda: said(made))
        began = made.state()["StartedAt"]
        store.go()
        try:
            until(lambda: made.health() == "unhealthy", UNHEALTHY_S, lambda: said(made))
            with made.client() as client:
                answer = client.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (503, "down")
        finally:
            store.come()
        until(lambda: made.health() == "healthy", HEALTHY_S, lambda: said(made))
        assert made.state()["StartedAt"] == began, "by itself, not by a restart"


def said(container: Running) -> str:
    checks = container.state()["Health"]
    return f"{checks['Status']}: {[(c['ExitCode'], c['Output'][:200]) for c in checks['Log']]}"


def test_by_default_it_listens_where_production_looks(subject: Image) -> None:
    """On all addresses of its own network, port 8000; without any setting, and without a store."""
    name = "story-image-test-default-" + subject.found["Id"][-12:]
    run("rm", "--force", name)
    try:
        ask("run", "--detach", "--name", name, "--network", "none", *RIGHTS, subject.name)
        made = Running(name, "")
        until(lambda: "00000000:1F40" in made.python(LISTENS).split(), HEALTHY_S, made.log)
    finally:
        run("rm", "--force", name)


def test_the_flags_are_those_of_production(subject: Image, services: Running) -> None:
    """The agent's own request to this engine, and ours: the engine understands the same."""
    name = services.name + "-agent"
    spec = {
        "image": subject.name, "memory_mb": LIMITS.memory_mb, "pids": LIMITS.pids, "command": [],
        "environment": [], "user": f"{UID}:{UID}", "group": "story", "settings": "",
        "secrets": None, "secrets_digest": "",
    }  # fmt: skip
    before, docker.ENGINE_SOCKET = docker.ENGINE_SOCKET, socket()
    try:
        containers.create_container(name, "blue", 18000, spec)
        theirs, ours = (inspected(x) for x in (name, services.name))
        for key in COMPARED:
            assert ours["HostConfig"].get(key) == theirs["HostConfig"].get(key), key
        assert ours["Config"]["User"] == theirs["Config"]["User"]
        assert ours["Config"]["Healthcheck"]["Test"] == theirs["Config"]["Healthcheck"]["Test"]
    finally:
        docker.ENGINE_SOCKET = before
        run("rm", "--force", name)


def inspected(name: str) -> dict[str, dict[str, object]]:
    (found,) = json.loads(ask("inspect", name))
    return dict(found)

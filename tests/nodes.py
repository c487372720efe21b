"""What the tests of search hosts share: sites whose settings change, the door, plays, memory.

Everything goes the way a person or service goes: settings through a site file, converging through
pyinfra, documents and searches through the door with a role's certificate.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from opensearchpy import OpenSearch
from opensearchpy.exceptions import TransportError

from deploys.pki import Pki
from inventories.loader import Host
from inventories.worlds import world
from tests.labs import ROOT, Site, site, until
from tests.node_load import load, search_in_parallel

DEPLOY = "deploys/opensearch.py"
LIMIT_S = 1500  # for one converge on a machine that is busy with other labs
PATIENT = (429, 502, 503, 504)  # the client's rule: ask again, ids make writes repeatable


@dataclass
class Node:
    """A site of search hosts and the site file it reads."""

    site: Site
    overlay: Path
    hosts: tuple[Host, ...]

    def settings(self, *, size: str = "micro", **opensearch: object) -> None:
        """Write the lab's part of the site file; what is not given keeps its default."""
        hosts = [{"name": h.name, "role": "opensearch", "size": size} for h in self.hosts]
        text = tomli_w.dumps(
            {"site": {"blueprint": "debian_13"}, "hosts": hosts, "opensearch": opensearch}
        )
        self.overlay.write_text(text)

    def converge(self, **env: str) -> str:
        """Converge; the run's whole output. Fails the test when the run fails."""
        done = self.site.pyinfra(DEPLOY, "-y", timeout=LIMIT_S, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def refused(self, *flags: str, **env: str) -> str:
        """Converge, expecting exit 1 without a traceback; the output."""
        done = self.site.pyinfra(DEPLOY, *(flags or ("-y",)), timeout=LIMIT_S, **env)
        text = done.stdout + done.stderr
        assert done.returncode == 1, text
        assert "Traceback" not in text, text
        return text

    def converged(self) -> None:
        """Another run finds nothing to do, and the world agrees."""
        before = self.world()
        text = self.converge()
        assert text.count("no changes (as left by") == len(self.hosts), text
        assert self.world() == before

    def world(self) -> list[str]:
        return [managed(self.site, host.name) for host in self.hosts]

    def client(self, *names: str, role: str = "story", timeout: float = 30) -> OpenSearch:
        """The door of the named hosts (default: all of them) with a role's certificate."""
        secrets = world(self.site.env).secrets
        certificate, key = Pki(secrets, self.site.env).client_paths(role)
        chosen = [h for h in self.hosts if not names or h.name in names]
        return OpenSearch(
            [{"host": h.private_address, "port": 9200} for h in chosen],
            use_ssl=True, ca_certs=str(secrets / "pki/ca.pem"), client_cert=str(certificate),
            client_key=str(key), timeout=timeout, retry_on_status=PATIENT,
            retry_on_timeout=True, max_retries=5, http_compress=False,
        )  # fmt: skip

    def ssh(self, command: str, host: str = "search-1", *, check: bool = True) -> str:
        return self.site.ssh(host, command, check=check)

    def pid(self, host: str = "search-1") -> int:
        return int(self.ssh("systemctl show -p MainPID --value opensearch.service", host))

    def memory(self, host: str = "search-1") -> Memory:
        return memory(self.site, host)


@contextmanager
def nodes(
    env: str, memory_mb: int, tmp: Path, names: Sequence[str] = ("search-1",)
) -> Iterator[Node]:
    """A lab of fresh search hosts with that memory; nothing is converged yet."""
    overlay = tmp / f"{env}.toml"
    with site(env, {n: ("opensearch", memory_mb) for n in names}, overlay=overlay) as made:
        node = Node(made, overlay, tuple(made.hosts))
        node.settings()
        yield node


def managed(lab: Site, host: str) -> str:
    """Digest and rights of all managed files, links, and when the processes started."""
    return lab.ssh(
        host,
        "find /etc/opensearch /etc/nginx/nginx.conf /etc/nginx/tls /usr/local/lib/fountainai "
        "/etc/nftables.conf /etc/systemd/system -type f -printf '%p %m %u %g %C@\\n' | sort; "
        "readlink /opt/opensearch/current; ls -d /opt/opensearch/*; "
        "systemctl show -p Id,MainPID,NRestarts,ExecMainStartTimestampMonotonic "
        "opensearch.service nginx.service; sha256sum /var/lib/fountainai/*",
    )


# Memory ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """What a host uses, MiB, and whether its limit ever killed."""

    node_mb: int  # resident set of the node's process
    host_mb: int  # anonymous and resident memory of all processes of the host
    cached_mb: int  # page cache on top; given back when needed
    peak_mb: int  # the most the host ever used, page cache included
    limit_mb: int
    oom_kills: int

    def __str__(self) -> str:
        return (
            f"node {self.node_mb} MiB, host {self.host_mb} + {self.cached_mb} cache "
            f"(peak {self.peak_mb} of {self.limit_mb}), kills {self.oom_kills}"
        )


def memory(lab: Site, host: str) -> Memory:
    """From the host's control group on this machine (version 1) and the node's /proc."""
    group = Path("/sys/fs/cgroup/memory/fountainai-lab") / lab.env / host
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    kills = 0
    for control in (group / "memory.oom_control", *group.rglob("memory.oom_control")):
        found = dict(line.split() for line in control.read_text().splitlines())
        kills += int(found["oom_kill"])
    resident = lab.ssh(
        host,
        "awk '/VmRSS/ {print $2}' /proc/$(systemctl show -p MainPID --value opensearch)/status",
    )
    return Memory(
        node_mb=int(resident) // 1024,
        host_mb=int(stat["total_rss"]) >> 20,
        cached_mb=int(stat["total_cache"]) >> 20,
        peak_mb=int((group / "memory.max_usage_in_bytes").read_text()) >> 20,
        limit_mb=int((group / "memory.limit_in_bytes").read_text()) >> 20,
        oom_kills=kills,
    )


# Watching -----------------------------------------------------------------------------------


@dataclass
class Watch:
    """What was seen of a cluster by a reader while something else was going on."""

    reads: int = 0
    failures: list[str] = field(default_factory=list)
    fewest_nodes: int = 99
    statuses: set[str] = field(default_factory=set)


@contextmanager
def watched(node: Node, check: Callable[[OpenSearch], bool]) -> Iterator[Watch]:
    """Read without a pause through all doors, by the client's rule (another door, ask again)."""
    seen, stop = Watch(), threading.Event()
    doors = [node.client(h.name, timeout=10) for h in node.hosts]
    for door in doors:
        door.transport.max_retries = 0

    def try_doors(call: Callable[[OpenSearch], Any]) -> Any:
        error: Exception | None = None
        for door in doors * 2:
            try:
                return call(door)
            except TransportError as problem:
                error = problem
        raise AssertionError(f"no door answers: {error}")

    def read() -> None:
        while not stop.wait(0.2):
            try:
                health = try_doors(lambda door: door.cluster.health())
                seen.fewest_nodes = min(seen.fewest_nodes, health["number_of_nodes"])
                seen.statuses.add(health["status"])
                if not try_doors(check):
                    seen.failures.append("wrong answer")
                seen.reads += 1
            except Exception as problem:
                seen.failures.append(str(problem)[:300])

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def wait_for_door(client: OpenSearch, limit_s: float = 180) -> None:
    """Until the index can be read again after an accident; the client's rule without a limit."""

    def answers() -> bool:
        try:
            return client.cluster.health()["status"] in ("yellow", "green")
        except TransportError:
            return False

    until(answers, limit_s)


# Kills -----------------------------------------------------------------------------------------

STARTING = "--> Starting operation: "


def killed_at(node: Node, operation: str | int, after_s: float = 0.0) -> str:
    """kill -9 a converge when that operation (name or number) starts; its name, "" when the run
    ended before. With `after_s`, so much later: in the middle of what it does."""
    run = subprocess.Popen(
        node.site.command(DEPLOY, "-y"), cwd=ROOT, env=node.site.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    assert run.stdout is not None
    seen = 0
    for line in run.stdout:
        if line.startswith(STARTING):
            seen += 1
            name = line.removeprefix(STARTING).strip()
            if operation in (name, seen):
                time.sleep(after_s)
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
                return name
    run.wait()
    return ""


def starts(node: Node, host: str = "search-1") -> int:
    """How often the host's node was started since the host was made."""
    return int(
        node.ssh("journalctl -u opensearch.service -o cat | grep -c '^Started ' || true", host)
    )


# Load ------------------------------------------------------------------------------------------


def under_load(node: Node, plays: Sequence[str], searches: int, host: str = "search-1") -> None:
    """Plays by bulk, then searches from 16 threads, and not one process killed for memory."""
    client = node.client(timeout=120)
    pid, kills = node.pid(host), node.memory(host).oom_kills
    began = time.monotonic()
    documents = load(client, plays)
    took = time.monotonic() - began
    if plays:
        print(f"{documents} documents of {len(plays)} plays in {took:.1f} s")
    p50, p95 = search_in_parallel(client, searches)
    used = node.memory(host)
    print(f"{searches} searches from 16 threads: p50 {p50:.0f} ms, p95 {p95:.0f} ms; {used}")
    assert node.pid(host) == pid
    assert used.oom_kills == kills
    assert used.peak_mb <= used.limit_mb

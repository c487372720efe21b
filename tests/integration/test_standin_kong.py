"""The stand-in's package on a real host: installed by apt, run by systemd as an account of its own.

What a deploy relies on is tried there: a reload that succeeds with a bad file and keeps the old
one, the MD5 of the file's bytes, refusals by the parser, no request lost, and the memory it takes.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploys.debs import Deb
from deploys.model import File, Machine
from deploys.pki import Pki
from deploys.roles.kong import PLUGINS, UNIT, Configuration, kong_role
from deploys.settings import KongSettings
from inventories.lab import state
from inventories.lab.standin.deb import build
from inventories.lab.standin.program import VERSION
from tests.labs import Site, site, until
from tests.standin_kong import Upstream, route, service

pytestmark = pytest.mark.lab
LAB = "t-k1"
MEMORY_MB = 100


def deployed(pki: Pki, address: str) -> tuple[File, ...]:
    """What a deploy puts on a gateway host besides the declarative file."""
    own = pki.host("gateway-1", [address])
    role = kong_role(
        KongSettings(package="standin"),
        Machine(512, 2, "amd64", "debian", "13", "trixie", container=True),
        Deb("fountainai-kong-standin", VERSION, ""),
        Configuration(
            content=b"",
            twin=b"",
            documents=b"",
            plugins=PLUGINS,
            access_format=b"# none\n",
            access_log="/var/log/kong/access.log",
            authorities=pki.ca_path.read_bytes(),
            probes=(),
            probe_key="",
        ),
        own.certificate,
        own.key,
        server_name=address,
    )
    return tuple(
        f for f in role.files if f.path.startswith(("/etc/kong", f"/etc/systemd/system/{UNIT}.d"))
    )


@dataclass
class Gateway:
    """A host with the package, and an upstream on this machine."""

    lab: Site
    pki: Pki
    upstream: Upstream
    address: str
    statuses: list[int] = field(default_factory=list)

    def ssh(self, command: str, *, check: bool = True) -> str:
        return self.lab.ssh("gateway-1", command, check=check)

    def put(self, file: File) -> None:
        path, coded = file.path, base64.encodebytes(file.content).decode()
        self.ssh(
            f"mkdir -p {Path(path).parent}; base64 -d > {path}.new <<'END'\n{coded}END\n"
            f"chmod {file.mode:o} {path}.new; chown {file.owner}:{file.group} {path}.new; "
            f"mv {path}.new {path}\n"
        )

    def document(self, routes: int = 1) -> dict[str, Any]:
        kong = service(self.pki, self.upstream.port)
        targets = [{"target": f"{self.address}:{self.upstream.port}"}]
        kong["upstreams"][0]["targets"] = targets
        limit = {"name": "rate-limiting", "config": {"minute": 100_000, "policy": "local"}}
        kong["services"][0]["routes"] += [
            route(f"r{n}", f"~/r{n}/(?<id>[^/]+)$", limit, methods=["GET", "POST"])
            for n in range(routes)
        ]
        return kong

    def write(self, document: dict[str, Any] | str) -> str:
        text = document if isinstance(document, str) else json.dumps(document)
        self.put(File("/etc/kong/kong.yml", text.encode(), group="kong", mode=0o640))
        return hashlib.md5(text.encode()).hexdigest()

    def status(self) -> tuple[str, str]:
        hashed = self.ssh("curl -s http://127.0.0.1:8007/status", check=False)
        ready = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8007/status/ready"
        code = self.ssh(ready, check=False)
        return (json.loads(hashed)["configuration_hash"] if hashed else "", code)

    def connection(self) -> http.client.HTTPSConnection:
        trust = ssl.create_default_context(cafile=str(self.pki.ca_path))
        host = self.lab.hosts[0].address
        return http.client.HTTPSConnection(host, 443, context=trust, timeout=10)

    def load(self, stop: threading.Event, per_second: int) -> None:
        """GET and POST in turn on one connection, each answer noted; 0 for none."""
        connection = self.connection()
        number = 0
        while not stop.wait(1 / per_second):
            number += 1
            try:
                connection.request(("GET", "POST")[number % 2], "/r0/a", b"x" * (number % 2 * 100))
                response = connection.getresponse()
                response.read()
                self.statuses.append(response.status)
            except OSError:
                self.statuses.append(0)
                connection.close()
        connection.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    pki = Pki(folder / "secrets", "lab")
    with site(LAB, {"gateway-1": ("kong", 512)}) as lab:
        address = state.load(LAB).gateway
        upstream = Upstream(pki, address=address)
        made = Gateway(lab, pki, upstream, address)
        try:
            made.put(File("/root/kong.deb", build(folder).read_bytes()))
            made.ssh("apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -qy "
                     "--no-install-recommends /root/kong.deb")  # fmt: skip
            yield made
        finally:
            upstream.close()


def test_installed_it_waits_to_be_told(gateway: Gateway) -> None:
    assert gateway.ssh("kong version").startswith("Kong stand-in for rehearsals 3.9.3+standin1")
    assert gateway.ssh("systemctl is-active kong", check=False) == "inactive\n"
    assert gateway.ssh("systemctl is-enabled kong", check=False) == "disabled\n"
    assert "Provides: kong" in gateway.ssh("dpkg -s fountainai-kong-standin")
    assert gateway.ssh("stat -c '%U:%G' /usr/local/kong /etc/kong") == "kong:kong\n" * 2
    assert gateway.ssh("id -un kong; dpkg --verify fountainai-kong-standin") == "kong\n"


def test_it_serves_as_its_own_account(gateway: Gateway) -> None:
    address = gateway.lab.hosts[0].address
    for file in deployed(gateway.pki, address):
        gateway.put(file)
    gateway.ssh("install -d -o kong -g kong -m 0750 /var/log/kong; chown root:root /etc/kong")
    digest = gateway.write(gateway.document())
    gateway.ssh("systemctl daemon-reload; systemctl start kong")
    until(lambda: gateway.status() == (digest, "200"))
    pid = gateway.ssh("systemctl show -P MainPID kong").strip()
    assert gateway.ssh(f"ps -o user=,comm= -p {pid}").split() == ["kong", "kong"]
    assert "443" in gateway.ssh("ss -Hltnp | grep '\"kong\"'")
    connection = gateway.connection()
    connection.request("GET", "/r0/a%2Fb")
    assert json.loads(connection.getresponse().read())["path"] == "/r0/a%2Fb"
    connection.close()


def test_bad_files_are_refused_by_the_parser_and_survive_a_reload(gateway: Gateway) -> None:
    before, pid = gateway.status(), gateway.ssh("systemctl show -P MainPID kong")
    good = gateway.ssh("cat /etc/kong/kong.yml")
    parse = (
        "rm -rf /run/scratch; install -d -o kong /run/scratch; setpriv --reuid kong --regid kong "
        "--init-groups kong config -c /etc/kong/kong.conf -p /run/scratch parse "
        "/etc/kong/kong.yml 2>&1; echo exit $?"
    )
    assert gateway.ssh(parse) == "parse successful\nexit 0\n"
    for bad, reason in (
        ("services: [", "failed parsing declarative configuration"),
        ('{"_format_version": "3.0", "plugins": [{"name": "openid-connect"}]}', "not enabled"),
    ):
        gateway.write(bad)
        told = gateway.ssh(parse)
        assert reason in told
        assert told.endswith("exit 1\n")
        gateway.ssh("systemctl reload kong")  # succeeds: that is the trap
        until(lambda: gateway.status() == (before[0], "503"))
        connection = gateway.connection()
        connection.request("GET", "/open")
        assert connection.getresponse().status == 200
        connection.close()
    gateway.write(good)
    gateway.ssh("systemctl reload kong")
    until(lambda: gateway.status() == before)
    assert gateway.ssh("systemctl show -P MainPID kong") == pid
    assert gateway.ssh("find /run/scratch -type f") == ""


def test_reloads_under_load_lose_nothing_and_memory_stays_small(gateway: Gateway) -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=gateway.load, args=(stop, 10)) for _ in range(2)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for routes in (20, 40, 60):
        digest = gateway.write(gateway.document(routes))
        gateway.ssh("systemctl reload kong")
        until(lambda digest=digest: gateway.status() == (digest, "200"))  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join(30)
    took = time.monotonic() - began
    assert set(gateway.statuses) == {200}, gateway.statuses
    pid = gateway.ssh("systemctl show -P MainPID kong").strip()
    memory = gateway.ssh(f"grep -E '^Vm(HWM|RSS)' /proc/{pid}/status").split()
    now, peak = int(memory[4]) // 1024, int(memory[1]) // 1024
    print(f"{len(gateway.statuses)} requests in {took:.1f} s; resident {now} MB, peak {peak} MB")
    assert peak <= MEMORY_MB


def test_purged_it_leaves_nothing(gateway: Gateway) -> None:
    gateway.ssh("systemctl stop kong; DEBIAN_FRONTEND=noninteractive apt-get purge -qy "
                "fountainai-kong-standin")  # fmt: skip
    left = gateway.ssh("ls -d /usr/local/kong /usr/lib/fountainai-kong-standin "
                       "/usr/local/bin/kong 2>/dev/null", check=False)  # fmt: skip
    assert left == ""

"""An app host: which image runs, with which rights and limits, and who may ask it.

What counts is what the engine and the kernel say now, not what the deploy asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from testinfra.host import Host as Shell

from deploys import placement
from deploys import x509 as certificates
from deploys.door.rules import organisation
from deploys.placement import AppHost, Group, containers_of
from deploys.roles.app import CALLERS, INSIDE, SECRETS, SWITCHES, UID
from deploys.settings import APP_PORT, SERVICES
from inventories.loader import Host
from tests.hosts.sent import ask, engine
from tests.hosts.support import Site

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"


@pytest.fixture(scope="session")
def shell(site: Site, app: Host) -> Shell:
    return site.shell(app)


@pytest.fixture(scope="session")
def placed(site: Site, app: Host) -> AppHost:
    found = placement.app_hosts(site.spec.hosts, site.inventory.hosts.values())
    return next(host for host in found if host.name == app.name)


@pytest.fixture(scope="session")
def groups(site: Site, placed: AppHost) -> tuple[Group, ...]:
    return containers_of(site.spec.app, placed)


@pytest.fixture(scope="session")
def seen(site: Site, app: Host) -> Any:
    return site.on(app, engine, {})


@pytest.fixture(scope="session")
def running(seen: Any) -> dict[str, Any]:
    return {c["Name"].lstrip("/"): c for c in seen["containers"] if c["State"]["Running"]}


def test_each_group_has_one_container_and_it_is_the_one_that_nginx_asks(
    shell: Shell, groups: tuple[Group, ...], running: dict[str, Any]
) -> None:
    """Nothing else runs in the engine; a second colour would eat the host's memory."""
    wanted = {
        f"{g.name}-{'green' if shell.file(f'{SWITCHES}/{g.name}.green').exists else 'blue'}"
        for g in groups
    }
    assert set(running) == wanted


def test_containers_run_the_image_of_the_site_file(site: Site, running: dict[str, Any]) -> None:
    """By its digest, which the engine checked when it pulled it."""
    for name, container in running.items():
        assert site.spec.app.image in container["RepoDigests"], name
        assert container["Config"]["Image"] == site.spec.app.image, name


def test_containers_have_no_rights(running: dict[str, Any]) -> None:
    """Every process in them, as the kernel has it."""
    for name, container in running.items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert not host["Privileged"], name
        assert host["NetworkMode"] in ("bridge", "default"), name
        assert (host["PidMode"], host["UsernsMode"], host["Devices"] or []) == ("", "", []), name
        assert len(container["Kernel"]) >= 1, name
        for process in container["Kernel"]:
            assert process["Uid"] == process["Gid"] == [str(UID)] * 4, name
            for kind in ("CapEff", "CapPrm", "CapBnd"):
                assert int(process[kind][0], 16) == 0, (name, kind)
            assert process["NoNewPrivs"] == ["1"], name
            assert process["Seccomp"] == ["2"], name
            (root,) = [x for x in process["mounts"] if x.split()[4] == "/"]
            assert "ro" in root.split()[5].split(","), name


def test_containers_have_the_limits_of_the_site_file(site: Site, running: dict[str, Any]) -> None:
    """Memory without a way into swap, and processes: the host goes on whatever a service does."""
    memory = site.spec.app.memory_mb * 1024 * 1024
    for name, container in running.items():
        for process in container["Kernel"]:
            assert process["memory"] == memory, name
            assert process["pids"] == site.spec.app.pids, name
        assert container["HostConfig"]["MemorySwap"] == memory, name
        assert container["HostConfig"]["LogConfig"] == {
            "Type": "local", "Config": {"max-file": "3", "max-size": "10m"},
        }, name  # fmt: skip
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped", name


def test_containers_publish_on_loopback_alone(
    groups: tuple[Group, ...], running: dict[str, Any]
) -> None:
    wanted = {str(port) for group in groups for port in group.ports}
    for name, container in running.items():
        given = [x for each in container["NetworkSettings"]["Ports"].values() for x in each or ()]
        assert {x["HostIp"] for x in given} == {"127.0.0.1"}, name
        assert {x["HostPort"] for x in given} <= wanted, name


def test_containers_show_no_secret_and_see_only_their_own(
    site: Site, running: dict[str, Any]
) -> None:
    """Environment, labels and command can be read by whoever may ask the engine; the secrets are
    in one folder that the container cannot write."""
    words = [word.decode() for word in site.words().values()]
    for name, container in running.items():
        shown = str([container["Config"], container["Args"], container["HostConfig"]])
        secret = any(word in shown for word in ("PRIVATE KEY", *words))
        assert not secret, f"{name} shows a secret"
        mounts = [(m["Source"], m["Destination"], m["RW"]) for m in container["Mounts"]]
        assert mounts == [(SECRETS, INSIDE, False)], name


def test_secrets_are_for_the_services_alone(shell: Shell) -> None:
    found = shell.check_output(f"stat -c '%a %U %G %n' {SECRETS} {SECRETS}/*").splitlines()
    folder, *files = [line.split() for line in found]
    assert folder == ["750", "root", "story", SECRETS]
    assert {tuple(file[:3]) for file in files} == {("400", "story", "story")}


def test_engine_is_closed_and_leaves_containers_alone(seen: Any, shell: Shell) -> None:
    """Its socket is root's in all but name; a restart of the engine stops nobody."""
    info = seen["info"]
    assert info["LiveRestoreEnabled"]
    assert info["LoggingDriver"] == "local"
    assert any("no-new-privileges" in option for option in info["SecurityOptions"])
    group = shell.group("docker")
    assert seen["socket"] == ["0o660", 0, group.gid]
    assert group.members == []
    stored = "/root/.docker/config.json /home/*/.docker/config.json"
    assert shell.run(f"ls {stored}").stdout == "", "a login to the registry is stored"
    for name in ("docker", "nginx"):
        assert shell.service(name).is_enabled, name
        assert shell.service(name).is_running, name


def test_published_ports_are_closed_to_other_users_of_the_host(
    shell: Shell, running: dict[str, Any]
) -> None:
    """Behind them nobody asks for a certificate any more; nginx and root alone get through."""
    ports = [
        x["HostPort"] for c in running.values() for x in c["NetworkSettings"]["Ports"]["8000/tcp"]
    ]
    inner = [
        (c["NetworkSettings"]["Networks"]["bridge"]["IPAddress"], 8000) for c in running.values()
    ]
    assert ports
    for address, port in [*(("127.0.0.1", port) for port in ports), *inner]:
        connect = f"timeout 5 bash -c '</dev/tcp/{address}/{port}'"
        assert shell.run(f"{NOBODY} {connect}").rc != 0, (address, port)
        assert shell.run(connect).rc == 0, (address, port)


def asked(site: Site, app: Host, *cases: dict[str, Any]) -> list[tuple[int, str]]:
    task = {
        "address": app.private_address, "port": APP_PORT, "cases": cases,
        "ca": (site.pki / "ca.pem").read_text(),
    }  # fmt: skip
    return [(status, text) for status, text in site.on(app, ask, task)]


def pair(site: Site, role: str) -> list[str]:
    return [path.read_text() for path in site.credentials(role)]


def test_nginx_lets_in_the_gateway_and_the_operator_and_nobody_else(
    site: Site, app: Host, groups: tuple[Group, ...]
) -> None:
    """No certificate, those of other roles of this very authority, and one whose names are right
    to the letter but signed by somebody else."""
    now, org = datetime.now(UTC), organisation(site.where.env)
    forged = certificates.new_leaf(
        certificates.new_ca(org, now), certificates.subject(org, "gateway"), now, server=False
    )
    given: dict[str, list[str] | None] = {
        "nobody": None, "forged": [forged.pem.decode(), forged.key_pem.decode()],
        **{role: pair(site, role) for role in (*CALLERS, "story", "monitor", "backup")},
        "host": pair(site, f"hosts/{app.name}"),
    }  # fmt: skip
    name = placement.upstream_name(groups[0].services[0])
    cases = [{"name": name, "path": "/health", "pair": who} for who in given.values()]
    said = dict(zip(given, asked(site, app, *cases), strict=True))
    assert {who: status for who, (status, _) in said.items()} == {
        who: 200 if who in CALLERS else 403 for who in given
    }, said


def test_nginx_answers_for_its_services_by_name(
    site: Site, app: Host, groups: tuple[Group, ...]
) -> None:
    """A service that lives on another host is not answered for, and no older TLS is spoken."""
    mine = {service for group in groups for service in group.services}
    gateway = pair(site, "gateway")
    cases = [
        {"name": placement.upstream_name(s), "path": "/health", "pair": gateway} for s in SERVICES
    ]
    said = dict(zip(SERVICES, asked(site, app, *cases), strict=True))
    assert {s for s, (status, _) in said.items() if status == 200} == mine, said
    name = placement.upstream_name(next(iter(mine)))
    (old, other) = asked(
        site, app, {"name": name, "path": "/health", "pair": gateway, "old": True},
        {"name": name, "path": "/health", "pair": gateway, "shown": "elsewhere.example.org"},
    )  # fmt: skip
    assert old[0] == 0, old
    assert "protocol version" in old[1].lower()
    assert other[0] == 0, other
    assert "certificate" in other[1].lower()

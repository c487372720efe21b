"""The search node: which one runs, as whom, with how much memory, and who may touch it."""

from __future__ import annotations

import re

from testinfra.host import Host as Shell

from deploys.roles.opensearch import CONF, DATA, LOGS, SNAPSHOTS, memory
from deploys.settings import NODE_PORT, NODE_TRANSPORT_PORT
from tests.hosts.doors import Door
from tests.hosts.support import Site, machine_of

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"


def test_node_and_door_run_and_come_back_at_boot(node: Shell) -> None:
    for name in ("opensearch", "nginx"):
        assert node.service(name).is_enabled, name
        assert node.service(name).is_running, name


def test_node_is_the_version_of_the_site_file(site: Site, at_door: Door) -> None:
    found = at_door.ask(site.credentials("monitor"), "GET", "/").json
    assert found["version"]["number"] == site.spec.opensearch.version
    assert found["cluster_name"] == site.spec.opensearch.cluster_name


def test_cluster_is_whole_and_healthy(site: Site, at_door: Door) -> None:
    """Yellow is all that a lone node can be sure of: it has nowhere to put a replica."""
    nodes = len(site.inventory.by_role("opensearch"))
    least = "green" if nodes > 1 else "yellow"
    uri = f"/_cluster/health?wait_for_status={least}&timeout=20s"
    health = at_door.ask(site.credentials("monitor"), "GET", uri).json
    assert health["status"] in ({"green"} if nodes > 1 else {"green", "yellow"}), health
    assert health["number_of_nodes"] == nodes, health


def test_node_has_the_memory_of_the_plan_and_no_rights(site: Site, node: Shell) -> None:
    """The heap of the rule, not the distribution's; never root, no way to new rights."""
    pid = node.check_output("systemctl show -p MainPID --value opensearch")
    command = node.check_output(f"tr '\\0' ' ' < /proc/{pid}/cmdline")
    heap = memory(site.spec.opensearch, machine_of(node)).heap_mb
    assert f"-Xmx{heap}m" in command.split()
    assert f"-Xms{heap}m" in command.split()
    status = dict(
        line.split(":", 1) for line in node.check_output(f"cat /proc/{pid}/status").splitlines()
    )
    user = node.user("opensearch")
    assert status["Uid"].split() == [str(user.uid)] * 4
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert user.shell.endswith("nologin")


def test_node_is_closed_to_other_users_of_its_host(node: Shell) -> None:
    """Loopback has no certificates; the firewall lets root, nginx and the node through alone."""
    for port in (NODE_PORT, NODE_TRANSPORT_PORT):
        tried = node.run(f"{NOBODY} timeout 5 bash -c '</dev/tcp/127.0.0.1/{port}'")
        assert tried.rc != 0, port
        assert "refused" in tried.stderr, tried.stderr
    assert node.run(f"timeout 5 bash -c '</dev/tcp/127.0.0.1/{NODE_PORT}'").rc == 0


def test_node_keeps_its_files_to_itself(node: Shell) -> None:
    """Configuration belongs to root and is read by the node; data belongs to the node."""
    conf = node.file(CONF)
    assert (conf.user, conf.group, conf.mode) == ("root", "opensearch", 0o750)
    for name in node.check_output(f"ls {CONF}").split():
        file = node.file(f"{CONF}/{name}")
        assert (file.user, file.group, file.mode) == ("root", "opensearch", 0o640), name
    for path in (DATA, LOGS, SNAPSHOTS):
        folder = node.file(path)
        assert (folder.user, folder.group, folder.mode) == ("opensearch", "opensearch", 0o750), path


def test_node_cannot_write_what_it_runs(node: Shell) -> None:
    look = "find -L /opt/opensearch /usr/local/lib/fountainai"
    assert node.check_output(f"{look} -not -user root") == ""
    assert node.check_output(f"{look} -perm /022 -not -type l") == ""


def test_nginx_serves_the_door_and_nothing_else(node: Shell) -> None:
    """The package's default site would answer on port 80, and drop-ins would widen the door."""
    for folder in ("sites-enabled", "conf.d"):
        assert node.check_output(f"ls -A /etc/nginx/{folder}") == "", folder
    config = node.check_output("nginx -T 2>/dev/null")
    listens = re.findall(r"^\s*listen (\S+)", config, re.MULTILINE)
    assert not [x for x in listens if x.startswith(("80", "0.0.0.0", "*", "[::]"))], listens

"""The search role as data: alone, as a cluster, undersized; and what must never be in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.model import Role, RoleError
from deploys.settings import OpenSearchSettings
from tests.role_support import (
    APP,
    PLANTED,
    SEARCH,
    SEARCH_2,
    SEARCH_3,
    Host,
    file_of,
    machine,
    search_role,
)

ALONE = [SEARCH, APP]
THREE = [SEARCH, SEARCH_2, SEARCH_3, APP]


def settings_of(role: Role) -> dict[str, Any]:
    lines = file_of(role, "/etc/opensearch/opensearch.yml").decode().splitlines()
    pairs = (line.split(": ", 1) for line in lines if not line.startswith("#"))
    return {key: json.loads(value) for key, value in pairs}


def unit(role: Role, name: str) -> Any:
    return next(u for u in role.units if u.name == name)


@pytest.mark.parametrize("hosts", [ALONE, THREE])
def test_node_listens_on_loopback_only(hosts: list[Host]) -> None:
    """There is no security plugin: whatever reaches the node's ports owns its data."""
    node = settings_of(search_role(hosts))
    listening = [value for key, value in node.items() if key.endswith(".host")]
    assert len(listening) == 2
    assert all(str(address).startswith("127.") for address in listening)


def test_lines_the_door_relies_on() -> None:
    node = settings_of(search_role(ALONE))
    assert node["rest.action.multi.allow_explicit_index"] is False
    assert node["script.allowed_types"] == "none"
    assert node["http.detailed_errors.enabled"] is False
    assert node["action.destructive_requires_name"] is True
    assert node["action.auto_create_index"] is False
    assert node["http.max_content_length"] == "20mb"


def test_alone_is_single_node_without_replicas() -> None:
    node = settings_of(search_role(ALONE))
    assert node["discovery.type"] == "single-node"
    assert node["cluster.default_number_of_replicas"] == 0
    watermark = "cluster.routing.allocation.disk.watermark.enable_for_single_data_node"
    assert node[watermark] is True


def test_three_find_each_other_through_the_door() -> None:
    role = search_role(THREE)
    node = settings_of(role)
    assert "discovery.type" not in node
    assert node["discovery.seed_hosts"] == ["127.26.3.12:9301", "127.26.3.13:9301"]
    assert node["cluster.default_number_of_replicas"] == 1
    nginx = file_of(role, "nginx.conf").decode()
    assert "listen 172.26.3.11:9300 ssl" in nginx
    for peer in (SEARCH_2, SEARCH_3):
        assert f"proxy_pass {peer.private_address}:9300;" in nginx
        assert f"proxy_ssl_name {peer.name};" in nginx
    assert unit(role, "opensearch.service").rolling


def test_no_node_founds_a_cluster_by_its_settings() -> None:
    """A node that lost its disk would found a second cluster beside the first."""
    for host in (SEARCH, SEARCH_2, SEARCH_3):
        role = search_role(THREE, host)
        assert "initial_cluster_manager_nodes" not in str(settings_of(role))
        prepare = file_of(role, "opensearch-prepare").decode()
        assert (f'FOUNDER = "{SEARCH.name}"' in prepare) == (host is SEARCH)


def test_alone_opens_no_transport() -> None:
    nginx = file_of(search_role(ALONE), "nginx.conf").decode()
    assert "stream {" not in nginx
    assert "9300" not in nginx


def test_micro_gets_one_compiler_and_the_serial_collector() -> None:
    options = file_of(search_role(ALONE), "jvm.options").decode()
    assert "-Xms352m\n-Xmx352m\n" in options
    assert "-XX:+UseSerialGC" in options
    assert "-XX:TieredStopAtLevel=1" in options
    # Compiled code and classes that grow are no reason to collect the whole heap.
    assert "-XX:ReservedCodeCacheSize=64m\n-XX:SweeperThreshold=100\n" in options
    assert "-XX:MetaspaceSize=96m" in options
    assert settings_of(search_role(ALONE))["indices.breaker.total.use_real_memory"] is False


def test_larger_machine_gets_both_compilers_and_g1() -> None:
    role = search_role(ALONE, on=machine(3800))
    options = file_of(role, "jvm.options").decode()
    assert "-Xmx1888m" in options
    assert "-XX:+UseG1GC" in options
    assert "TieredStopAtLevel" not in options
    assert "SweeperThreshold" not in options
    assert "indices.breaker.total.use_real_memory" not in settings_of(role)
    assert role.notes == ()


def test_nano_is_refused_with_the_way_out() -> None:
    with pytest.raises(RoleError, match="allow_undersized = true"):
        search_role(ALONE, on=machine(450))


@pytest.mark.parametrize("container", [True, False])
def test_undersized_nano_brings_zram_and_swap(container: bool) -> None:
    """In a container both units would never become active, so only their files are there."""
    settings = OpenSearchSettings(allow_undersized=True)
    role = search_role(ALONE, settings=settings, on=machine(450, container=container))
    assert "-Xmx112m" in file_of(role, "jvm.options").decode()
    assert b"zram-size = ram" in file_of(role, "zram-generator.conf")
    for name in ("swapfile.swap", "make-swapfile.service"):
        assert b"ConditionVirtualization=!container" in file_of(role, name)
    assert any(p.name == "systemd-zram-generator" for p in role.packages)
    assert ("swapfile.swap" in {u.name for u in role.units}) is not container
    assert "demonstration" in role.notes[0]


def test_micro_needs_no_swap() -> None:
    assert not any("swap" in f.path or "zram" in f.path for f in search_role(ALONE).files)


def test_only_the_key_is_secret_and_nobody_else_reads_it() -> None:
    role = search_role(ALONE)
    holding = [f for f in role.files if PLANTED in f.content]
    assert [f.path for f in holding] == ["/etc/nginx/tls/door.key"]
    assert holding[0].secret
    assert (holding[0].owner, holding[0].mode) == ("root", 0o600)
    assert "planted" not in repr(role)


def test_node_restarts_for_everything_it_runs() -> None:
    role = search_role(ALONE)
    node = unit(role, "opensearch.service")
    conf = {f.path for f in role.files if f.path.startswith("/etc/opensearch/")}
    assert conf <= set(node.restart_on)
    assert "/usr/lib/jvm/java-21-openjdk-amd64/lib/server/libjvm.so" in node.restart_on
    assert "/opt/opensearch/3.8.0/.artefact.json" in node.restart_on
    assert role.links[0].unit == node.name


def test_door_starts_first_and_reloads_for_its_files() -> None:
    """Nodes of a cluster meet through the door: a node that waits for it must not come first."""
    role = search_role(THREE)
    names = [u.name for u in role.units]
    assert names.index("nginx.service") < names.index("opensearch.service")
    own = {f.path for f in role.files if f.path.startswith("/etc/nginx/")}
    assert set(unit(role, "nginx.service").reload_on) == own


def test_nginx_file_is_checked_after_the_files_it_names() -> None:
    paths = [f.path for f in search_role(ALONE).files]
    assert all(paths.index("/etc/nginx/nginx.conf") > paths.index(p) for p in paths if "tls" in p)


def test_version_names_directory_link_and_snapshot() -> None:
    role = search_role(ALONE, settings=OpenSearchSettings(version="3.7.0"))
    assert role.artefacts[0].directory == role.links[0].target == "/opt/opensearch/3.7.0"
    assert "3.7.0" in unit(role, "opensearch.service").before


@given(st.permutations(THREE), st.sampled_from([SEARCH, SEARCH_2, SEARCH_3]))
def test_order_of_the_inventory_changes_no_byte(hosts: list[Host], me: Host) -> None:
    assert search_role(hosts, me) == search_role(THREE, me)


@given(
    st.integers(100, 70_000),
    st.booleans(),
    st.sampled_from([ALONE, THREE]),
    st.sampled_from(["debian", "ubuntu"]),
    st.booleans(),
)
def test_every_machine_gets_a_role_or_a_sentence(
    memory_mb: int, undersized: bool, hosts: list[Host], os_id: str, container: bool
) -> None:
    settings = OpenSearchSettings(allow_undersized=undersized)
    on = machine(memory_mb, os_id=os_id, container=container)
    try:
        role = search_role(hosts, settings=settings, on=on)
    except RoleError as error:
        assert "MiB of memory" in str(error)  # noqa: PT017
        return
    declared = {d.path for d in role.directories}
    known = {"/etc/systemd/system", "/etc/nginx", "/etc/systemd"}
    assert all(f.path.rpartition("/")[0] in declared | known for f in role.files)
    assert all(f.content.endswith(b"\n") or f.path.startswith("/etc/nginx/tls") for f in role.files)

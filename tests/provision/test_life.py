"""The life of a site: plan, apply, apply again, stop, start, destroy; what is bought and told."""

from __future__ import annotations

import json
import re
import stat

import pytest

from deploys import applied as notes
from inventories import departed
from inventories.loader import load_hosts, read_pins
from inventories.ssh import ssh_data
from inventories.worlds import World
from tests.provision.conftest import HOSTS, Site


def test_plan_shows_steps_price_and_memory_and_changes_nothing(site: Site) -> None:
    result = site.run("plan")
    assert result.code == 2
    assert "+ search-1: create from debian_13 as micro_3_0 in eu-central-1a" in result.out
    assert re.search(r"total +17\.00", result.out)
    assert "OpenSearch 230 + heap 352" in result.out
    assert site.changing() == []
    assert not site.generated.exists()


def test_plan_as_json_is_what_apply_does(site: Site) -> None:
    told = json.loads(site.run("plan", "--json").out)
    assert told["pending"] is True
    assert told["usd_month"] == 17.0
    done = json.loads(site.run("apply", "--yes", "--json").out)
    assert done["steps"] == len(told["steps"])
    assert {h["name"] for h in told["hosts"]} == HOSTS == set(done["hosts"])


def test_second_apply_makes_no_changing_call_and_writes_no_file(applied: Site) -> None:
    files = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in applied.generated.iterdir()}
    again = applied.run("apply", "--yes")
    assert again.code == 0
    assert applied.changing() == []
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in applied.generated.iterdir()} == files
    assert applied.run("plan").code == 0


def test_apply_without_a_terminal_refuses_to_guess_consent(site: Site) -> None:
    result = site.run("apply")
    assert result.code == 1
    assert "no terminal to ask on" in result.err
    assert "add --yes" in result.err
    assert site.changing() == []


def test_hosts_are_created_one_call_each_before_any_is_waited_for(applied: Site) -> None:
    """Three hosts boot in the time of one."""
    applied.run("destroy", "--yes")
    applied.api.calls.clear()
    applied.run("apply", "--yes")
    names = [n for n, _ in applied.api.calls]
    creates = [i for i, n in enumerate(names) if n == "CreateInstances"]
    assert creates == list(range(creates[0], creates[0] + 3))


def test_firewall_is_the_complete_set_and_nothing_else(applied: Site) -> None:
    """Blueprints open 22 and 80 to the world; after apply neither is so."""
    operators = {"from": 22, "cidrs": ["127.83.0.1/32"]}
    world = {"from": 443, "cidrs": ["0.0.0.0/0"]}
    wanted = {name: [operators] for name in HOSTS} | {"gateway-1": [operators, world]}
    for name, instance in applied.api.service.account.instances.items():
        found = [{"from": p["fromPort"], "cidrs": p["cidrs"]} for p in instance.ports]
        assert sorted(found, key=str) == sorted(wanted[name], key=str)
        assert all(p["ipv6Cidrs"] == [] for p in instance.ports)


def test_firewall_opened_by_hand_is_closed_again(applied: Site) -> None:
    port = {"fromPort": 9200, "toPort": 9200, "protocol": "tcp", "cidrs": ["0.0.0.0/0"]}
    extra = port | {"ipv6Cidrs": [], "cidrListAliases": []}
    applied.api.service.account.instances["search-1"].ports.append(extra)
    result = applied.run("apply", "--yes")
    assert result.code == 0
    assert applied.changing() == ["PutInstancePublicPorts"]
    assert len(applied.api.service.account.instances["search-1"].ports) == 1


def test_generated_files_are_what_ssh_and_pyinfra_need(applied: Site) -> None:
    inventory = load_hosts("lab")
    assert set(inventory.hosts) == HOSTS
    search = inventory.hosts["search-1"]
    assert (search.role, search.size, search.memory_mb) == ("opensearch", "micro", 1024)
    data = ssh_data(search, inventory.paths)
    assert data["ssh_strict_host_key_checking"] == "yes"
    lines = inventory.paths.known_hosts.read_text().splitlines()
    assert len(lines) == 2 * len(HOSTS)
    assert f"[{search.address}]:{applied.ssh_port} ssh-ed25519 " in "\n".join(lines)
    key = inventory.paths.private_key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_gateway_keeps_its_address_over_stop_and_start_and_others_get_a_new_one(
    applied: Site,
) -> None:
    before = {n: h["address"] for n, h in applied.hosts().items()}
    for name in ("gateway-1", "app-1"):
        stopped = applied.run("stop", name)
        assert stopped.code == 0
        assert "still costs $5.00 a month" in stopped.out
        assert applied.hosts()[name]["state"] == "stopped"
        assert applied.run("start", name).code == 0
    after = {n: h["address"] for n, h in applied.hosts().items()}
    assert after["gateway-1"] == before["gateway-1"]
    assert after["app-1"] != before["app-1"]
    assert f"[{after['app-1']}]:" in (applied.generated / "known_hosts").read_text()


def test_start_and_stop_twice_make_one_call_each(applied: Site) -> None:
    for command in ("stop", "stop", "start", "start"):
        assert applied.run(command, "app-1").code == 0
    assert applied.changing() == ["StopInstance", "StartInstance"]


def test_apply_starts_a_stopped_host(applied: Site) -> None:
    applied.run("stop", "search-1")
    assert "~ search-1: start" in applied.run("plan").out
    assert applied.run("apply", "--yes").code == 0
    assert applied.hosts()["search-1"]["state"] == "running"


@pytest.mark.parametrize("command", ["start", "stop"])
def test_start_and_stop_of_a_strange_host_touch_nothing(applied: Site, command: str) -> None:
    result = applied.run(command, "search-9")
    assert result.code == 1
    assert "no host of ours has that name" in result.err
    assert applied.changing() == []


def test_status_shows_what_exists_and_what_is_missing(applied: Site) -> None:
    text = applied.file.read_text()
    more = '[[hosts]]\nname = "app-2"\nrole = "app"\nsize = "nano"\n'
    applied.file.write_text(text.replace("[opensearch]", f"{more}\n[opensearch]"))
    result = applied.run("status")
    assert result.code == 0
    assert "app-2 does not exist yet" in result.out
    assert "$17.00 a month" in result.out
    told = json.loads(applied.run("status", "--json").out)
    assert told["missing"] == ["app-2"]


def test_host_dropped_from_the_site_is_told_and_never_deleted_by_apply(applied: Site) -> None:
    """Its data is the operator's; only destroy, asked for by name, ends it."""
    block = '[[hosts]]\nname = "app-1"\nrole = "app"\nsize = "nano"\n'
    text = applied.file.read_text()
    assert block in text
    applied.file.write_text(text.replace(block, ""))
    result = applied.run("apply", "--yes")
    assert "app-1 is ours, running, no longer in site.toml and still costs $5.00" in result.out
    assert applied.changing() == []
    assert set(applied.hosts()) == HOSTS, "known until it is destroyed, so that a run can reach it"
    gone = applied.run("destroy", "app-1", "--yes")
    assert gone.code == 0
    assert set(applied.api.service.account.instances) == HOSTS - {"app-1"}
    assert set(applied.hosts()) == HOSTS - {"app-1"}


def test_host_that_others_may_use_is_not_destroyed_by_its_name_alone(applied: Site) -> None:
    """A run has converged it, and none has seen it idle since it left the site file."""
    where = World("lab", True, [], None, {}, generated=applied.generated, secrets=applied.secrets)
    notes.note(where, "app-1", {})
    refused = applied.run("destroy", "app-1", "--yes")
    assert "app-1 is in site.toml: take it out" in refused.err
    assert refused.err.splitlines()[-1].endswith("broken for good goes at once with --undrained")
    assert "deploys/site.py -y" in refused.err
    block = '[[hosts]]\nname = "app-1"\nrole = "app"\nsize = "nano"\n'
    applied.file.write_text(applied.file.read_text().replace(block, ""))
    refused = applied.run("destroy", "app-1", "--yes")
    assert refused.code == 1
    assert "no run has seen it idle yet" in refused.err
    assert applied.changing() == []
    departed.note(where, read_pins(where)["app-1"], "now")
    assert applied.run("destroy", "app-1", "--yes").code == 0
    assert set(applied.hosts()) == HOSTS - {"app-1"}
    notes.note(where, "search-1", {})
    assert applied.run("destroy", "search-1", "--yes").code == 1
    assert applied.run("destroy", "search-1", "--yes", "--undrained").code == 0


def test_destroy_works_without_local_state_and_leaves_nothing(applied: Site) -> None:
    for file in applied.generated.iterdir():
        file.unlink()
    (applied.secrets / "ssh" / "id_rsa").unlink()
    result = applied.run("destroy", "--yes")
    assert result.code == 0
    assert "saves $7.00 a month" in result.out
    assert "nothing is billed" in result.out
    account = applied.api.service.account
    assert not account.instances | account.static_ips | account.key_pairs
    assert applied.run("destroy", "--yes").code == 0  # and again: nothing to do


def test_site_is_rebuilt_after_generated_files_are_deleted(applied: Site) -> None:
    before = {p.name: p.read_bytes() for p in applied.generated.iterdir()}
    for file in applied.generated.iterdir():
        file.unlink()
    assert applied.run("apply", "--yes").code == 0
    assert {p.name: p.read_bytes() for p in applied.generated.iterdir()} == before
    assert applied.changing() == []


def test_static_ip_follows_the_site_file(applied: Site) -> None:
    text = applied.file.read_text()
    gateway = 'role = "kong"\nsize = "nano"\n'
    applied.file.write_text(text.replace(gateway, gateway + "static_ip = false\n"))
    assert applied.run("apply", "--yes").code == 0
    assert applied.changing() == ["DetachStaticIp", "ReleaseStaticIp"]
    assert applied.run("plan").code == 0


def test_overlay_adds_and_drops_hosts_by_name(site: Site) -> None:
    overlay = site.root / "inventories" / "lab" / "site.toml"
    overlay.write_text(
        '[site]\nblueprint = "debian_13"\n'
        '[[hosts]]\nname = "gateway-1"\nabsent = true\n'
        '[[hosts]]\nname = "search-1"\nsize = "small"\n'
        '[[hosts]]\nname = "search-2"\nrole = "opensearch"\nsize = "small"\n'
    )
    told = json.loads(site.run("plan", "--json").out)
    sizes = {h["name"]: h["size"] for h in told["hosts"]}
    assert sizes == {"app-1": "nano", "search-1": "small", "search-2": "small"}


def test_mistyped_command_is_a_failure_and_not_changes_pending(site: Site) -> None:
    """Parsers exit 2 by habit; here 2 means that there is something to do."""
    assert site.run("plan", "--nonsense").code == 1
    assert site.run("plann").code == 1


def test_wrong_environment_says_how_to_get_one(site: Site) -> None:
    result = site.run("plan", "--env", "nowhere")
    assert result.code == 1
    assert "rehearse up --name nowhere" in result.err

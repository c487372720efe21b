"""`make rehearse` from nothing, as a person runs it, and what must be true of it afterwards.

One lab serves all tests of this file, in their order: what the rehearsal said, that a repeat
changes nothing, that no secret went astray, that `make verify` finds what was broken by hand and a
converge mends it. The last test removes the lab and looks for what is left.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploys.settings import NODE_PORT
from inventories.lab import lifecycle, state
from inventories.worlds import world
from story_services.client.gateways import gateway
from story_services.common.store import indices
from story_services.common.store.mappings import VERSIONS
from tests.integration import readme
from tests.integration.rehearse_support import (
    ProcessList,
    make,
    readable_by_all,
    secrets_of,
    site_of,
    world_state,
)
from tests.labs import ROOT, Site

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
LAB = "t-rehearse"
SITE = "deploys/site.py"
SMOKE = [sys.executable, "-m", "inventories.lab.smoke"]


@dataclass
class Rehearsal:
    run: subprocess.CompletedProcess[str]
    processes: ProcessList
    site: Site

    @property
    def text(self) -> str:
        return self.run.stdout + self.run.stderr


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    lifecycle.down(LAB)  # what a killed run left
    processes = ProcessList()
    try:
        with processes.watch():
            run = make("rehearse", LAB)
        assert run.returncode == 0, run.stdout[-6000:] + run.stderr
        yield Rehearsal(run, processes, site_of(LAB))
    finally:
        lifecycle.down(LAB)


def test_rehearsal_shows_its_commands_and_the_plays_answer(rehearsal: Rehearsal) -> None:
    """From nothing to an answer; the person sees each command that led there."""
    text = rehearsal.text
    for command in (
        f"$ .venv/bin/rehearse up --bare --name {LAB}",
        f"$ .venv/bin/provision plan --env {LAB}",
        f"$ DEPLOY_ENV={LAB} .venv/bin/pyinfra inventory.py deploys/site.py --dry --diff",
        f"$ DEPLOY_ENV={LAB} make --no-print-directory verify",
        f"$ .venv/bin/rehearse image --name {LAB}",
    ):
        assert command in text
    assert "changes pending, USD" in text
    assert "0 changes on 3 hosts" in text
    assert re.search(r"Verify: \d+ tests passed", text)
    assert re.search(
        r"^ +Read back in .*: 20 scenes, 1,138 speeches, 4,004 spoken lines, 243 stage directions",
        text,
        re.MULTILINE,
    )
    assert re.search(r"Import Hamlet, ask, change: 4,004 lines, imported in [0-9.]+ m?s", text)
    assert "ACT I, SCENE I. Elsinore. A platform before the castle.\n" in text
    assert re.search(r"BERNARDO\n +2 +Who's there\?\n +FRANCISCO\n +3 +Nay, answer me", text)
    assert re.search(
        r"QUEEN GERTRUDE +ACT V, SCENE II.*\n +The drink, the drink! I am poison'd", text
    )
    assert "Without a key: 401" in text
    assert re.search(r"^ +1 +\[A bell strikes one\.\]$", text, re.MULTILINE)
    assert "The play is as it was." in text
    assert f"make rehearse-down LAB={LAB}" in text


def test_rehearsal_keeps_every_difference_of_the_dry_run(rehearsal: Rehearsal) -> None:
    """On the screen stands a summary; the file has it all, for the owner alone."""
    kept = state.ROOT / LAB / "log/dry-run.txt"
    text = kept.read_text()
    assert '+discovery.type: "single-node"' in text
    assert "+PermitRootLogin no" in text
    assert "secret" in text
    assert kept.stat().st_mode & 0o077 == 0
    assert "+PermitRootLogin no" not in rehearsal.text


def smoke() -> str:
    """The last step again; what it says."""
    done = subprocess.run(
        SMOKE, cwd=ROOT, env={**os.environ, "DEPLOY_ENV": LAB}, text=True, capture_output=True,
        timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_but_the_services_own_indices_is_there(rehearsal: Rehearsal) -> None:
    """What the rehearsal writes, it writes as a service: no index of its own is left."""
    found = rehearsal.site.ssh(
        "search-1", f"curl -sSf 'http://127.0.0.1:{NODE_PORT}/_cat/indices/*?h=index'"
    )
    wanted = {f"story-{indices.generation_name(name, VERSIONS[name])}" for name in indices.NAMES}
    assert set(found.split()) == wanted


def test_a_repeated_import_finds_the_play_and_leaves_a_changed_one_alone(
    rehearsal: Rehearsal,
) -> None:
    assert "Already imported, nothing to do: script 1\n" in smoke()
    way_in = gateway(LAB)
    bell = {"scriptId": 1, "description": "A bell strikes one."}
    made = httpx.post(
        f"{way_in.url}/actions", json=bell, headers={"X-API-KEY": way_in.key or ""},
        verify=str(way_in.ca), trust_env=False,
    )  # fmt: skip
    assert made.status_code == 201, made.text
    beside = smoke()
    assert "script 1 already, with other content" in beside
    # Not the next number: verify had stories of its own.
    imported = re.search(r"^Imported in [0-9.]+ m?s: script (\d+)$", beside, re.MULTILINE)
    assert imported is not None
    assert imported[1] != "1"
    again = smoke()
    assert f"Already imported, nothing to do: script {imported[1]}\n" in again
    assert "4,004 spoken lines" in again


@pytest.mark.parametrize("entry", ["site", "opensearch", "app", "kong", "base"])
def test_another_apply_leaves_the_world_as_it_is(
    rehearsal: Rehearsal, tmp_path: Path, entry: str
) -> None:
    """Counted, not timed: at most four channels per host; files, units, processes unchanged."""
    before = world_state(rehearsal.site)
    counts = tmp_path / "channels"
    again = rehearsal.site.pyinfra(
        f"deploys/{entry}.py",
        "-y",
        "--json",
        COUNT_CHANNELS=str(counts),
        PYTHONPATH=str(ROOT / "tests/support"),
    )
    totals = json.loads(again.stdout.splitlines()[-1])["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0)
    channels = json.loads(counts.read_text())
    assert len(channels) == (len(rehearsal.site.hosts) if entry in ("site", "base") else 1)
    assert max(channels.values()) <= 4, channels
    assert world_state(rehearsal.site) == before


def test_no_secret_went_astray(rehearsal: Rehearsal) -> None:
    """Not on the screen, in logs, in derived files, in any process's arguments, in a file of a
    host that others may read, or in a journal."""
    secrets = secrets_of(rehearsal.site)
    assert len(secrets) == len(set(secrets)) >= 15
    logs = [p for p in (state.ROOT / LAB / "log").rglob("*") if p.is_file()]
    derived = [p for p in world(LAB).generated.rglob("*") if p.is_file()]
    assert logs
    assert derived
    texts = {
        "screen": rehearsal.text,
        "other commands": "".join(rehearsal.site.output),
        "process list": "\n".join(rehearsal.processes.seen),
        **{str(p): p.read_text(errors="replace") for p in [*logs, *derived]},
    }
    assert "opensearch" in texts["process list"]
    for where, text in texts.items():
        assert not [s for s in secrets if s in text], where
        assert "PRIVATE KEY-----" not in text, where
    for host in rehearsal.site.hosts:
        assert readable_by_all(rehearsal.site, host.name, secrets) == "", host.name


BREAKING = """
systemd-run --quiet --unit=stray --service-type=exec python3 -m http.server 8099
nft add rule inet host input tcp dport 8099 accept
chmod 644 /etc/nginx/tls/door.key
echo '// by hand' >> /etc/apt/apt.conf.d/52fountainai-upgrades
echo PasswordAuthentication yes > /etc/ssh/sshd_config.d/00-mine.conf
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default
cp /etc/ssh/ssh_host_ed25519_key /var/tmp/copy
"""
FOUND = {
    "test_listening_sockets_are_exactly_the_wanted_ones": "8099",
    "test_firewall_is_exactly_the_wanted_rule_set": "+\t\ttcp dport 8099 accept",
    "test_managed_files_are_as_they_were_written": "52fountainai-upgrades: another content",
    "test_private_keys_are_the_known_ones_and_closed": "/var/tmp/copy",
    "test_sshd_takes_keys_only_and_never_root": "passwordauthentication",
    "test_nothing_temporary_is_left": "policy-rc.d",
    "test_nginx_serves_the_door_and_nothing_else": "sites-enabled",
}
NOT_MANAGED = """
systemctl stop stray
rm /usr/sbin/policy-rc.d /var/tmp/copy /etc/ssh/sshd_config.d/00-mine.conf
"""


def test_verify_names_what_was_broken_and_a_converge_mends_it(rehearsal: Rehearsal) -> None:
    """A suite that passes whatever happens would be worth nothing."""
    site = rehearsal.site
    only = {"VERIFY_DISRUPTIVE": "0", "VERIFY": "-k search-1"}  # test_verify_site.py: all hosts
    site.ssh("search-1", BREAKING)
    verify = make("verify", LAB, **only)
    assert verify.returncode != 0
    failed = set(re.findall(r"^FAILED \S+::(\w+)\[search-1\]", verify.stdout, re.MULTILINE))
    assert failed == set(FOUND), verify.stdout[-4000:]
    for said in (*FOUND.values(), "door.key: 0644 root:root, not 0600"):
        assert said in verify.stdout, said
    # What roles manage comes back by itself; what they do not know, a person takes away.
    mended = site.pyinfra(SITE, "-y")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "CHANGED ON THE HOST" in mended.stderr
    site.ssh("search-1", NOT_MANAGED)
    again = make("verify", LAB, **only)
    assert again.returncode == 0, again.stdout[-4000:]
    assert "set VERIFY_DISRUPTIVE=1 to allow it" in again.stdout


def test_a_failing_step_is_named_with_its_command(rehearsal: Rehearsal) -> None:
    """Somebody else works on the lab: the first step is refused, and nothing after it runs."""
    with state.locked(state.ROOT / LAB, what="the lab"):
        run = make("rehearse", LAB)
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "step 1 of 9, 'Boot the lab', failed" in said
    assert f"Repeat it with: .venv/bin/rehearse up --bare --name {LAB}" in said
    assert "provision plan" not in said
    assert "Traceback" not in said


def test_verify_says_which_host_is_away(rehearsal: Rehearsal) -> None:
    """One sentence at the start, instead of a failure for each of its tests."""
    driver = rehearsal.site.driver
    driver.stop("app-1")
    try:
        verify = make("verify", LAB)
    finally:
        driver.start("app-1")
    said = verify.stdout + verify.stderr
    assert verify.returncode != 0
    assert "verify: app-1 cannot be tested: " in said
    assert f"Next: rehearse status --name {LAB}" in said
    assert "passed" not in said
    assert "Traceback" not in said


@pytest.mark.long
def test_a_rehearsal_can_be_repeated_on_the_same_lab(rehearsal: Rehearsal) -> None:
    before = {h.name: h.created_at for h in rehearsal.site.hosts}
    run = make("rehearse", LAB)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr
    assert "nothing to change, USD" in run.stdout
    assert "Import Hamlet, ask, change: 4,004 lines, already imported" in run.stdout
    assert {h.name: h.created_at for h in site_of(LAB).hosts} == before


def test_every_command_of_the_readme_works_and_the_last_leaves_nothing(
    rehearsal: Rehearsal,
) -> None:
    """A README that lies is worse than none. Its life of a site ends with the lab gone."""
    from lab_support import left_behind, marks

    texts = marks(LAB)
    site = rehearsal.site
    try:
        life = subprocess.run(
            ["bash", "-c", readme.script(LAB)], cwd=ROOT, env=site.environment, text=True,
            capture_output=True, timeout=900, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        lifecycle.down(readme.SECOND)
    assert life.returncode == 0, life.stdout[-3000:] + life.stderr[-3000:]
    assert left_behind(texts) == []
    gone = make("rehearse-down", LAB)
    assert gone.returncode == 0, gone.stderr
    verify = make("verify", LAB)
    assert verify.returncode != 0
    assert f"no lab is called '{LAB}'" in verify.stdout + verify.stderr


def test_commands_of_the_readme_that_run_elsewhere_exist() -> None:
    for command in readme.ELSEWHERE:
        assert command in readme.commands(), command
        if command.startswith("make "):
            argv = [*command.split(), "-n"]
            assert subprocess.run(argv, cwd=ROOT, capture_output=True).returncode == 0, command

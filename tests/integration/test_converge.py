"""The engine against real hosts: plans are exact, repeats change nothing, accidents are survived.

World state (digests, process start times) decides, not what a tool reports of itself.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from inventories.worlds import world
from tests.labs import PYINFRA, ROOT, Site, site, until

pytestmark = pytest.mark.lab
WEB = "tests/integration/entries/web.py"
STARTING = "--> Starting operation: "


@pytest.fixture(scope="module")
def lab() -> Iterator[Site]:
    with site("t-engine", {"web-1": ("app", 512), "web-2": ("app", 512)}) as made:
        yield made


def world_of(lab: Site, host: str) -> str:
    """Digest and rights of every managed file, and when the service's process started."""
    return lab.ssh(
        host,
        "find /etc/web /srv/web /etc/systemd/system/web.service -printf '%p %m %u %g %l %C@\\n' "
        "| sort; find /etc/web /srv/web -type f | sort | xargs sha256sum; "
        "systemctl show -p MainPID,ExecMainStartTimestampMonotonic web.service; "
        "sha256sum /var/lib/fountainai/*",
    )


def planned(text: str, host: str) -> list[str]:
    """The change lines a run showed for a host."""
    lines = [x.removeprefix(f"[{host}]   ") for x in text.splitlines() if x.startswith(f"[{host}]")]
    return [x for x in lines if re.match(r"([-+~>] |record: )", x)]


def converged(lab: Site, **env: str) -> None:
    done = lab.pyinfra(WEB, "-y", **env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_fresh_host_is_planned_exactly_and_the_apply_does_exactly_that(lab: Site) -> None:
    dry = lab.pyinfra(WEB, "--dry", "--diff")
    assert dry.returncode == 0, dry.stderr
    assert "+version 1" in dry.stderr
    assert lab.ssh("web-1", "ls /var/lib/fountainai /etc/web 2>/dev/null", check=False) == ""
    converged(lab)
    for host in ("web-1", "web-2"):
        (line,) = lab.ssh(host, "cat /var/lib/fountainai/log.jsonl").splitlines()
        assert json.loads(line)["changes"] == planned(dry.stderr, host)


def test_a_second_apply_changes_nothing_in_at_most_four_channels(lab: Site, tmp_path: Path) -> None:
    converged(lab)
    before = world_of(lab, "web-1")
    counts = tmp_path / "channels"
    again = lab.pyinfra(
        WEB, "-y", "--json", COUNT_CHANNELS=str(counts), PYTHONPATH=str(ROOT / "tests/support")
    )
    totals = json.loads(again.stdout.splitlines()[-1])["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0)
    assert world_of(lab, "web-1") == before
    channels = json.loads(counts.read_text())
    assert len(channels) == 2
    assert max(channels.values()) <= 4, channels


def test_a_hand_edit_is_shown_as_that_line_and_can_be_kept(lab: Site) -> None:
    converged(lab)
    lab.ssh("web-1", "sed -i 's/second/edited/' /etc/web/settings")
    dry = lab.pyinfra(WEB, "--dry", "--diff")
    shown = [x for x in dry.stderr.splitlines() if re.match(r"\[web-1\]\s+[-+][^-+ ]", x)]
    assert [x.split("]", 1)[1].strip() for x in shown] == ["-edited line", "+second line"]
    assert re.search(r"CHANGED ON THE HOST since run \d+ \(20", dry.stderr)
    assert "--data keep=/etc/web/settings" in dry.stderr
    assert "restart web.service: /etc/web/settings changes" in dry.stderr
    kept = lab.pyinfra(WEB, "-y", "--data", "keep=/etc/web/settings")
    assert kept.returncode == 0
    assert "edited" in lab.ssh("web-1", "cat /etc/web/settings")
    converged(lab)
    assert "edited" not in lab.ssh("web-1", "cat /etc/web/settings")


def test_an_edit_made_after_the_plan_was_shown_is_refused(lab: Site) -> None:
    """The person agreed to what they saw; what they did not see is not overwritten."""
    converged(lab)
    argv = lab.command(WEB)
    run = pexpect.spawn(
        argv[0], argv[1:], cwd=str(ROOT), env={**lab.environment, "WEB_VERSION": "edit"},
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    run.expect("Press enter to execute")
    lab.ssh("web-1", "echo 'written meanwhile' > /etc/web/settings")
    run.sendline("")
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 1
    assert lab.ssh("web-1", "cat /etc/web/settings") == "written meanwhile\n"
    converged(lab)
    assert lab.ssh("web-1", "cat /etc/web/settings").startswith("version 1")


def start(lab: Site, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        lab.command(WEB, "-y"), cwd=ROOT, env={**lab.environment, **env}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def kill_at(lab: Site, operation: int, version: str) -> str:
    """kill -9 the run when its n-th operation starts; "" when it ended before."""
    run = start(lab, WEB_VERSION=version)
    assert run.stdout is not None
    seen = 0
    for line in run.stdout:
        if line.startswith(STARTING):
            seen += 1
            if seen == operation:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
                return line.removeprefix(STARTING).strip()
    run.wait()
    return ""


def sweep(lab: Site, operations: range) -> list[str]:
    met = []
    for number in operations:
        version = f"kill-{number}"
        name = kill_at(lab, number, version)
        if not name:
            break
        met.append(name)
        # No managed file is ever half: old or new, whole.
        for host in ("web-1", "web-2"):
            assert lab.ssh(host, "stat -c %s /etc/web/big").strip() == str(16 * 4096)
            assert lab.ssh(host, "wc -l < /etc/web/settings").strip() == "2"
        rerun = lab.pyinfra(WEB, "-y", WEB_VERSION=version)
        assert rerun.returncode == 0, (name, rerun.stdout + rerun.stderr)
        assert "CHANGED ON THE HOST" not in rerun.stderr, name
        before = world_of(lab, "web-1")
        last = lab.pyinfra(WEB, "--dry", WEB_VERSION=version)
        assert last.stderr.count("no changes (as left by") == 2, (name, last.stderr)
        assert world_of(lab, "web-1") == before
        assert version in lab.ssh("web-1", "cat /etc/web/settings")
    return met


def test_a_run_killed_after_some_operations_is_finished_by_the_next(lab: Site) -> None:
    converged(lab)
    assert len(sweep(lab, range(2, 15, 4))) >= 3


@pytest.mark.long
def test_a_run_killed_after_each_operation_is_finished_by_the_next(lab: Site) -> None:
    converged(lab)
    met = sweep(lab, range(1, 99))
    assert "Close the record" in met
    assert met[-1] == "Gateways are done", "also after the record was closed"


def test_of_two_applies_at_once_one_runs_and_the_other_names_it(lab: Site) -> None:
    """The first is held by a lock taken by hand, the second must stop before any change."""
    converged(lab)
    holder = subprocess.Popen(
        ["ssh", "-F", str(world(lab.env).generated / "ssh_config"), "web-2", "sudo", "-n", "sh",
         "-c", "'echo somebody > /run/fountainai/holder; exec flock /run/fountainai/lock cat'"],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        until(lambda: "somebody" in lab.ssh("web-2", "cat /run/fountainai/holder", check=False))
        before = world_of(lab, "web-1"), world_of(lab, "web-2")
        second = lab.pyinfra(WEB, "-y", WEB_VERSION="race")
        assert second.returncode == 1
        assert "another run is changing web-2: somebody" in second.stderr + second.stdout
        assert (world_of(lab, "web-1"), world_of(lab, "web-2")) == before
    finally:
        holder.kill()
        holder.wait()


def test_two_real_applies_never_both_change_and_a_killed_holder_frees_the_lock(lab: Site) -> None:
    converged(lab)
    runs = [start(lab, WEB_VERSION=f"both-{n}") for n in (1, 2)]
    texts = [run.communicate(timeout=120)[0] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 1], [0, 0]), texts  # 0, 0: one ended before the other's plan was made
    if codes == [0, 1]:
        loser = next(t for t, run in zip(texts, runs, strict=True) if run.returncode)
        assert "another run is changing web-1" in loser or "finished after this plan" in loser
    name = kill_at(lab, 8, "held")
    assert name
    converged(lab)


def test_the_last_command_of_a_dead_run_is_waited_for(lab: Site) -> None:
    """It goes on when its controller was killed; a plan made meanwhile would be about the past."""
    converged(lab)
    lab.ssh(
        "web-1",
        "rm -f /tmp/go; systemd-run --quiet flock /run/fountainai/agent.lock sh -c "
        "'until [ -e /tmp/go ]; do sleep 0.1; done; echo orphan > /etc/web/settings'",
    )
    assert "no changes (as left by" in lab.pyinfra(WEB, "--dry", "--limit", "web-1").stderr
    run = start(lab)
    until(lambda: lab.ssh("web-1", "pgrep -f 'python3 -IS -$'", check=False) != "")
    assert run.poll() is None
    lab.ssh("web-1", "touch /tmp/go")
    text = run.communicate(timeout=120)[0]
    assert run.returncode == 0, text
    assert "CHANGED ON THE HOST" in text
    assert lab.ssh("web-1", "cat /etc/web/settings").startswith("version 1")


def test_a_full_disk_is_told_and_leaves_the_old_file(lab: Site) -> None:
    converged(lab)
    old = lab.ssh("web-1", "sha256sum /etc/web/big /etc/web/settings")
    lab.ssh("web-1", "fallocate -l $(df --output=avail -B1 / | tail -1) /fill || true; "
                     "dd if=/dev/zero of=/fill2 bs=4k 2>/dev/null || true")  # fmt: skip
    try:
        full = lab.pyinfra(WEB, "-y", WEB_VERSION="full")
        assert full.returncode == 1
        assert re.search(r"no space left|MB free on /", full.stdout + full.stderr)
        assert lab.ssh("web-1", "sha256sum /etc/web/big /etc/web/settings") == old
    finally:
        lab.ssh("web-1", "rm -f /fill /fill2")
    converged(lab)


def test_a_host_with_another_key_is_refused_before_anything_runs(lab: Site) -> None:
    converged(lab)
    pinned = world(lab.env).generated / "known_hosts"
    text = pinned.read_text()
    first, second = (h.address for h in lab.hosts)
    try:
        swapped = text.replace(first, "x").replace(second, first).replace("x ", f"{second} ")
        for wrong in (swapped, ""):
            pinned.write_text(wrong)
            run = lab.pyinfra(WEB, "-y", WEB_VERSION="wrong-key")
            assert run.returncode == 1
            assert "Starting operation" not in run.stdout + run.stderr
            assert "key" in (run.stdout + run.stderr).lower()
    finally:
        pinned.write_text(text)
    assert "wrong-key" not in lab.ssh("web-1", "cat /etc/web/settings")


def test_a_planted_secret_appears_in_no_output(lab: Site) -> None:
    """Every level of verbosity, differences included, and the process list while it is written."""
    flags = ("-y", "--diff", "-vvv", "--debug")
    run = lab.pyinfra(WEB, *flags, WEB_VERSION="loud")
    assert run.returncode == 0
    lab.ssh("web-1", "echo spoiled > /srv/web/key")
    edited = lab.pyinfra(WEB, "--dry", "--diff", "-vvv", "--debug")
    assert "secret changed" in edited.stderr
    assert "PLANTED-KEY" not in "".join(lab.output)
    assert "spoiled" not in edited.stdout + edited.stderr
    assert "PLANTED-KEY" not in lab.ssh("web-1", "cat /var/lib/fountainai/*; journalctl -q")
    converged(lab)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--dry", "--limit", "nobody"), "--limit nobody matches no host"),
        (("-y", "--no-wait"), "--no-wait hides failing hosts"),
        (("-y", "--serial"), "--serial runs hosts in random order"),
    ],
)
def test_flags_that_hide_failures_are_refused(lab: Site, flags: tuple[str, ...], says: str) -> None:
    run = lab.pyinfra(WEB, *flags)
    assert run.returncode == 1
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_another_inventory_than_ours_is_refused(lab: Site) -> None:
    """pyinfra takes a mistyped file for a host name; our entries stop unless ours was loaded."""
    argv = [str(PYINFRA), "@local", "deploys/base.py", "-y"]
    run = subprocess.run(argv, cwd=ROOT, env=lab.environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert "inventory.py was not loaded" in run.stderr
    assert "Starting operation" not in run.stderr

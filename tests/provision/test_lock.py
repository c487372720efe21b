"""One run at a time; a killed run frees the lock by itself, and a rerun takes up where it ended."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.provision.conftest import HOSTS, Site
from tests.provision.test_faults import settled

#: Changing calls of a first apply: key, tag, 3 creates, 3 firewalls, static IP, attach.
ALL_CALLS = 10


def wait_for_calls(site: Site, number: int, process: subprocess.Popen[str]) -> None:
    """Until `number` changing calls were made or the process ended."""
    end = time.monotonic() + 30
    while len(site.changing()) < number and process.poll() is None:
        assert time.monotonic() < end, "the command made no progress"
        time.sleep(0.005)


@pytest.fixture
def holder(site: Site) -> subprocess.Popen[str]:
    """An apply that is at work and will be for long."""
    site.fail("CreateInstances", "stuck_pending", times=-1)
    process = site.spawn("apply", "--yes", PROVISION_READY_S="60")
    wait_for_calls(site, 5, process)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_second_apply_stops_before_any_change_and_names_the_holder(
    site: Site, holder: subprocess.Popen[str]
) -> None:
    before = site.changing()
    for command in (["apply", "--yes"], ["destroy", "--yes"], ["stop", "app-1"]):
        result = site.run(*command)
        assert result.code == 3
        assert f"process {holder.pid}, since 20" in result.err
        assert "running 'provision apply --env lab'" in result.err
    assert site.changing() == before
    assert site.run("status").code == 0, "looking is always allowed"
    holder.kill()
    holder.wait()
    settled(site)


def test_interrupted_apply_says_what_exists_and_how_to_go_on(
    site: Site, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGINT)
    _, err = holder.communicate(timeout=30)
    assert holder.returncode == 1
    assert "interrupted" in err
    assert "app-1 (pending) $5.00" in err
    assert err.splitlines()[-1] == "Next: provision apply --env lab"
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [1, 4, 9])
def test_apply_killed_after_a_call_is_finished_by_a_rerun(site: Site, number: int) -> None:
    _killed_after(site, number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(ALL_CALLS + 1))
def test_apply_killed_after_each_call_is_finished_by_a_rerun(site: Site, number: int) -> None:
    _killed_after(site, number)


def _killed_after(site: Site, number: int) -> None:
    process = site.spawn("apply", "--yes")
    wait_for_calls(site, number, process)
    process.kill()
    process.communicate()
    settled(site)
    creates = [p for n, p in site.api.calls if n == "CreateInstances"]
    assert creates == []


def test_consent_is_typed_on_a_terminal(site: Site) -> None:
    """A wrong word does nothing; `yes` buys; destroying asks for the environment's name."""
    assert "nothing was done: not confirmed" in on_terminal(["apply"], "y")
    assert site.changing() == []
    assert "Hosts ready: 3" in on_terminal(["apply"], "yes")
    assert set(site.api.service.account.instances) == HOSTS
    assert "nothing is billed" in on_terminal(["destroy"], "lab")


def on_terminal(args: list[str], answer: str) -> str:
    """Run the command on a terminal of its own, answer its question, return what was shown."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "inventories.provision", *args],
        cwd=Path(__file__).parents[2],
        stdin=side,
        stdout=side,
        stderr=side,
        close_fds=True,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(side)
    shown, answered = "", False
    while True:
        # select, so that the stand-in's threads go on where gevent has made them cooperative
        if not select.select([main], [], [], 30)[0]:
            process.kill()
            break
        try:
            data = os.read(main, 65536)
        except OSError:  # the terminal is gone with its last process
            break
        if not data:
            break
        shown += data.decode(errors="replace")
        if "to do this: " in shown and not answered:
            answered = True
            os.write(main, f"{answer}\n".encode())
    process.wait(timeout=30)
    os.close(main)
    return shown

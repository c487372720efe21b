"""Killed after any request of an apply, the next apply ends where an undisturbed one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.repository.fingerprints import parse
from inventories.repository.names import RECORD
from tests.provision.github_support import Desk, made_desk

FIRST = (
    '[github.secrets]\nKEPT = { env = "ONE" }\nCHANGED = { env = "ONE" }\nGONE = { env = "ONE" }\n'
    '[github.variables]\nOLD = "old"\nGONE = "x"\n'
)
SECOND = (
    '[github.secrets]\nKEPT = { env = "ONE" }\nCHANGED = { env = "TWO" }\nNEW = { env = "TWO" }\n'
    '[github.variables]\nOLD = "changed"\nNEW = "new"\n'
    '[github.environments.publish.secrets]\nNEW = { env = "TWO" }\n'
    '[github.environments.publish.variables]\nNEW = "new"\n'
)
ONE, TWO = b"value-of-the-first-one", b"value-of-the-second-one"


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    with made_desk(tmp_path, monkeypatch, capfd) as made:
        made.secret("ONE", ONE)
        made.secret("TWO", TWO)
        made.want(FIRST)
        made.apply()
        made.want(SECOND)
        made.hub.log.clear()
        yield made


def state(desk: Desk) -> dict[str, object]:
    """What GitHub holds, without times."""
    publish = desk.repo.environments["publish"]
    out: dict[str, object] = {}
    for place in (desk.repo, publish):
        record = parse(place.variables.value(RECORD))
        entries = {n: e for n, e in record.secrets.items() if n in place.secrets.held}
        for name, entry in entries.items():
            assert not entry.begun
            assert place.secrets.held[name].updated_at == entry.updated_at
        name = getattr(place, "full_name", "publish")
        out[name] = (
            {n: place.secrets.plain(n) for n in place.secrets.names()},
            {n: place.variables.value(n) for n in place.variables.names() if n != RECORD},
            {n: e.fingerprint for n, e in entries.items()},
            {n: d for n, d in record.variables.items() if n in place.variables.held},
            record.environments,
        )
    return out


def never_wrong(desk: Desk) -> None:
    """No secret is called unchanged that is not what site.toml wants."""
    wanted = {"KEPT": ONE, "CHANGED": TWO, "NEW": TWO, "publish/NEW": TWO}
    places = {"": desk.repo.secrets}
    if "publish" in desk.repo.environments:
        places["publish/"] = desk.repo.environments["publish"].secrets
    kinds = desk.kinds("--prune")
    for prefix, vault in places.items():
        for name in vault.names():
            if kinds.get(prefix + name) == "unchanged" and prefix + name in wanted:
                assert vault.plain(name) == wanted[prefix + name]


def back(desk: Desk) -> None:
    """GitHub and site.toml as at the start."""
    desk.want(FIRST)
    desk.apply("--prune")
    desk.repo.environments.clear()
    desk.want(SECOND)
    desk.hub.log.clear()


def cut_off(desk: Desk, after_effect: bool, every: int) -> None:
    """Nothing gets through from the n-th request on: GitHub is left as by a kill at that moment,
    before or after the request had its effect. The next apply ends as an undisturbed one."""
    desk.apply("--prune")
    requests, wanted = len(desk.hub.log), state(desk)
    assert requests > 20
    for number in range(0, requests, every):
        back(desk)
        desk.hub.fail("*", "", 503, 1, skip=number, after_effect=after_effect)
        desk.hub.fail("*", "", 503, 9999, skip=number)
        said = desk.run("apply", "--yes", "--prune")
        assert said.code == 1, f"{number}: {said.all}"
        assert "Traceback" not in said.err
        desk.hub.faults.planned.clear()
        never_wrong(desk)
        desk.apply("--prune")
        assert state(desk) == wanted, number
        assert set(desk.kinds("--prune").values()) == {"unchanged"}


def _wait_for(desk: Desk, process: subprocess.Popen[str], method: str, path: str) -> None:
    """Until GitHub has the request."""
    deadline = time.monotonic() + 30
    while not desk.hub.requests(method, path):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cut_off_here_and_there(desk: Desk) -> None:
    cut_off(desk, after_effect=True, every=4)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_cut_off_at_any_request(desk: Desk, after_effect: bool) -> None:
    cut_off(desk, after_effect, every=1)


@pytest.mark.parametrize(
    "request_", ["PUT /actions/secrets/CHANGED", "DELETE /actions/secrets/GONE",
                 "PATCH /actions/variables/FOUNTAINAI", "PUT /environments/publish$"],
)  # fmt: skip
def test_killed_for_good(desk: Desk, request_: str) -> None:
    """SIGKILL while GitHub thinks about a write that it will carry out: the lock goes with the
    process, and the next apply repairs."""
    method, path = request_.split()
    desk.hub.slow(method, path, 30)
    process = desk.spawn("apply", "--yes", "--prune")
    _wait_for(desk, process, method, path)
    os.kill(process.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    desk.shown += [out, err]
    never_wrong(desk)
    desk.apply("--prune")
    assert set(desk.kinds("--prune").values()) == {"unchanged"}
    assert desk.repo.secrets.plain("CHANGED") == TWO
    state(desk)


@pytest.mark.parametrize(
    ("argv", "request_", "said"),
    [
        ("plan", "GET /actions/secrets", "interrupted\nNext: run the same command again\n"),
        ("apply --yes", "PUT /actions/secrets/CHANGED", "interrupted; what was done is kept"),
        ("dispatch", "POST /dispatches$", "interrupted; what was done is kept"),
    ],
)
def test_an_interruption_is_a_sentence(desk: Desk, argv: str, request_: str, said: str) -> None:
    """Ctrl-C is exit code 1 as every failure: 130 is none of the documented ones."""
    method, path = request_.split()
    desk.hub.slow(method, path, 30)
    process = desk.spawn(*argv.split())
    _wait_for(desk, process, method, path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    desk.shown += [out, err]
    assert process.returncode == 1
    assert said in err
    assert "Traceback" not in err


def test_a_value_that_went_back_after_a_kill_is_written_again(desk: Desk) -> None:
    """The record still knows the value before: without its mark the secret would pass for
    unchanged while GitHub has the value of the killed run."""
    desk.hub.fail("PUT", "/actions/secrets/NEW", 503, 9999)
    assert desk.run("apply", "--yes").code == 1
    desk.hub.faults.planned.clear()
    assert desk.repo.secrets.plain("CHANGED") == TWO
    desk.want(FIRST)
    assert desk.kinds()["CHANGED"] == "change"
    desk.apply()
    assert desk.repo.secrets.plain("CHANGED") == ONE

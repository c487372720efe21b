"""Labs from nothing to nothing: killed half way, twice at once, side by side."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_support import REHEARSE, Login, fresh_name, lab, left_behind, marks, rehearse, status

from inventories.lab import process, rootfs, state
from inventories.lab.driver import LabDriver

pytestmark = pytest.mark.lab


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login.make(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """Built before anything is timed."""
    rootfs.image()


@pytest.fixture
def name() -> Iterator[str]:
    name = fresh_name()
    yield name
    while STARTED:
        running = STARTED.pop()
        running.kill()
        running.wait()
    assert rehearse("down", "--name", name).returncode == 0


STARTED: list[subprocess.Popen[bytes]] = []


def start_up(name: str, *options: str) -> subprocess.Popen[bytes]:
    """`rehearse up` in the background; the `name` fixture ends it."""
    running = subprocess.Popen(
        [*REHEARSE, "up", "--name", name, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    STARTED.append(running)
    return running


def killed_then_gone(name: str, running: subprocess.Popen[bytes]) -> None:
    """Kill -9 the `up`, and require that one `down` leaves nothing and a new `up` works."""
    running.send_signal(signal.SIGKILL)
    running.wait()
    texts = marks(name)
    down = rehearse("down", "--name", name)
    assert down.returncode == 0, down.stderr
    # the provisioning that was killed with it is gone as soon as the kernel got round to it
    deadline = time.monotonic() + 5
    while (left := left_behind(texts)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
    again = rehearse("up", "--bare", "--name", name)
    assert again.returncode == 0, again.stderr
    assert rehearse("down", "--name", name).returncode == 0
    assert left_behind([name]) == []


MOMENTS = ["lab.json", "hosts/*/disk.img.new", "hosts/*/host.pid"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_up_killed_half_way_leaves_nothing_after_down(name: str, moment: str) -> None:
    running = start_up(name)
    deadline = time.monotonic() + 60
    while not list((state.ROOT / name).glob(moment)):
        assert running.poll() is None, "up ended before the moment came"
        assert time.monotonic() < deadline
    killed_then_gone(name, running)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_up_killed_at_any_time_leaves_nothing_after_down(name: str, seed: int) -> None:
    running = start_up(name)
    time.sleep(random.Random(seed).uniform(0.2, 20))
    killed_then_gone(name, running)


def test_up_killed_half_way_is_continued_by_the_next_up(name: str, login: Login) -> None:
    running = start_up(name)
    while not list((state.ROOT / name).glob("hosts/*/host.pid")):
        assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.wait()
    again = rehearse("up", "--name", name)
    assert again.returncode == 0, again.stderr
    found = status(name)
    assert found["lab"]["ready"]
    hosts = found["hosts"]
    assert {role for host in hosts for role in host["roles"]} == {"app", "kong", "opensearch"}
    assert {host["state"] for host in hosts} == {"running"}
    for host in hosts:
        done = rehearse("ssh", "--name", name, host["name"], "--", "cat", "/proc/meminfo")
        assert f"MemTotal: {host['memory_mb'] * 1024}" in " ".join(done.stdout.split())
    secrets = Path(".secrets", name)
    assert secrets.is_dir()
    assert secrets.stat().st_mode & 0o077 == 0
    # a lost machine or killed processes: everything is down, and one `up` brings it back
    for record in (state.ROOT / name).glob("hosts/*/host.pid"):
        process.signal_recorded(record, signal.SIGKILL)
    process.signal_recorded(state.ROOT / name / "api.pid", signal.SIGKILL)
    assert process.gone(state.ROOT / name / "api.pid", 10)
    subprocess.run(["ip", "link", "delete", state.load(name).bridge], check=True)
    assert status(name)["urls"]["api"] is None
    assert rehearse("up", "--name", name).returncode == 0
    assert {host["state"] for host in status(name)["hosts"]} == {"running"}
    assert rehearse("ssh", "--name", name, "app-1", "--", "true").returncode == 0
    texts = marks(name)
    assert rehearse("down", "--name", name).returncode == 0
    assert left_behind(texts) == []


def test_a_killed_image_build_leaves_no_process_and_no_image(tmp_path: Path) -> None:
    build = (
        "import sys, pathlib; from inventories.lab import rootfs;"
        "rootfs.CACHE = pathlib.Path(sys.argv[1]); rootfs.image()"
    )
    cache = tmp_path / "cache"
    running = subprocess.Popen([REHEARSE[0], "-c", build, str(cache)])
    deadline = time.monotonic() + 60
    while not list(cache.glob(".build-*/root/usr")):  # the bootstrap is at work
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    here = f"{cache}/.build-"
    deadline = time.monotonic() + 10
    while left := [x for x in left_behind([here]) if x.startswith("process")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert not list(cache.glob("*.img"))
    cache_before, rootfs.CACHE = rootfs.CACHE, cache
    try:
        rootfs.remove_killed_builds()
    finally:
        rootfs.CACHE = cache_before
    assert list(cache.iterdir()) == []


def test_two_ups_at_once_make_one_lab(name: str) -> None:
    both = [start_up(name, "--bare") for _ in range(2)]
    ends = sorted(running.wait(timeout=120) for running in both)
    assert ends[0] == 0, "one of them must have made it"
    record = state.ROOT / name / "api.pid"
    assert process.alive(record)
    stand_ins = [
        entry.name
        for entry in Path("/proc").glob("[0-9]*")
        if f"--lab\0{name}\0" in _text(entry / "cmdline")
    ]
    assert len(stand_ins) == 1


def test_down_during_up_is_refused_and_names_the_lab(name: str) -> None:
    with state.locked(state.ROOT / name, what="x"):
        refused = rehearse("down", "--name", name)
    assert refused.returncode == 1
    assert f"Another command is working on the lab '{name}'" in refused.stderr
    os.rmdir(state.ROOT / name)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_two_labs_side_by_side_do_not_see_each_other(login: Login) -> None:
    with lab() as first, lab() as second:
        hosts = {}
        for driver in (first, second):  # the same name in both
            hosts[driver.lab.name] = driver.create("same-1", 512, 2, "admin", [login.public])
        one, two = hosts[first.lab.name], hosts[second.lab.name]
        assert first.lab.subnet != second.lab.subnet
        knock = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}/22' 2> /dev/null; echo $?"
        assert login.run(one, knock.format(two.address)) != "0"
        assert login.run(two, knock.format(one.address)) != "0"
        texts = marks(first.lab.name)
        assert rehearse("down", "--name", first.lab.name).returncode == 0
        assert left_behind(texts) == []
        assert login.run(two, "sudo apt-get update -q > /dev/null && hostname") == "same-1"


def test_a_slow_lab_adds_its_round_trip(login: Login) -> None:
    with lab("--rtt", "40") as driver:
        host = driver.create("slow-1", 512, 2, "admin", [login.public])
        assert (host.address, host.port) == (driver.lab.gateway, 22011)
        assert login.run(host, "hostname") == "slow-1"
        quick = LabDriver(driver.lab.name)._record("slow-1").address
        slow_s = _round_trip(login, host.address, host.port)
        fast_s = _round_trip(login, quick, 22)
        # one exchange over an open channel; the machine may be busy, so only the difference counts
        assert 0.030 < slow_s - fast_s < 0.5
        stopped = driver.stop("slow-1")
        assert stopped.state == "stopped"
        assert driver.start("slow-1") == host
        assert login.run(host, "hostname") == "slow-1"
        changed = rehearse("up", "--bare", "--name", driver.lab.name, "--rtt", "0")
        assert changed.returncode == 1
        assert "cannot be changed later" in changed.stderr


def _round_trip(login: Login, address: str, port: int) -> float:
    """Median seconds of 15 one-line exchanges with `cat` on the host."""
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        address, port, "admin", key_filename=str(login.directory / "key"), look_for_keys=False
    )
    try:
        to_host, from_host, _ = client.exec_command("cat", bufsize=0)
        times = []
        for _ in range(15):
            begin = time.perf_counter()
            to_host.write(b"x\n")
            assert from_host.readline() == "x\n"
            times.append(time.perf_counter() - begin)
        return sorted(times)[len(times) // 2]
    finally:
        client.close()

"""Hosts as the driver makes them: what they must have in common with a bought machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from lab_support import Login, lab, left_behind, marks

from inventories.lab import process
from inventories.lab.driver import LabDriver
from inventories.lab.errors import LabError
from inventories.lab.hosts import LabHost

pytestmark = pytest.mark.lab
# more than 512 MB, touched; the exit status is printed because ssh reports a signal as 255
TOO_MUCH = "python3 -c 'b = bytearray(700 << 20); b[::4096] = b[::4096]'; echo $?"


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login.make(tmp_path_factory.mktemp("login"))


@pytest.fixture(scope="module")
def driver() -> Iterator[LabDriver]:
    with lab() as made:
        yield made


@pytest.fixture(scope="module")
def small(driver: LabDriver, login: Login) -> LabHost:
    return driver.create("small-1", 512, 2, "admin", [login.public])


@pytest.fixture(scope="module")
def other(driver: LabDriver, login: Login) -> LabHost:
    return driver.create("other-1", 1024, 40, "admin", [login.public])


def test_host_is_a_healthy_system_reached_by_key(small: LabHost, login: Login) -> None:
    assert small.state == "running"
    assert login.run(small, "systemctl is-system-running --wait") == "running"
    assert login.run(small, "hostname; sudo -n id -u; id -un") == "small-1\n0\nadmin"
    assert login.run(small, ". /etc/os-release; echo $ID $VERSION_ID") == "debian 13"
    assert "unable to resolve" not in login.ssh(small, "sudo true").stderr


def test_hosts_have_identities_of_their_own(small: LabHost, other: LabHost, login: Login) -> None:
    assert small.address != other.address
    assert len(small.host_keys) == 3
    assert not {key for _, key in small.host_keys} & {key for _, key in other.host_keys}
    ids = {login.run(host, "cat /etc/machine-id") for host in (small, other)}
    assert len(ids) == 2


def test_strict_host_key_checking_tells_hosts_apart(
    small: LabHost, other: LabHost, login: Login
) -> None:
    refused = login.ssh(small, "true", keys_of=other)
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr


def test_nobody_logs_in_as_root_or_by_password(small: LabHost, login: Login) -> None:
    assert login.ssh(small, "true", user="root").returncode == 255
    settings = login.run(small, "sudo sshd -T")
    assert "permitrootlogin no" in settings
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings
    assert login.run(small, "sudo passwd --status root").split()[1] == "L"


def test_hosts_reach_each_other_and_the_package_mirror(
    small: LabHost, other: LabHost, login: Login
) -> None:
    banner = f"timeout 5 bash -c 'exec 3<>/dev/tcp/{other.address}/22; head -c 4 <&3'"
    assert login.run(small, banner) == "SSH-"
    login.run(small, "sudo apt-get update -q")
    assert "openjdk-21" in login.run(small, "apt-cache policy openjdk-21-jre-headless")


def test_meminfo_shows_the_size_that_was_bought(
    small: LabHost, other: LabHost, login: Login
) -> None:
    for host in (small, other):
        rows = login.run(host, "cat /proc/meminfo").splitlines()
        kb = {row.split(":")[0]: int(row.split()[1]) for row in rows}
        assert kb["MemTotal"] == host.memory_mb * 1024
        assert 0 < kb["MemFree"] <= kb["MemAvailable"] <= kb["MemTotal"]
        assert kb["SwapTotal"] == 0
        assert f"Mem: {host.memory_mb}" in " ".join(login.run(host, "free -m").split())


def test_memory_beyond_the_size_is_killed_and_the_host_stays(small: LabHost, login: Login) -> None:
    before = login.run(small, "stat -c %Y /proc/1; systemctl show -P ActiveEnterTimestamp ssh")
    fits = "python3 -c 'b = bytearray(300 << 20)'"
    assert login.ssh(small, fits).returncode == 0
    assert login.run(small, TOO_MUCH) == "137"
    after = login.run(small, "stat -c %Y /proc/1; systemctl show -P ActiveEnterTimestamp ssh")
    assert after == before


def test_a_full_disk_is_full_for_its_host_only(
    small: LabHost, other: LabHost, login: Login
) -> None:
    # allocation, not writing: the machine's own disk is hardly touched
    filled = login.ssh(small, "sudo fallocate -l 3G /var/tmp/fill")
    assert "No space left on device" in filled.stderr
    login.ssh(small, "sudo sh -c 'fallocate -l 1600M /var/tmp/a; cat /dev/zero > /var/tmp/b'")
    full = login.ssh(small, "sudo dd if=/dev/urandom of=/var/tmp/c bs=64k count=1")
    assert "No space left on device" in full.stderr
    login.run(other, "sudo dd if=/dev/urandom of=/var/tmp/c bs=64k count=1")
    login.run(small, "sudo rm -f /var/tmp/a /var/tmp/b /var/tmp/c /var/tmp/fill")
    hosts = (small, other)
    sizes = {h.name: int(login.run(h, "df --output=size -BG / | tail -1")[:-1]) for h in hosts}
    assert sizes["small-1"] == 2
    assert 38 <= sizes["other-1"] <= 40


def test_stop_is_orderly_and_start_keeps_disk_keys_and_address(
    driver: LabDriver, small: LabHost, login: Login
) -> None:
    unit = (
        "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n"
        'ExecStop=/bin/sh -c "echo stopped > /var/lib/mark"\\n'
    )
    login.run(
        small,
        f"printf '{unit}' | sudo tee /etc/systemd/system/mark.service > /dev/null"
        " && sudo systemctl start mark",
    )
    stopped = driver.stop("small-1")
    assert stopped.state == "stopped"
    assert driver.get("small-1") == stopped
    started = driver.start("small-1")
    assert started == small
    assert login.run(started, "cat /var/lib/mark") == "stopped"
    assert "MemTotal:         524288 kB" in login.run(started, "cat /proc/meminfo")


@pytest.mark.parametrize("how", ["driver", "inside"])
def test_reboot_comes_back_with_its_memory_limit(
    driver: LabDriver, small: LabHost, login: Login, how: str
) -> None:
    # the machine id of a boot does not change in a container; the start of process 1 does
    mark = "sudo touch /run/this-boot"
    login.run(small, mark)
    if how == "driver":
        driver.reboot("small-1")
    else:
        login.ssh(small, "sudo systemctl reboot")
        poll = "test ! -e /run/this-boot"
        for _ in range(100):
            if login.ssh(small, poll).returncode == 0:
                break
        else:
            pytest.fail("the host did not come back")
    login.run(small, "test ! -e /run/this-boot")
    assert "MemTotal:         524288 kB" in login.run(small, "cat /proc/meminfo")
    assert login.run(small, TOO_MUCH) == "137"


def test_a_host_whose_process_was_killed_is_stopped_and_can_be_started(
    driver: LabDriver, small: LabHost, login: Login
) -> None:
    record = driver.lab.directory / "hosts/small-1/host.pid"
    login.run(small, "sync")
    process.signal_recorded(record, signal.SIGKILL)
    assert process.gone(record, 10)
    driver.reconcile()
    host = driver.get("small-1")
    assert host is not None
    assert host.state == "stopped"
    driver.power_on()
    assert login.run(small, "systemctl is-system-running --wait") == "running"


def test_names_and_sizes_that_cannot_be_are_refused(driver: LabDriver, small: LabHost) -> None:
    with pytest.raises(LabError, match="already has a host 'small-1'"):
        driver.create("small-1", 512, 20, "admin", [])
    for name in ("../x", "", "-rf", "a b", "a" * 60, "x\n"):
        with pytest.raises(LabError, match="cannot be a host's name"):
            driver.create(name, 512, 20, "admin", [])
    for memory, disk in ((16, 20), (512, 1)):
        with pytest.raises(LabError, match="at least"):
            driver.create("tiny", memory, disk, "admin", [])
    for user in ("root;id", "", "A b", "root"):
        with pytest.raises(LabError, match="cannot be a login user"):
            driver.create("tiny", 512, 20, user, [])
    with pytest.raises(LabError, match="cannot be had"):
        driver.create("tiny", 512, 20, "admin", [], fixed_ip=small.address)
    with pytest.raises(LabError, match="has no host 'tiny'"):
        driver.start("tiny")
    assert driver.get("tiny") is None


def test_delete_removes_all_of_a_host_and_frees_its_name(driver: LabDriver, login: Login) -> None:
    host = driver.create("brief-1", 512, 20, "admin", [login.public])
    number = host.address.rpartition(".")[2]
    link = f"vb-{driver.lab.bridge.removeprefix('flab')}h{number}"
    assert left_behind(["brief-1"])
    driver.delete("brief-1")
    driver.delete("brief-1")  # a repeat is fine
    left = [x for x in left_behind(["brief-1", link]) if "/locks/" not in x]
    assert left == []
    again = driver.create("brief-1", 512, 20, "admin", [login.public], fixed_ip=host.address)
    assert again.address == host.address
    assert again.host_keys != host.host_keys
    assert login.run(again, "hostname") == "brief-1"


def test_secrets_of_hosts_are_readable_by_root_only(driver: LabDriver, small: LabHost) -> None:
    top = driver.lab.directory / "hosts"
    assert top.stat().st_mode & 0o077 == 0
    assert (top / "small-1/disk.img").stat().st_mode & 0o077 == 0


def test_down_leaves_nothing(login: Login) -> None:
    with lab() as own:
        own.create("first-1", 512, 20, "admin", [login.public])
        texts = marks(own.lab.name)
        assert len(left_behind(texts)) > 10, "the search must find a lab that is there"
    assert left_behind(texts) == []

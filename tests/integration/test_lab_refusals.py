"""Machines and requests that cannot be: one sentence with the way out, and nothing made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from lab_support import fresh_name, lab, left_behind, rehearse

from inventories.lab import state

pytestmark = pytest.mark.lab


def refused(*words: str, name: str, wrapper: tuple[str, ...] = (), options: tuple[str, ...] = ()):
    """`up` fails with these words in one sentence, without a traceback and without a trace."""
    done = rehearse("up", "--bare", "--name", name, *options, wrapper=wrapper)
    assert done.returncode == 1, done.stderr
    message = done.stderr.strip()
    assert "Traceback" not in message
    for word in words:
        assert word in message
    if len(name) > 4:  # a text that means something to search for
        assert left_behind([name]) == []


def in_other_machine(script: str) -> tuple[str, ...]:
    """Run below a mount namespace in which `script` has changed what the machine looks like."""
    start = f'{script}; exec "$@"'
    return ("unshare", "--mount", "--propagation", "private", "sh", "-ec", start, "sh")


def test_without_root() -> None:
    wrapper = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    probe = subprocess.run([*wrapper, "test", "-r", str(Path(__file__))], check=False)
    if probe.returncode != 0:
        pytest.fail("the checkout must be readable by others for this test")
    refused("need root", "sudo", name=fresh_name(), wrapper=wrapper)


def test_another_operating_system(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=fedora\nPRETTY_NAME="Fedora Linux 41"\n')
    wrapper = in_other_machine(f"mount --bind {release} /etc/os-release")
    refused("Fedora Linux 41", "use a Debian 12 or 13", name=fresh_name(), wrapper=wrapper)


def test_too_little_disk() -> None:
    script = "mkdir -p /var/cache/fountainai-lab; mount -t tmpfs -o size=64M none /var/cache"
    refused("GB free", "down --all", name=fresh_name(), wrapper=in_other_machine(script))


def test_too_little_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 900000 kB\nMemAvailable: 409600 kB\n")
    wrapper = in_other_machine(f"mount --bind {meminfo} /proc/meminfo")
    refused("400 MB of memory", "down --all", name=fresh_name(), wrapper=wrapper)


def test_containers_not_permitted() -> None:
    wrapper = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    refused("does not permit containers", "--privileged", name=fresh_name(), wrapper=wrapper)


def test_no_debian_archive_among_the_apt_sources(tmp_path: Path) -> None:
    wrapper = in_other_machine("mount -t tmpfs none /etc/apt/sources.list.d")
    refused("No Debian archive", "sources.list.d", name=fresh_name(), wrapper=wrapper)


def test_control_groups_not_mounted() -> None:
    refused(
        "Control groups are not mounted",
        name=fresh_name(),
        wrapper=in_other_machine("mount -t tmpfs none /sys/fs/cgroup"),
    )


def test_range_taken_and_the_way_out() -> None:
    name = fresh_name()
    # a network namespace of its own, in which a tunnel routes the labs' whole range
    route = (
        "ip link add tunnel type bridge; ip link set tunnel up; ip route add 10.0.0.0/8 dev tunnel"
    )
    wrapper = ("unshare", "--net", "sh", "-ec", f'{route}; exec "$@"', "sh")
    refused("10.83.0.0/16 is already routed", "--subnet", name=name, wrapper=wrapper)


def test_subnet_taken_or_not_one(tmp_path: Path) -> None:
    with lab() as driver:
        refused("overlaps", name=fresh_name(), options=("--subnet", driver.lab.subnet))
    for text in ("10.83.1.0/16", "8.8.8.0/24", "rubbish", "10.83.1.7/24", "::1/64"):
        refused(f"--subnet {text}", name=fresh_name(), options=("--subnet", text))
    free = "172.30.219.0/24"
    with lab("--subnet", free) as driver:
        assert driver.lab.subnet == free


def test_overlay_that_is_not_there() -> None:
    refused("there is no such file", name=fresh_name(), options=("--site", "/no/such.toml"))


@pytest.mark.parametrize(
    "name", ["X", "a", "-rf", "..", "a/b", "a b", "a\nb", "production", "ü2", "a" * 25]
)
def test_names_that_cannot_be(name: str) -> None:
    done = rehearse("up", "--bare", f"--name={name}")
    assert done.returncode == 1
    assert "cannot be a lab's name" in done.stderr
    for command in ("down", "status"):
        assert "cannot be a lab's name" in rehearse(command, f"--name={name}").stderr


def test_unknown_labs_and_hosts() -> None:
    name = fresh_name()
    for command in (["status"], ["status", "--json"], ["ssh", "host-1"]):
        done = rehearse(*command, "--name", name)
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"There is no lab '{name}'" in done.stderr
        assert f"'rehearse up --name {name}' makes it" in done.stderr
    gone = rehearse("down", "--name", name)
    assert gone.returncode == 0, "removing what is not there is done, not failed"
    with lab(name=name):
        done = rehearse("ssh", "--name", name, "host-1")
        assert done.returncode == 1
        assert f"provision apply --env {name}" in done.stderr


def test_status_needs_the_right_to_read_the_lab() -> None:
    with lab() as driver:
        assert os.stat(driver.lab.directory / "lab.json").st_mode & 0o077 == 0
        wrapper = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        done = rehearse("status", "--name", driver.lab.name, wrapper=wrapper)
        assert done.returncode == 1
        assert "belongs to root" in done.stderr
        down = rehearse("down", "--name", driver.lab.name, wrapper=wrapper)
        assert down.returncode == 1
        assert "need root" in down.stderr


def test_a_record_without_a_lab_is_removed() -> None:
    # what is left when `up` is killed between the directory and its first record
    name = fresh_name()
    (state.ROOT / name).mkdir(parents=True)
    assert rehearse("down", "--name", name).returncode == 0
    assert left_behind([name]) == []

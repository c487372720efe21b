"""Provisioning with real hosts behind the API: what it writes is what ssh needs, and no less."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.loader import env_paths, load_hosts
from inventories.worlds import world
from tests.provision.one_host import one_host, provision, run

pytestmark = pytest.mark.lab


def ssh(env: str, command: str) -> subprocess.CompletedProcess[str]:
    config = env_paths(world(env)).ssh_config
    return run("ssh", "-F", str(config), "-o", "BatchMode=yes", "app-1", command)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[str]:
    """Bought by `provision` as `rehearse up` does it."""
    with one_host(tmp_path) as name:
        yield name


def test_bought_host_is_reached_by_what_was_written_and_by_nothing_else(env: str) -> None:
    generated = world(env).generated
    before = {p.name: p.read_bytes() for p in generated.iterdir()}
    memory = ssh(env, "grep MemTotal /proc/meminfo")
    assert memory.returncode == 0, memory.stderr
    assert f"{load_hosts(env).hosts['app-1'].memory_mb * 1024} kB" in memory.stdout

    # Keys that the host showed the API are the ones it shows ssh; a second apply agrees.
    again = provision(env, "apply", "--yes")
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert {p.name: p.read_bytes() for p in generated.iterdir()} == before

    # An impostor's key, or none, is refused; apply brings the pinned ones back.
    pinned = generated / "known_hosts"
    lines = pinned.read_text().splitlines()
    swapped = [line.rsplit(" ", 1)[0] + " " + other_key(line) for line in lines]
    for text in ("\n".join(swapped) + "\n", ""):
        pinned.write_text(text)
        refused = ssh(env, "true")
        assert refused.returncode == 255
        assert "Host key verification failed" in refused.stderr
    assert provision(env, "apply", "--yes").returncode == 0
    assert pinned.read_bytes() == before["known_hosts"]

    # Stop and start keep the host's keys, so there is no alarm and no new trust.
    assert provision(env, "stop", "app-1").returncode == 0
    assert provision(env, "start", "app-1").returncode == 0
    keys = [k["key"] for k in json.loads(before["hosts.json"])["hosts"]["app-1"]["host_keys"]]
    now = json.loads((generated / "hosts.json").read_text())["hosts"]["app-1"]
    assert [k["key"] for k in now["host_keys"]] == keys
    assert ssh(env, "true").returncode == 0

    # Destroyed and bought again: another host, other keys, still reached.
    shutil.copytree(generated, generated.with_name(f"{env}-old"))
    try:
        gone = provision(env, "destroy", "--yes")
        assert gone.returncode == 0, gone.stderr
        assert "nothing is billed" in gone.stdout
        shutil.rmtree(generated)
        generated.with_name(f"{env}-old").rename(generated)
        fresh = provision(env, "apply", "--yes")
        assert fresh.returncode == 0, fresh.stderr
    finally:
        shutil.rmtree(generated.with_name(f"{env}-old"), ignore_errors=True)
    assert ssh(env, "true").returncode == 0
    new = [k.key for k in load_hosts(env).hosts["app-1"].host_keys]
    assert not set(new) & set(keys)


def other_key(line: str) -> str:
    """The key of a line with one character changed near its end."""
    key = line.rsplit(" ", 1)[1]
    at = len(key) - 10
    return key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1 :]

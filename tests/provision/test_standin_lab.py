"""The stand-in with real hosts behind it: what the API says is what is there."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from standin_support import client_of, until

from inventories.lab import process, state

pytestmark = pytest.mark.lab

REHEARSE = [sys.executable, "-c", "from inventories.lab.cli import main; main()"]
BOOT_S = 120.0


class Lab:
    """A bare lab of its own name: network and API, hosts only through the API."""

    def __init__(self, directory: Path) -> None:
        self.name = f"t-{secrets.token_hex(5)}"
        self.key, self.known_hosts = directory / "id_rsa", directory / "known_hosts"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(self.key)],
            check=True,
        )

    def up(self) -> None:
        self._rehearse("up", "--bare")
        self.url = state.load(self.name).api or ""
        self.api = client_of(self.url)

    def down(self) -> None:
        self._rehearse("down")

    def _rehearse(self, *args: str) -> None:
        done = subprocess.run(
            [*REHEARSE, *args, "--name", self.name], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr

    def kill(self, record: Path) -> None:
        running = process.alive(record)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        until(lambda: not running.alive())

    @property
    def directory(self) -> Path:
        return state.load(self.name).directory

    def create(self, name: str, bundle: str = "nano_3_0") -> dict[str, Any]:
        (operation,) = self.api.create_instances(
            instanceNames=[name],
            availabilityZone="eu-central-1a",
            blueprintId="debian_13",
            bundleId=bundle,
            keyPairName="the-key",
        )["operations"]
        return operation

    def state(self, name: str) -> str:
        return self.api.get_instance_state(instanceName=name)["state"]["name"]

    def ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            now = self.api.get_operation(operationId=operation["id"])["operation"]
            return now if now["isTerminal"] else None

        return until(look, BOOT_S)

    def ssh(self, name: str, command: str) -> str:
        """Log in as the API says: its address, its user, only its host keys."""

        def look() -> dict[str, Any] | None:
            details = self.api.get_instance_access_details(instanceName=name)["accessDetails"]
            return details if details["hostKeys"] and "ipAddress" in details else None

        details = until(look, BOOT_S)
        lines = [
            f"{details['ipAddress']} {k['algorithm']} {k['publicKey']}\n"
            for k in details["hostKeys"]
        ]
        self.known_hosts.write_text("".join(lines))
        done = subprocess.run(
            [
                *("ssh", "-F", "none", "-i", str(self.key), "-o", "BatchMode=yes"),
                *("-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null"),
                *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "ConnectTimeout=10"),
                *(f"{details['username']}@{details['ipAddress']}", command),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    try:
        made.up()
        public = made.key.with_suffix(".pub").read_text()
        made.api.import_key_pair(keyPairName="the-key", publicKeyBase64=public)
        yield made
        assert requests.get(f"{made.url}/_lab/health", timeout=5).json()["bugs"] == []
    finally:
        made.down()


def test_a_created_instance_is_a_host_with_the_memory_of_its_bundle(lab: Lab) -> None:
    assert lab.ended(lab.create("small-1", "micro_3_0"))["status"] == "Succeeded"
    assert lab.ssh("small-1", "hostname; id -un") == "small-1\nadmin"
    total_kb = int(lab.ssh("small-1", "awk '/MemTotal/ {print $2}' /proc/meminfo"))
    assert total_kb <= 1024 * 1024
    shown = lab.api.get_instance(instanceName="small-1")["instance"]
    assert shown["publicIpAddress"] == shown["privateIpAddress"]


def test_a_host_that_was_killed_is_stopped_and_comes_back_as_itself(lab: Lab) -> None:
    lab.ended(lab.create("dies-1"))
    lab.ssh("dies-1", "echo kept >note; sync")
    before = lab.known_hosts.read_text()
    lab.kill(lab.directory / "hosts/dies-1/host.pid")
    assert lab.state("dies-1") == "stopped"
    lab.ended(lab.api.start_instance(instanceName="dies-1")["operations"][0])
    assert lab.ssh("dies-1", "cat note") == "kept"
    assert lab.known_hosts.read_text() == before


def test_a_stand_in_killed_in_the_middle_of_a_create_goes_on_with_it(lab: Lab) -> None:
    operation = lab.create("late-1")
    # the driver's record says that it is at work on the host
    until(lambda: (lab.directory / "hosts/late-1/host.json").exists(), BOOT_S)
    lab.kill(lab.directory / "api.pid")
    url = lab.url
    lab.up()
    assert lab.url == url
    assert lab.ended(operation)["status"] == "Succeeded"
    assert lab.ssh("late-1", "hostname") == "late-1"


def test_a_host_that_cannot_be_made_says_why(lab: Lab) -> None:
    """The API takes an underscore in a name; no host name has one."""
    ended = lab.ended(lab.create("under_score"))
    assert ended["status"] == "Failed"
    assert "cannot be a host's name" in ended["errorDetails"]


def test_deletion_leaves_no_host(lab: Lab) -> None:
    lab.ended(lab.create("gone-1"))
    assert (lab.directory / "hosts/gone-1").exists()
    (operation,) = lab.api.delete_instance(instanceName="gone-1")["operations"]
    assert lab.ended(operation)["status"] == "Succeeded"
    assert not (lab.directory / "hosts/gone-1").exists()

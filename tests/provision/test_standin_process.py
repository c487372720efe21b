"""The stand-in as a process of its own, and what a stop or a kill leaves for the next one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from standin_support import Cloud, client_of, refused, rsa_key, running_cloud, until

from inventories.lab.lightsail import Delays, NullDriver
from inventories.lab.lightsail.account import StateError
from inventories.lab.lightsail.driver_api import NullHost


# -- inside one process
def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    state, driver = tmp_path / "state.json", NullDriver()
    with running_cloud(driver, state_file=state) as cloud:
        cloud.running("web-1", userData="TOKEN=sesame", tags=[{"key": "a", "value": "1"}])
        cloud.client.import_key_pair(keyPairName="site-key", publicKeyBase64=rsa_key())
        cloud.client.allocate_static_ip(staticIpName="web-1-ip")
        cloud.client.attach_static_ip(staticIpName="web-1-ip", instanceName="web-1")
        cloud.client.put_instance_public_ports(instanceName="web-1", portInfos=[])
        cloud.address("web-1")
        before = view(cloud)
    assert state.stat().st_mode & 0o777 == 0o600
    assert "sesame" not in state.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]
    with running_cloud(driver, state_file=state) as cloud:
        assert view(cloud) == before
        with refused("InvalidInputException", "NameExists"):
            cloud.create("web-1-ip")


def view(cloud: Cloud) -> list[Any]:
    client = cloud.client
    return [
        cloud.instance("web-1"),
        client.get_instance_port_states(instanceName="web-1")["portStates"],
        client.get_static_ips()["staticIps"],
        client.get_key_pairs()["keyPairs"],
        client.get_operations_for_resource(resourceName="web-1")["operations"],
    ]


class SlowDriver(NullDriver):
    """Takes as long to make a host as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()

    def create(self, *args: Any, **more: Any) -> NullHost:
        self.asked.set()
        assert self.go.wait(10)
        return super().create(*args, **more)


@pytest.mark.parametrize("made", [False, True])
def test_a_create_cut_off_by_a_kill_is_finished_by_the_next(tmp_path: Path, made: bool) -> None:
    """The file as it was in the middle of a create, the host not yet made or just made."""
    state, driver, key = tmp_path / "state.json", SlowDriver(), rsa_key()
    with running_cloud(driver, state_file=state) as cloud:
        cloud.client.import_key_pair(keyPairName="site-key", publicKeyBase64=key)
        (operation,) = cloud.create("web-1", keyPairName="site-key")
        assert driver.asked.wait(5)
        shutil.copy(state, tmp_path / "cut.json")
        driver.go.set()
        cloud.ended(operation)
    if not made:
        driver.delete("web-1")
    keys = made and driver.hosts["web-1"].host_keys
    with running_cloud(driver, state_file=tmp_path / "cut.json") as cloud:
        assert cloud.ended(operation)["status"] == "Succeeded"
        assert cloud.state("web-1") == "running"
        assert driver.hosts["web-1"].authorized_keys == (key,)
        if made:
            assert driver.hosts["web-1"].host_keys == keys


def test_a_deletion_while_the_host_is_being_made_leaves_no_host() -> None:
    """The two must not overtake each other: first the host is there, then it is removed."""
    driver = SlowDriver()
    with running_cloud(driver) as cloud:
        (create,) = cloud.create("web-1")
        assert driver.asked.wait(5)
        (delete,) = cloud.client.delete_instance(instanceName="web-1")["operations"]
        assert cloud.state("web-1") == "shutting-down"
        driver.go.set()
        assert cloud.ended(delete)["status"] == "Succeeded"
        assert cloud.ended(create)["status"] == "Failed"
    assert driver.hosts == {}


def test_only_the_latest_operations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventories.lab.lightsail.service.OPERATIONS_KEPT", 3)
    with running_cloud() as cloud:
        (create,) = cloud.create("web-1")
        cloud.ended(create)
        for _ in range(5):
            cloud.client.put_instance_public_ports(instanceName="web-1", portInfos=[])
        kept = cloud.client.get_operations_for_resource(resourceName="web-1")["operations"]
        assert [o["operationType"] for o in kept] == ["PutInstancePublicPorts"] * 3
        with refused("NotFoundException"):
            cloud.client.get_operation(operationId=create["id"])


@pytest.mark.parametrize("job", ["stop", "delete"])
def test_other_work_cut_off_is_finished_by_the_next(tmp_path: Path, job: str) -> None:
    state, driver = tmp_path / "state.json", NullDriver()
    with running_cloud(driver, state_file=state, delays=Delays(operation_s=30)) as cloud:
        cloud.running("web-1")
        (operation,) = getattr(cloud.client, f"{job}_instance")(instanceName="web-1")["operations"]
    assert driver.hosts["web-1"].state == "running"
    with running_cloud(driver, state_file=state) as cloud:
        assert cloud.ended(operation)["status"] == "Succeeded"
        if job == "stop":
            assert cloud.state("web-1") == "stopped"
        else:
            with refused("NotFoundException"):
                cloud.state("web-1")


def test_hosts_that_are_gone_after_a_restart_show_as_stopped(tmp_path: Path) -> None:
    """After a reboot of the machine no host process is left."""
    state = tmp_path / "state.json"
    with running_cloud(state_file=state) as cloud:
        cloud.running("web-1")
    with running_cloud(state_file=state) as cloud:
        assert cloud.state("web-1") == "stopped"
        (start,) = cloud.client.start_instance(instanceName="web-1")["operations"]
        failed = cloud.ended(start)
        assert (failed["status"], failed["errorDetails"]) == ("Failed", "there is no host web-1")
        assert cloud.state("web-1") == "stopped"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 0, "region": "eu-central-1"}',
                '{"version": 1, "region": "us-east-1"}',
                '{"version": 1, "region": "eu-central-1", "instances": {"a": {"x": 1}}}'],
)  # fmt: skip
def test_a_state_file_that_cannot_be_used_is_said_to_be_so(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(StateError, match="rehearse down"):
        Cloud(state_file=state)
    assert state.read_text() == content


def test_a_driver_that_listens_answers_like_sshd() -> None:
    """For waits on the ssh port in tests without hosts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    driver = NullDriver(ssh_port=port)
    with running_cloud(driver) as cloud:
        cloud.running("web-1")
        address = cloud.address("web-1")
        with socket.create_connection((address, port), timeout=2) as connection:
            assert connection.recv(8) == b"SSH-2.0-"
        cloud.ended(cloud.client.stop_instance(instanceName="web-1")["operations"][0])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=2)
    driver.close()


# -- as its own process
@contextmanager
def process(state: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "inventories.lab.lightsail", "--lab", "tests", "--quick"]
    command += ["--driver", "null", "--state-dir", str(state), *args]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate(timeout=10)


def url_of(state: Path) -> str:
    file = state / "api.url"

    def look() -> str | None:
        url = file.read_text().strip() if file.exists() else ""
        try:
            return url if url and requests.get(f"{url}/_lab/health", timeout=1).ok else None
        except requests.ConnectionError:
            return None

    return until(look, limit_s=15)


def test_a_process_keeps_its_account_and_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(tmp_path) as first:
        url = url_of(tmp_path)
        # as a person would use it: the plain client, told by the environment only
        monkeypatch.setenv("AWS_ENDPOINT_URL_LIGHTSAIL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALABLABLABLAB")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        plain = boto3.client("lightsail", region_name="eu-central-1")
        plain.allocate_static_ip(staticIpName="ip-1")
        first.send_signal(signal.SIGTERM)
        _, log = first.communicate(timeout=10)
    assert first.returncode == 0
    assert "saved, gone" in log
    with process(tmp_path) as second:
        assert url_of(tmp_path) == url
        assert plain.get_static_ip(staticIpName="ip-1")["staticIp"]["name"] == "ip-1"
        # killed in the middle of a create: the next one goes on with it
        stuck = {"operation": "CreateInstances", "kind": "stuck_pending"}
        requests.post(f"{url}/_lab/faults", json=stuck, timeout=5)
        plain.create_instances(
            instanceNames=["web-1"],
            availabilityZone="eu-central-1a",
            blueprintId="debian_13",
            bundleId="nano_3_0",
        )
        second.kill()
        second.wait(10)
    with process(tmp_path) as third:
        client = client_of(url_of(tmp_path))
        until(lambda: client.get_instance_state(instanceName="web-1")["state"]["name"] == "running")
        third.send_signal(signal.SIGTERM)
        assert third.wait(10) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["api.url", "lightsail.json"]


def test_a_port_that_somebody_took_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "api.url").write_text(f"http://127.0.0.1:{port}\n")
        with process(tmp_path):
            until(lambda: not (tmp_path / "api.url").read_text().endswith(f":{port}\n"), 15)
            assert url_of(tmp_path)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--lab", "no-such-lab"], "no lab 'no-such-lab'"),
        (["--lab", "../x"], "cannot be a lab's name"),
    ],
)
def test_no_lab_is_one_sentence_and_nothing_made(args: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inventories.lab.lightsail", *args],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("/var/lib/fountainai-lab/no-such-lab").exists()


def test_a_broken_state_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lightsail.json").write_text("{")
    with process(tmp_path) as broken:
        _, log = broken.communicate(timeout=15)
    assert broken.returncode == 1
    assert "rehearse down" in log
    assert "Traceback" not in log
    assert not (tmp_path / "api.url").exists()


def test_the_state_is_valid_json_whenever_it_is_read(tmp_path: Path) -> None:
    """Written beside and renamed: a reader, or a kill, never meets half a file."""
    state = tmp_path / "state.json"
    bad: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            if state.exists():
                try:
                    json.loads(state.read_text())
                except ValueError as e:
                    bad.append(str(e))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with running_cloud(state_file=state, quota=100) as cloud:
            for n in range(30):
                cloud.create(f"web-{n:02}")
    finally:
        over.set()
        reader.join(5)
    assert bad == []
    assert os.listdir(tmp_path) == ["state.json"]

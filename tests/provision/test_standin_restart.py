"""What a stop or a kill leaves for the next stand-in, inside one process."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from standin_support import Cloud, refused, rsa_key, running_cloud

from inventories.lab.lightsail import Delays, NullDriver
from inventories.lab.lightsail.account import StateError
from inventories.lab.lightsail.null_driver import NullHost


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

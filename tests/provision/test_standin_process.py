"""The stand-in as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
import requests
from standin_support import client_of, until


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

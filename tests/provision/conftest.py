"""A site of its own for each test: a project folder, a lab's state, a stand-in of the API.

The real command runs against the stand-in with the real boto3 client over a socket; nothing of
ours is replaced. Hosts are the stand-in's NullDriver: addresses on loopback with an SSH banner.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

from inventories.lab.lightsail import Delays, Fault, NullDriver, StandIn
from inventories.provision import main
from inventories.sshkey import ensure_key
from tests.provision.github_support import Desk, made_desk

SITE = """
[site]
name = "fountainai"
region = "eu-central-1"
zone = "a"
blueprint = "ubuntu_24_04"
operator_networks = ["203.0.113.7/32"]

[[hosts]]
name = "gateway-1"
role = "kong"
size = "nano"

[[hosts]]
name = "app-1"
role = "app"
size = "nano"

[[hosts]]
name = "search-1"
role = "opensearch"
size = "micro"

[opensearch]
version = "3.8.0"
"""
HOSTS = {"gateway-1", "app-1", "search-1"}
CHANGING = ("Create", "Delete", "Import", "Tag", "Put", "Allocate", "Attach", "Detach", "Release")
CHANGING += ("Start", "Stop", "Reboot")
FAST = {
    "PROVISION_POLL_S": "0.02",
    "PROVISION_READY_S": "4",
    "PROVISION_OPERATION_S": "4",
    "PROVISION_HOST_KEYS_S": "2",
    "PROVISION_PORT_S": "2",
    "PROVISION_ATTEMPTS": "3",
}


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass
class Site:
    """One environment `lab` of a temporary project."""

    root: Path
    labs: Path
    api: StandIn
    driver: NullDriver
    ssh_port: int
    run: Callable[..., Result]
    everything: list[str] = field(default_factory=list)  # all output so far

    @property
    def file(self) -> Path:
        return self.root / "inventories" / "site.toml"

    @property
    def generated(self) -> Path:
        return self.root / "inventories" / "generated" / "lab"

    @property
    def secrets(self) -> Path:
        return self.root / ".secrets" / "lab"

    def hosts(self) -> dict[str, dict]:
        return json.loads((self.generated / "hosts.json").read_text())["hosts"]

    def changing(self) -> list[str]:
        """Names of the changing calls so far."""
        return [name for name, _ in self.api.calls if name.startswith(CHANGING)]

    def fail(self, operation: str, kind: str, **more: object) -> None:
        self.api.faults.add(Fault(operation, kind, **more))

    def spawn(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """The command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "inventories.provision", *args],
            env=os.environ | env,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session", autouse=True)
def models_read_once() -> Iterator[None]:
    """botocore parses its service models anew for each client; the files do not change here."""
    original = JSONFileLoader.load_file
    with pytest.MonkeyPatch.context() as patch:
        cached = functools.cache(lambda path: original(JSONFileLoader(), path))
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: cached(path))
        yield


@pytest.fixture(scope="session")
def ssh_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real key for all tests: 4096 bits take a while to find."""
    path = tmp_path_factory.mktemp("key") / "lab" / "ssh" / "id_rsa"
    ensure_key(path)
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def site(
    tmp_path: Path,
    ssh_key: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Site]:
    port = free_port()
    driver = NullDriver(ssh_port=port)
    api = StandIn(driver, delays=Delays(), state_file=tmp_path / "account.json")
    url = api.start()
    root, labs = tmp_path / "project", tmp_path / "labs"
    (root / "inventories" / "lab").mkdir(parents=True)
    (root / "inventories" / "site.toml").write_text(SITE)
    overlay = root / "inventories" / "lab" / "site.toml"
    overlay.write_text('[site]\nblueprint = "debian_13"\n')
    (labs / "lab").mkdir(parents=True)
    lab = {"name": "lab", "gateway": "127.83.0.1", "api": url, "overlay": str(overlay)}
    (labs / "lab" / "lab.json").write_text(json.dumps(lab | {"ssh_port": port, "rtt_ms": 0}))
    for folder in (root / ".secrets", root / ".secrets" / "lab", root / ".secrets" / "lab" / "ssh"):
        folder.mkdir(mode=0o700)
    shutil.copy2(ssh_key, root / ".secrets" / "lab" / "ssh" / "id_rsa")
    settings = {"FOUNTAINAI_PROJECT": str(root), "FOUNTAINAI_LABS": str(labs), "DEPLOY_ENV": "lab"}
    for name, value in (settings | FAST).items():
        monkeypatch.setenv(name, value)
    # The person's own AWS set-up must not matter, neither here nor in a lab.
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "must-not-be-used")

    def run(*args: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["provision", *args])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        made.everything += [out, err]
        return Result(int(stop.value.code or 0), out, err)

    made = Site(root, labs, api, driver, port, run)
    yield made
    api.stop()
    driver.close()
    assert not api.bugs, "the stand-in answered what the service's model does not allow"


@pytest.fixture
def applied(site: Site) -> Site:
    """The site, bought and ready; calls are counted from here."""
    result = site.run("apply", "--yes")
    assert result.code == 0, result.all
    site.api.calls.clear()
    return site


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    """A repository at a GitHub stand-in, and the command `provision github` on it."""
    with made_desk(tmp_path, monkeypatch, capfd) as made:
        yield made

"""Which image runs where, asked of a real host over its pinned SSH, and of its registry.

The host has no engine of its own here: a small server at the engine's socket answers its list of
containers. That real containers carry these labels is tested with the app role.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.loader import env_paths, load_hosts
from inventories.worlds import world
from tests.ghcr_standin import Shelf, shelf
from tests.provision.one_host import ROOT, one_host, provision

pytestmark = pytest.mark.lab
PACKAGE = '[app]\npackage = "ghcr.io/owner/story"\n'
#: Answers as the engine does; ends by itself.
ENGINE = """
import http.server, json, os, socketserver, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "socket"
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = socketserver.ThreadingUnixStreamServer("/run/docker.sock", Handler)
if os.fork():
    os._exit(0)
os.setsid()
null = os.open("/dev/null", os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(null, fd)
threading.Timer(600, os._exit, (0,)).start()
server.serve_forever()
"""


@pytest.fixture
def env(tmp_path: Path) -> Iterator[str]:
    with one_host(tmp_path, PACKAGE) as name:
        yield name


@pytest.fixture
def registry() -> Iterator[Shelf]:
    with shelf() as made:
        yield made


def listed(env: str, registry: Shelf) -> dict:
    done = provision(env, "images", "--json", FOUNTAINAI_REGISTRY=registry.url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_host_is_asked_what_it_runs_and_nothing_there_changes(env: str, registry: Shelf) -> None:
    running = registry.contents.image("v1", salt="1")
    newer = registry.contents.image("v2", created="2026-01-01T00:00:00Z", salt="2")
    config = env_paths(world(env)).ssh_config

    def ssh(command: str, stdin: str = "") -> None:
        argv = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "app-1", command]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    def by_digest() -> dict[str, list[str]]:
        return {image["digest"]: image["runs_on"] for image in listed(env, registry)["images"]}

    assert load_hosts(env).hosts["app-1"].role == "app"
    assert by_digest() == {newer: [], running: []}  # no engine yet: nothing runs
    labels = {
        "fountainai.group": "rest",
        "fountainai.image": f"ghcr.io/owner/story@{running}",
    }
    answer = json.dumps([{"Labels": labels}])
    ssh(f"sudo -n python3 - '{answer}'", ENGINE)
    assert by_digest() == {newer: [], running: ["app-1"]}

    # The lab's own overlay gets the line; the command to run next names the lab.
    before = (ROOT / "inventories" / "site.toml").read_bytes()
    done = provision(env, "images", "use", newer[:19], FOUNTAINAI_REGISTRY=registry.url)
    assert done.returncode == 0, done.stderr
    assert f"DEPLOY_ENV={env} pyinfra" in done.stdout
    assert (ROOT / "inventories" / "site.toml").read_bytes() == before
    found = listed(env, registry)
    assert found["site"] == newer

    # A host that is gone is named, and its image is still listed.
    stop = provision(env, "stop", "app-1")
    assert stop.returncode == 0, stop.stderr
    found = listed(env, registry)
    assert found["hosts"]["app-1"]["reached"] is False
    assert len(found["images"]) == 2

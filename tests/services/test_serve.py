"""`story serve` and what a container runs: everything starts, stays apart, and ends in order."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from story_services.local import ports
from tests.services import node_support
from tests.services.cli_support import (
    LIMIT_S,
    ROOT,
    Running,
    clean_env,
    delete_indices,
    services,
    story,
)

SHORT = "the-comedy-of-errors"


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data folder, which every test of this file finds as the last one left it."""
    with node_support.private_folder(node_support.the_run(request.config)) as made:
        yield made / "stories"


class Serving(Running):
    """A running `story serve`."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        self.port = ports.free()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(
            "serve", "--data", str(folder), "--port", str(self.port), "--memory", "256",
            *arguments, env=env,
        )  # fmt: skip

    def ready(self) -> None:
        assert self.wait_for("Ready"), self.said

    def nodes(self) -> list[psutil.Process]:
        """Its search node."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "java" in child.name()]


@contextmanager
def serving(folder: Path, *arguments: str, **env: str) -> Iterator[Serving]:
    running = Serving(folder, *arguments, **env)
    try:
        running.ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []


def test_everything_runs_for_one_at_a_time_and_ends_in_order(folder: Path) -> None:
    with serving(folder) as first:
        assert f"API: {first.url}" in first.said
        assert f"{first.url}/docs" in first.said
        assert httpx.get(f"{first.url}/docs", trust_env=False).status_code == 200
        paths = httpx.get(f"{first.url}/openapi.json", trust_env=False).json()["paths"]
        assert {"/sequence", "/scripts", "/sessions", "/characters", "/performers", "/stories"} <= (
            paths.keys()
        )
        assert story("import", SHORT, "--json", url=first.url).json["added"] is True
        assert_others_are_refused(first, folder)
        nodes = first.nodes()
        assert len(nodes) == 1
        first.process.send_signal(signal.SIGINT)
        assert first.end() == 0, first.said
    assert_gone(nodes)
    assert not (folder / "serve.json").exists()


def assert_others_are_refused(first: Serving, folder: Path) -> None:
    second = story("serve", "--data", str(folder), "--port", str(ports.free()))
    assert second.code == 1
    assert f"by process {first.process.pid} at {first.url}" in second.err
    assert "--data DIR" in second.err
    taken = story("serve", "--data", str(folder / "other"), "--port", str(first.port))
    assert taken.code == 1
    assert f"cannot listen on 127.0.0.1:{first.port}" in taken.err
    assert not (folder / "other").exists(), "nothing was begun"
    assert httpx.get(f"{first.url}/health", trust_env=False).status_code == 200


def test_kills_lose_nothing_and_leave_nothing(folder: Path) -> None:
    """Of the command, whose node goes with it; of the node, which comes back by itself."""
    with serving(folder) as killed:
        kept = story("import", SHORT, "--json", url=killed.url).json
        assert kept["added"] is False
        before = story("list", "--json", url=killed.url).json
        nodes = killed.nodes()
        killed.kill()
    assert_gone(nodes)
    with serving(folder, "--service", "characters", "--service", "core_script") as after:
        assert f"(process {killed.process.pid}, since" in after.said
        assert "was cut off" in after.said
        names = ["/characters", "/scripts", "/stories", "/performers"]
        found = [httpx.get(after.url + n, trust_env=False).status_code for n in names]
        assert found == [200, 200, 404, 404], "only the services that were asked for"
        assert story("list", "--json", url=after.url).json == before
        (node,) = after.nodes()
        node.kill()
        assert after.wait_for("starting it again"), after.said
        assert after.wait_for("is back"), after.said
        assert story("list", "--json", url=after.url).json == before
        (other,) = after.nodes()
        after.process.terminate()
        assert after.end() == 0, after.said
    assert_gone([other])


def test_an_interrupt_while_the_node_starts_leaves_nothing(folder: Path) -> None:
    running = Serving(folder, STORY_HOST="0.0.0.0")
    try:
        assert running.wait_for("anybody who reaches this machine"), running.said
        assert running.wait_for("Starting a search node"), running.said
        deadline = time.monotonic() + LIMIT_S
        while not (nodes := running.nodes()):
            assert time.monotonic() < deadline, running.said
            time.sleep(0.01)
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 1
        assert "Interrupted" in running.said
        assert_gone(nodes)
    finally:
        if running.process.poll() is None:
            running.kill()


def test_what_cannot_be_served_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    base = ["serve", "--data", str(tmp_path / "data"), "--port", str(ports.free())]
    file = tmp_path / "file"
    file.touch()
    for arguments, env, words in (
        ([*base, "--service", "charcters"], {}, "did you mean characters?"),
        (base, {"STORY_STORE_URL": "http://127.0.0.1:9200"}, "has one of its own"),
        (base, {"STORY_PROT": "80"}, "STORY_PROT is not a setting; STORY_PORT is."),
        (["serve", "--env", "no-such-lab"], {}, "no lab is called 'no-such-lab'"),
        (["serve", "--env", "lab", "--data", "x"], {}, "exclude each other"),
        (["serve", "--data", str(file / "below")], {}, "cannot be used"),
        ([*base, "--memory", "12"], {}, "128"),
    ):
        said = story(*arguments, **env)
        assert (said.code, said.out) == (1, "")
        assert words in said.err.replace("\n", " "), said.err
    assert not (tmp_path / "data").exists()


ALONE = {
    "central-sequence": "/sequence",
    "core-script": "/scripts",
    "session-context": "/sessions",
    "characters": "/characters",
    "performers": "/performers",
    "story-factory": "/stories?scriptId=1",
}


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the services of these tests have in common."""
    made = f"story-t{secrets.token_hex(4)}-"
    yield made
    delete_indices(node_url, made)


@pytest.mark.parametrize("name", ALONE)
def test_each_service_is_served_alone(node_url: str, prefix: str, name: str) -> None:
    """Its own routes and nobody else's; its document is the whole one of its process."""
    with services(node_url, name, prefix=prefix) as made:
        for other, path in ALONE.items():
            answer = made.client.get(path)
            if other != name:
                assert (answer.status_code, path in answer.json()["message"]) == (404, False)
            elif name == "story-factory":
                assert answer.json()["message"] == "There is no script 1."
            else:
                assert answer.status_code == 200
        titles = [
            made.client.get(path).json()["info"]["title"]
            for path in ("/openapi.json", f"/openapi/{name}.json")
        ]
        assert titles[0] == titles[1]
        assert made.stop() == 0


def test_settings_of_one_service_hold_for_it_alone(node_url: str, prefix: str) -> None:
    own = {"CHARACTERS_LOG_LEVEL": "error", "CHARACTERS_STORE_URL": "nonsense"}
    with services(node_url, "performers", prefix=prefix, **own) as made:
        assert made.client.get("/performers").status_code == 200
        assert '"logger":"story.access"' in made.log
    refused = subprocess.run(
        [sys.executable, "-m", "story_services.main", "characters"],
        env=clean_env(**own),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: CHARACTERS_STORE_URL='nonsense'")
    assert refused.stderr.count("\n") == 1


def test_the_log_has_one_object_per_line_and_no_body(node_url: str, prefix: str) -> None:
    with services(node_url, prefix=prefix) as made:
        made.client.post("/scripts", json={"title": "A secret title"})
        assert made.stop() == 0
        lines = [json.loads(line) for line in made.log.splitlines()]
    assert any(line["logger"] == "story.access" for line in lines)
    assert "secret" not in made.log
    assert re.search(r'"requestId":"[0-9a-f]{32}"', made.log)

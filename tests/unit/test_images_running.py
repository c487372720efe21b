"""What app hosts say they run: asked of an engine's own protocol, and never believed blindly."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.images import running as module
from inventories.images.running import Running, read, running, script

ONE, TWO = ("ghcr.io/o/story@sha256:" + digit * 64 for digit in "12")


class Engine(BaseHTTPRequestHandler):
    """The engine's list of containers: with these filters, running ones with the label."""

    found: list[dict[str, str]] = []  # noqa: RUF012  set by each test

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        filters = json.loads(parse_qs(parts.query)["filters"][0])
        fine = parts.path == "/containers/json" and filters == {"label": ["fountainai.group"]}
        body = json.dumps([{"Labels": labels} for labels in self.found]).encode()
        self.send_response(200 if fine else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "engine.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield path
        server.shutdown()


def ask(engine: Path) -> Running:
    """The very script, run as on a host: isolated, from stdin."""
    argv = [sys.executable, "-IS", "-"]
    text = script(str(engine))
    done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=60, check=True)
    return read("app-1", b"a login shell speaks" + done.stdout)


def test_a_host_tells_the_image_of_each_group(engine: Path) -> None:
    Engine.found = [
        {"fountainai.group": "characters", "fountainai.image": ONE},
        {"fountainai.group": "rest", "fountainai.image": TWO},
        {"fountainai.group": "more", "fountainai.image": ONE},
    ]
    found = ask(engine)
    assert found.digests == {
        ONE.partition("@")[2]: ("characters", "more"),
        TWO.partition("@")[2]: ("rest",),
    }
    assert not found.problem


def test_a_host_without_an_engine_runs_nothing(tmp_path: Path) -> None:
    """It was bought, but not converged yet: no failure."""
    assert ask(tmp_path / "none") == Running("app-1")


def test_a_host_that_cannot_be_reached_is_named_and_fails_nothing(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text("Host app-1 app-2\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n")
    found = running(["app-2", "app-1"], config)
    assert [host.host for host in found] == ["app-1", "app-2"]
    assert all("refused" in host.problem and not host.digests for host in found)


@pytest.mark.parametrize("way", ["endless", "silent", "errors"])
def test_a_host_that_never_ends_is_left(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh's place is taken by a program that does what a broken-into host could have it do."""
    endless = "while :; do echo AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; done"
    body = {"endless": endless, "silent": "exec sleep 600", "errors": f"{{ {endless}; }} >&2"}
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\n{body[way]}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if way == "silent":
        monkeypatch.setattr(module, "_TIMEOUT_S", 0.3)
    (found,) = running(["app-1"], tmp_path / "ssh_config")
    assert "no answer within" in found.problem
    assert not found.digests


def forged(text: str) -> bytes:
    """An answer of the right form with odd words in every place."""
    return json.dumps([[text, text], ["group", f"x@sha256:{'1' * 64}{text}"], [text, ONE]]).encode()


@given(st.binary(max_size=200) | st.text(max_size=40).map(forged))
def test_whatever_a_host_answers_is_checked(answer: bytes) -> None:
    """A broken-into host can neither end the list nor write to the terminal."""
    found = read("app-1", answer)
    assert found.problem.isprintable()
    for digest, groups in found.digests.items():
        assert digest.startswith("sha256:")
        assert (digest + "".join(groups)).isascii()
        assert (digest + "".join(groups)).isprintable()

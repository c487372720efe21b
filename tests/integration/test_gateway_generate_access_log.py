"""The gateway's access log in a real nginx: what is asked, never with what key or words."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.gateway import access_log
from deploys.gateway.operations import operations
from deploys.gateway.policy import SHIPPED, effective, parse
from story_services.main import services
from story_services.openapi import documents

SILENT = "[[rules]]\noperation='listLines'\nlog=false\n"
CONFIG = """daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    include {folder}/log.conf;
    access_log {access};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        error_page 502 =502 /handled;
        location / {{ add_header X-Request-Id $http_x_request_id; return 200 "ok"; }}
        location /scripts/8 {{ proxy_pass http://127.0.0.1:{port}/passed; }}
        location /stories {{ proxy_pass http://127.0.0.1:1; }}
        location = /passed {{ access_log off; return 200 "ok"; }}
        location = /handled {{ internal; return 502 "down"; }}
    }}
}}
"""
Line = dict[str, str]
PLANTED = "planted-secret"


class Gateway:
    """An nginx that logs as the gateway does."""

    def __init__(self, port: int, log: Path, process: subprocess.Popen[str]) -> None:
        self.port, self.log, self.process, self.asked = port, log, process, 0
        end = time.monotonic() + 10
        while self._refused():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, "nginx does not listen"
            time.sleep(0.02)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Line | None:
        """Send a request; its line, None if it left none."""
        self.asked += 1
        before = len(self._lines())
        self._send(method, path, {name.replace("_", "-"): value for name, value in headers.items()})
        last = f"end-{self.asked}"  # lines come in order: after this one there is no more
        self._send("GET", "/scripts", {"X-Request-Id": last})
        end = time.monotonic() + 10
        while not (lines := self._lines()[before:]) or lines[-1]["request_id"] != last:
            assert time.monotonic() < end, lines
            time.sleep(0.01)
        assert len(lines) <= 2
        return lines[0] if len(lines) == 2 else None

    def _lines(self) -> list[Line]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def _send(self, method: str, path: str, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, PLANTED if method == "POST" else None, headers)
        connection.getresponse().read()
        connection.close()

    def _refused(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> str:
    if found := shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin"):
        return found
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
    subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=folder, check=True)
    package = next(folder.glob("nginx_*.deb"))
    subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)
    return str(folder / "root/usr/sbin/nginx")


@pytest.fixture(scope="module")
def gateway(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("log")
    settings = effective(parse(SHIPPED.read_text() + SILENT), operations(documents(services())))
    (folder / "log.conf").write_text(access_log.include(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, config = folder / "access.log", folder / "nginx.conf"
    access = access_log.directive(str(log))
    config.write_text(CONFIG.format(folder=folder, port=port, access=access))
    argv = [nginx, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        yield Gateway(port, log, process)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_line_says_what_was_asked_and_how_it_ended(gateway: Gateway) -> None:
    line = gateway.ask("/scripts/7", X_Request_Id="abc-1")
    assert line is not None
    assert (line["method"], line["path"], line["status"]) == ("GET", "/scripts/7", "200")
    assert (line["request_id"], line["client"]) == ("abc-1", "127.0.0.1")


def test_an_address_is_told_even_after_an_error_of_the_gateway(gateway: Gateway) -> None:
    line = gateway.ask("/stories?scriptId=1")
    assert line is not None
    assert (line["path"], line["status"]) == ("/stories", "502")


def test_no_key_no_query_no_body_and_no_unknown_address_is_written(gateway: Gateway) -> None:
    for path in ("/search?q=", "/scripts/7?comment=", "/nowhere/", "/scripts/", "/scripts/7/"):
        line = gateway.ask(path + PLANTED, "DELETE", X_API_KEY=PLANTED, Referer=PLANTED)
        assert line is not None
        assert line["path"] in ("/search", "/scripts/7", "-")
    gateway.ask("/scripts", "POST", Authorization=PLANTED, User_Agent=PLANTED, Cookie=PLANTED)
    gateway.ask("/scripts", X_Request_Id=f"{PLANTED} with spaces")
    assert PLANTED not in gateway.log.read_text()


def test_only_a_request_that_was_passed_on_names_its_consumer(gateway: Gateway) -> None:
    """Kong overwrites the header then; in a refused one the client may have sent it."""
    refused = gateway.ask("/scripts/7", X_Consumer_Username=PLANTED)
    passed = gateway.ask("/scripts/8", X_Consumer_Username='story"teller')
    assert refused is not None
    assert passed is not None
    assert (refused["consumer"], passed["consumer"]) == ("-", 'story"teller')


def test_an_operation_that_is_not_logged_leaves_no_line(gateway: Gateway) -> None:
    assert gateway.ask("/lines?limit=5") is None
    assert gateway.ask("/lines/7") is not None
    assert gateway.ask("/lines", "POST") is not None

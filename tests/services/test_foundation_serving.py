"""What a process says of itself (health, metrics, documents, log) and how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.services.foundation import PLAYS, served

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from story_services.common.http.serve import run
from tests.services.foundation import make_app
app, _ = make_app()
sys.exit(run(app, app.state.settings.model_copy(update={"port": 0, "graceful_timeout": %s})))
"""


class Process:
    """A server as the hosts run it."""

    def __init__(self, graceful: float, log: Path) -> None:
        self.log = log
        argv = [sys.executable, "-c", PROGRAM % graceful]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(argv, stderr=log.open("wb"), cwd=ROOT, env=env)
        self.port = int(self.said(r"Uvicorn running on http://127.0.0.1:(\d+)").group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def said(self, pattern: str) -> re.Match[str]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if found := re.search(pattern, self.log.read_text()):
                return found
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"never said {pattern}: {self.log.read_text()}")

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def running(graceful: float, log: Path) -> Iterator[Process]:
    server = Process(graceful, log)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def ask(url: str, answers: list[httpx.Response | Exception]) -> threading.Thread:
    def run() -> None:
        try:
            answers.append(httpx.get(url, timeout=60, trust_env=False))
        except httpx.HTTPError as error:
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_health_says_what_is_down_and_never_waits_long() -> None:
    with served() as (server, client):
        well = client.get("/health")
        assert (well.status_code, well.json()["status"], well.json()["store"]) == (200, "ok", "ok")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z", well.json()["timestamp"])
        server.memory.problem = "The store takes no changes: its disk is nearly full."
        ill = client.get("/health")
        assert ill.status_code == 503
        assert ill.json()["store"] == ill.json()["details"] == server.memory.problem
        assert ill.json()["errorCode"] == "unavailable"
        server.memory.wait = 30
        began = time.monotonic()
        silent = client.get("/health")
        assert time.monotonic() - began < 2
        assert silent.status_code == 503
        assert silent.json()["store"] == "The store does not answer in time."
        assert client.get("/health?verbose=1").status_code == 400


def test_metrics_have_no_label_that_a_caller_invents() -> None:
    with served() as (server, client):
        for number in range(50):
            client.get(f"/nowhere/{number}")
            client.get(f"/plays/{number}?x={number}")
            client.request("PURGE", "/plays")
        server.memory.on_call("search", "ok", 0.01)
        text = client.get("/metrics").text
        counted = set(re.findall(r"^story_requests_total\{(.*)\}", text, re.MULTILINE))
    assert 'method="GET",route="/plays/{playId}",status="400"' in counted
    assert 'method="GET",route="(unknown)",status="404"' in counted
    assert len(counted) <= 3
    assert 'story_store_seconds_count{operation="search",outcome="ok"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_each_app_counts_for_itself() -> None:
    with served() as (_, one), served() as (_, other):
        one.get("/plays")
        assert 'route="/plays"' in one.get("/metrics").text
        assert 'route="/plays"' not in other.get("/metrics").text


def test_every_service_has_its_document_and_all_have_one() -> None:
    with served() as (_, client):
        assert set(client.get("/openapi/plays.json").json()["paths"]) == {
            "/health",
            "/plays",
            "/plays/best",
            "/plays/{playId}",
        }
        whole = client.get("/openapi.json").json()
        assert {"/plays", "/odd/slow"} <= set(whole["paths"])
        assert client.get("/openapi/none.json").status_code == 404
    with served([PLAYS[1]]) as (_, client):
        assert client.get("/openapi.json").json() == client.get("/openapi/odd.json").json()
        assert client.get("/plays").status_code == 404


def test_the_page_to_read_loads_and_runs_nothing() -> None:
    with served() as (_, client):
        page = client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|<iframe|\son\w+=|https?://", page.text)
    for name in ("createPlay", "getSlow", "getHealth"):
        assert f'id="{name}"' in page.text


def test_two_routes_for_one_address_are_refused() -> None:
    with pytest.raises(ValueError, match="two routes for"):
        served([PLAYS[0], PLAYS[0]]).__enter__()


def test_the_log_is_one_json_line_per_request_without_contents(tmp_path: Path) -> None:
    with running(5, tmp_path / "log") as server:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            client.post("/plays?secretquery=1", json={"title": "secretbody"})
            client.post("/plays", json={"title": "secretbody", "comment": "secretcomment"})
            client.get("/plays", params={"title": "secretfilter"})
            client.get("/secretpath/x%0Ay")
            headers = {
                "X-Consumer-Username": "ann",
                "X-Request-Id": "r-1",
                "X-API-KEY": "secretkey",
            }
            client.post(
                "/plays",
                json={"title": "a"},
                headers=headers | {"Idempotency-Key": "secretidempotency"},
            )
            client.post("/odd/defect", json={"title": "secretbody"})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        text = server.log.read_text()
        assert "secret" not in text
        requests = [line for line in server.lines() if line["logger"] == "story.access"]
        assert [(r["method"], r["route"], r["status"]) for r in requests] == [
            ("POST", "/plays", 400),
            ("POST", "/plays", 201),
            ("GET", "/plays", 200),
            ("GET", "(unknown)", 404),
            ("POST", "/plays", 201),
            ("POST", "/odd/defect", 500),
        ]
        assert requests[4]["actor"] == "ann"
        assert requests[4]["requestId"] == "r-1"
        assert isinstance(requests[0]["ms"], float)
        (defect,) = (line for line in server.lines() if line["level"] == "error")
        assert defect["requestId"] == requests[5]["requestId"]
        assert defect["error"] == "RuntimeError"
        assert "make_defect" in str(defect["at"])


def test_a_stop_lets_running_requests_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    with running(20, tmp_path / "log") as server:
        answers: list[httpx.Response | Exception] = []
        httpx.get(f"{server.url}/plays", trust_env=False)
        thread = ask(f"{server.url}/odd/slow?seconds=2", answers)
        metrics = f"{server.url}/metrics"
        time.sleep(0.5)  # the request is on its way; were it not, the test would fail, not pass
        assert httpx.get(metrics, trust_env=False).status_code == 200
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        refused = False
        while not refused and time.monotonic() - began < 2:
            try:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
            except ConnectionRefusedError:
                refused = True
            except ConnectionResetError:  # it was in the queue when the listener closed
                pass
        assert refused
        thread.join()
        (answer,) = answers
        assert isinstance(answer, httpx.Response)
        assert (answer.status_code, answer.json()["slept"]) == (200, "2")
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 6


def test_a_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    with running(1, tmp_path / "log") as server:
        answers: list[httpx.Response | Exception] = []
        thread = ask(f"{server.url}/odd/slow?seconds=50", answers)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        thread.join()
        (answer,) = answers
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 503
        assert answer.json()["errorCode"] == "stopping"
        assert "Traceback" not in server.log.read_text()


def test_a_port_that_is_taken_is_a_sentence_and_a_failure(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = (PROGRAM % 1).replace('"port": 0', f'"port": {port}')
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr

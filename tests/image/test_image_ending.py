"""SIGTERM ends a container in order: soon, with status 0, and nobody who asked is left alone.

A host replaces a container by ending it. The engine kills what does not end by itself, and with it
the requests that it works on.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.image import deeds
from tests.image.container import STOP_S, Running, answer, running, until
from tests.image.engine import Image

REQUESTS = 8
BODY = json.dumps({"name": "Sarah Bernhardt"}).encode()


@pytest.fixture
def ready(subject: Image, env: dict[str, str], flags: tuple[str, ...]) -> Iterator[Running]:
    """A container of the test's own, which it ends."""
    with running(subject, env=env, flags=flags) as made:
        made.ready()
        yield made


def test_it_ends_at_once_when_nobody_asks(ready: Running) -> None:
    with ready.client() as idle:  # a kept connection does not hold it up
        deeds.get(idle, "/health")
        began = ready.signal_term()
        assert ready.ended(STOP_S) == 0, ready.log()
        print(f"ended after {time.monotonic() - began:.2f} s")
    assert not ready.state()["OOMKilled"]


def test_whoever_asked_before_gets_an_answer(ready: Running) -> None:
    """Writes that are being worked on when the signal comes are done; nobody new is let in."""
    place = urlsplit(ready.url)
    asked = [begun(str(place.hostname), int(place.port or 0)) for _ in range(REQUESTS)]
    try:
        began = ready.signal_term()
        until(lambda: refuses(ready), STOP_S, lambda: "it goes on listening")
        for connection in asked:
            connection.send(BODY)
        answers = [answer(connection) for connection in asked]
        assert [status for status, _ in answers] == [201] * REQUESTS, answers
        assert len({json.loads(body)["performerId"] for _, body in answers}) == REQUESTS
        assert ready.ended(STOP_S) == 0, ready.log()
        print(f"{REQUESTS} answers, ended after {time.monotonic() - began:.2f} s")
    finally:
        for connection in asked:
            connection.close()


def begun(host: str, port: int) -> http.client.HTTPConnection:
    """A request without its body that the services have begun with: they have asked for the body
    (100 Continue), so there is no doubt that the signal comes later."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.putrequest("POST", "/performers")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(12, socket.MSG_PEEK).startswith(b"HTTP/1.1 100")
    return connection


def refuses(container: Running) -> bool:
    try:
        with container.client(timeout=5) as client:
            client.get("/openapi.json")
    except httpx.ConnectError:
        return True
    return False

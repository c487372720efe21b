"""The delaying proxy: late, and otherwise exactly what was sent."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets, and closes when it was closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def proxy(echo: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = ["127.0.0.1", str(port), "127.0.0.1", str(echo), "40"]
    with subprocess.Popen([sys.executable, "-m", "inventories.lab.proxy", *argv]) as running:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert running.poll() is None
                assert time.monotonic() < deadline
        yield port
        running.terminate()


def test_a_round_trip_takes_as_long_as_asked(proxy: int) -> None:
    with socket.create_connection(("127.0.0.1", proxy)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
            times.append(time.perf_counter() - begin)
    assert min(times) >= 0.040
    assert sorted(times)[5] < 0.5


def test_delay_does_not_limit_the_rate_and_content_is_exact(proxy: int) -> None:
    data = os.urandom(8 << 20)
    got = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", proxy)) as connection:

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)  # must be passed on, after the last byte

        sender = threading.Thread(target=send)
        begin = time.perf_counter()
        sender.start()
        while chunk := connection.recv(1 << 16):
            got.update(chunk)
        sender.join()
    assert got.digest() == hashlib.sha256(data).digest()
    # one chunk per round trip would take 5 s and more
    assert time.perf_counter() - begin < 4

"""All services behind a stand-in of the gateway, in one process of their own. Run by `python -m`.

The stand-in does what the gateway does for every service: it asks for the key, says who its owner
is and answers 401 in its own form; the services themselves know no key.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from story_services import main
from story_services.common.settings import Settings, load
from tests.services.node_support import delete_indices

ROOT = Path(__file__).resolve().parents[2]
KEY_HEADER = "X-API-KEY"
CONSUMER = "storyteller"
START_LIMIT_S = 60.0
OPEN = ("/health", "/metrics", "/openapi.json", "/docs")
_GIVEN = (b"x-consumer-username", KEY_HEADER.lower().encode())


class Gateway:
    """Lets those through who have the key, under the name of its owner."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        keys = [value for name, value in scope["headers"] if name == _GIVEN[1]]
        if scope["path"] not in OPEN and keys != [self.key]:
            message = "Unauthorized" if keys else "No API key found in request"
            await _refuse(send, message)
            return
        passed = [(name, value) for name, value in scope["headers"] if name not in _GIVEN]
        passed.append((b"x-consumer-username", CONSUMER.encode()))
        await self.app({**scope, "headers": passed}, receive, send)


async def _refuse(send: Send, message: str) -> None:
    body = orjson.dumps({"message": message})
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b"Key"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Behind:
    """Where the services are, and how to get in."""

    url: str
    key: str
    settings: Settings
    log: Path

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={KEY_HEADER: self.key}, timeout=30, trust_env=False
        )


@contextlib.contextmanager
def gateway(node_url: str, **settings: str) -> Iterator[Behind]:
    """The services on a free port, with indices of their own, which are deleted afterwards."""
    prefix, key = f"story-t{secrets.token_hex(4)}-", secrets.token_hex(8)
    given = {"store_url": node_url, "index_prefix": prefix, "log_level": "error", **settings}
    env = {name: value for name, value in os.environ.items() if not name.startswith("STORY_")}
    env |= {f"STORY_{name.upper()}": value for name, value in given.items()}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as stderr:
            argv = [sys.executable, "-m", "tests.services.contract_gateway", key]
            pipe = subprocess.PIPE
            process = subprocess.Popen(
                argv, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=stderr, text=True
            )
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, f"the services did not start:\n{log.read_text(errors='replace')}"
            url = f"http://127.0.0.1:{port}"
            _wait(url, log)
            yield Behind(url, key, Settings.model_validate(given), log)
        finally:
            process.terminate()
            process.wait(START_LIMIT_S)
            _clear(node_url, prefix)


def _wait(url: str, log: Path) -> None:
    until = time.monotonic() + START_LIMIT_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200:
                return
        assert time.monotonic() < until, f"not healthy:\n{log.read_text(errors='replace')}"
        time.sleep(0.05)


def _clear(node_url: str, prefix: str) -> None:
    """Remove the indices, when a node that has just been worked hard is ready for it."""
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            delete_indices(node_url, prefix)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 429 or time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def serve(key: str) -> None:
    """Serve until SIGTERM, or until whoever began it is gone; the port is the first line of the
    output."""
    config = uvicorn.Config(
        Gateway(main.app((), load()), key), port=0, log_config=None, ws="none", lifespan="on"
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    sys.stdout.write(f"{socket.getsockname()[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_the_parent, args=(server,), daemon=True).start()
    server.run(sockets=[socket])


def _end_with_the_parent(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    serve(sys.argv[1])

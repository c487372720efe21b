"""Real processes for tests of the command line: the services as a host runs them, and `story`."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from story_services.local import ports
from tests.services import node_support

ROOT = Path(__file__).resolve().parents[2]
STORY = str(Path(sys.executable).with_name("story"))
LIMIT_S = 120.0


def clean_env(**more: str) -> dict[str, str]:
    """This environment without anything that is meant for the services or the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STORY_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


class Services:
    """`python -m story_services.main` at one address, to be killed and started again."""

    def __init__(self, store_url: str, prefix: str, *names: str, **env: str) -> None:
        self.port = ports.free()
        self.url = f"http://127.0.0.1:{self.port}"
        self.prefix, self.store_url = prefix, store_url
        self._argv = [sys.executable, "-m", "story_services.main", *names]
        self._env = clean_env(
            STORY_STORE_URL=store_url,
            STORY_INDEX_PREFIX=prefix,
            STORY_PORT=str(self.port),
            **env,
        )
        self.process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def start(self) -> None:
        """Start, and wait until they can work."""
        self.process = subprocess.Popen(self._argv, env=self._env, cwd=ROOT, stderr=self._log)
        deadline = time.monotonic() + LIMIT_S
        while not self._healthy():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        """What they wrote to stderr."""
        return os.pread(self._log.fileno(), 1 << 22, 0).decode()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def _healthy(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def total(self, path: str, **params: Any) -> int:
        answer = self.client.get(path, params={**params, "limit": 1})
        return int(answer.headers["X-Total-Count"])

    def forget_keys(self) -> None:
        """What a day does: no idempotency key is known any more."""
        everything = {"query": {"match_all": {}}}
        url = f"{self.store_url}/{self.prefix}key/_delete_by_query"
        params = {"refresh": "true", "conflicts": "proceed"}
        httpx.post(url, params=params, json=everything, trust_env=False, timeout=60)


@contextmanager
def services(
    node_url: str, *names: str, prefix: str | None = None, **env: str
) -> Iterator[Services]:
    """Running services; without a prefix with indices of their own, which are deleted again."""
    made = Services(node_url, prefix or f"story-t{secrets.token_hex(4)}-", *names, **env)
    try:
        made.start()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()
        made.client.close()
        if prefix is None:
            delete_indices(node_url, made.prefix)


def delete_indices(node_url: str, prefix: str) -> None:
    """Also from a node that has to collect its garbage first (429)."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return node_support.delete_indices(node_url, prefix)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 429 or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@dataclass
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def story(*arguments: str, url: str | None = None, limit: float = LIMIT_S, **env: str) -> Done:
    """Run the command to its end."""
    argv = [STORY, *arguments, *(["--url", url] if url else [])]
    done = subprocess.run(
        argv, env=clean_env(**env), cwd=ROOT, capture_output=True, text=True, timeout=limit
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Running:
    """The command while it runs; what it says is read as it comes."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [STORY, *arguments],
            env=clean_env(**(env or {})),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    @property
    def said(self) -> str:
        return os.pread(self._log.fileno(), 1 << 20, 0).decode()

    def wait_for(self, pattern: str, limit: float = LIMIT_S) -> re.Match[str] | None:
        """The first time it says that; None when it ends without."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.said):
                return found
            if ended:
                return None
            time.sleep(0.002)
        raise AssertionError(f"never said {pattern}: {self.said}")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self, limit: float = LIMIT_S) -> int:
        """Wait for its end."""
        code = self.process.wait(limit)
        assert "Traceback" not in self.said, self.said
        return code

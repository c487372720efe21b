"""An operator's project beside a GitHub stand-in, and the real command `provision github` on it.

Every value handed to `secret` is searched at the end in all that was ever printed or logged, with
the debug logs of PyGithub and urllib3 on.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inventories.provision import main
from tests.github_standin import Hub, Repository, standin
from tests.secrets_support import Project, Said

ROOT = Path(__file__).resolve().parents[2]
BASE = '[github]\nrepository = "Fountain/story"\n'


@dataclass
class Desk:
    """The project's folder, the GitHub it talks to, and what was planted and shown."""

    hub: Hub
    project: Project
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    planted: list[bytes] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    @property
    def repo(self) -> Repository:
        return self.hub.repository

    def want(self, more: str, *, above: str = "") -> None:
        """What site.toml says below `[github]`; `above` comes before that table."""
        self.project.write(above + BASE + more)

    def secret(self, name: str, value: str | bytes) -> None:
        """Put a value into the environment, where a secret of that name has its place."""
        raw = value.encode() if isinstance(value, str) else value
        self.planted.append(raw)
        self.patch.setitem(os.environb, name.encode(), raw)

    def run(self, *argv: str) -> Said:
        """`provision github ARGV` in this process."""
        return self.provision("github", *argv)

    def provision(self, *argv: str) -> Said:
        self.patch.setattr(sys, "argv", ["provision", *argv])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = self.capture.readouterr()
        self.shown += [out, err]
        return Said(int(stop.value.code or 0), out, err)

    def apply(self, *more: str) -> Said:
        """`apply --yes`, which has to succeed."""
        said = self.run("apply", "--yes", *more)
        assert said.code == 0, said.all
        return said

    def kinds(self, *more: str) -> dict[str, str]:
        """What `plan --json` says of each name, environments before a slash."""
        said = self.run("plan", "--json", *more)
        assert said.code in (0, 2), said.all
        found = json.loads(said.out)
        assert said.code == (2 if found["pending"] else 0)
        return {
            f"{i['environment']}/{i['name']}" if i["environment"] else i["name"]: i["kind"]
            for i in found["items"]
        }

    def spawn(self, *argv: str, **env: str) -> subprocess.Popen[str]:
        """The command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "inventories.provision", "github", *argv],
            env=os.environ | env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A server on loopback whose certificate nobody has signed; yields its port."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Keep(logging.Handler):
    """Every line of every log, as a person who turns all of them on would get it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logs_on(lines: list[str]) -> Iterator[None]:
    """All logs at DEBUG, into `lines`."""
    keep, before = Keep(lines), {}
    for name in ("", "github", "urllib3", "requests"):
        logger = logging.getLogger(name)
        before[logger] = logger.level
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(keep)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(keep)
        for logger, level in before.items():
            logger.setLevel(level)


@contextmanager
def made_desk(
    folder: Path,
    patch: pytest.MonkeyPatch,
    capture: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    with standin("Fountain/story") as hub:
        project = Project(folder)
        for name, value in {
            "FOUNTAINAI_PROJECT": str(folder),
            "FOUNTAINAI_GITHUB_API": hub.url,
            "GITHUB_TOKEN": hub.token,
            "DEPLOY_ENV": "",
            "PROVISION_POLL_S": "0.01",
            "COLUMNS": "200",
        }.items():
            patch.setenv(name, value)
        desk = Desk(hub, project, patch, capture, planted=[hub.token.encode()])
        desk.want("")
        with logs_on(desk.logged):
            yield desk
        everything = "\n".join([*desk.shown, *desk.logged])
        for raw in desk.planted:
            text = raw.decode(errors="replace")
            for form in (text, repr(raw)[2:-1], json.dumps(text)[1:-1]):
                assert form[:2000] not in everything, "a planted value was shown or logged"

"""A project folder with a production site of its own, and the command `secrets` run on it.

Hosts are what provisioning would have written; nothing is bought and no host is asked.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pexpect

from deploys import rotate
from deploys.given import note, snapshot
from inventories.loader import Host, read_pins
from inventories.spec import SiteSpec, load_site
from inventories.worlds import World

ROOT = Path(__file__).resolve().parents[1]
SITE = """[site]
name = "x1"
region = "eu-central-1"
operator_networks = ["9.9.9.9/32"]
[[hosts]]
name = "gateway-1"
role = "kong"
size = "nano"
[[hosts]]
name = "app-1"
role = "app"
size = "nano"
[[hosts]]
name = "search-1"
role = "opensearch"
size = "micro"
"""


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass
class Project:
    """The folder, and what was ever `shown` to anybody."""

    folder: Path
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "inventories" / "generated" / "production").mkdir(parents=True)
        self.write("")
        self.hosts("gateway-1=kong", "app-1=app", "search-1=opensearch")

    @property
    def where(self) -> World:
        files = [self.folder / "inventories" / "site.toml"]
        generated = self.folder / "inventories" / "generated" / "production"
        return World("production", False, files, None, {}, generated, self.secrets)

    @property
    def secrets(self) -> Path:
        return self.folder / ".secrets" / "production"

    @property
    def site(self) -> SiteSpec:
        return load_site(self.where)

    def write(self, more: str) -> None:
        (self.folder / "inventories" / "site.toml").write_text(SITE + more)

    def hosts(self, *named: str) -> None:
        entry = {
            "address": "192.0.2.1", "private_address": "10.0.0.1", "port": 22, "user": "ubuntu",
            "size": "nano", "bundle_id": "nano_3_0", "memory_mb": 512, "arn": "arn:x",
            "created_at": "2026-01-01T00:00:00+00:00", "state": "running",
        }  # fmt: skip
        hosts = {n: entry | {"role": r} for n, r in (x.split("=") for x in named)}
        data = {"env": "production", "site": "x1", "region": "r", "hosts": hosts}
        (self.where.generated / "hosts.json").write_text(json.dumps(data))

    def host(self, name: str) -> Host:
        return read_pins(self.where)[name]

    def gone_through(self, *names: str) -> None:
        """What a converge of these hosts (default all) does about secrets."""
        for host in read_pins(self.where).values():
            if host.name in names or not names:
                note(self.where, self.site, host, snapshot(self.where, self.site, host))

    @property
    def _own(self) -> dict[str, str]:
        """Variables that lead to this project, whatever `make` has chosen for the run of tests."""
        return {"FOUNTAINAI_PROJECT": str(self.folder), "COLUMNS": "200", "DEPLOY_ENV": ""}

    def run(self, *argv: str, stdin: bytes = b"", **env: str) -> Said:
        """The command as a script would start it, in this process: starting costs a second."""
        out, err = io.StringIO(), io.StringIO()
        whole = self._own | env
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, whole))
            stack.enter_context(patch.object(sys, "argv", ["secrets", *argv]))
            stack.enter_context(patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))))
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            try:
                rotate.main()
            except SystemExit as end:
                code = int(end.code or 0)
        said = Said(code, out.getvalue(), err.getvalue())
        self.shown.append(said.all)
        return said

    def start(self, *argv: str) -> Said:
        """The same in a process of its own."""
        line = [sys.executable, "-m", "deploys.rotate", *argv]
        env = os.environ | self._own
        ran = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, timeout=60, text=True)
        said = Said(ran.returncode, ran.stdout, ran.stderr)
        self.shown.append(said.all)
        return said

    def at_terminal(self, *argv: str, prompt: str, typed: str) -> int:
        """The same at a terminal, where somebody types a value; returns the exit code."""
        env = os.environ | self._own
        line = ["-m", "deploys.rotate", *argv]
        child = pexpect.spawn(
            sys.executable, line, cwd=str(ROOT), env=env, encoding="utf-8", timeout=60
        )
        child.logfile_read = (seen := io.StringIO())
        child.expect(prompt)
        child.sendline(typed)
        child.expect(pexpect.EOF)
        child.close()
        self.shown.append(seen.getvalue())
        return child.exitstatus or 0

    def json(self, **env: str) -> dict[str, dict[str, object]]:
        rows = json.loads(self.run("list", "--json", **env).out)
        return {row["name"]: row for row in rows}

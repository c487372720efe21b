"""A whole site as a person has it: bought from the stand-in, image and gateway included.

Made by the project's own commands. `FOUNTAINAI_SITE_LAB` names a lab that stands already and is
to be used instead, and left standing: for work on these tests.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from inventories.lab import lifecycle
from inventories.lab.driver import LabDriver
from inventories.loader import load_hosts
from inventories.worlds import world
from tests.labs import ROOT, Site

SITE = "deploys/site.py"
STANDING = "FOUNTAINAI_SITE_LAB"


@dataclass
class WholeSite(Site):
    """A converged site, and the way in for a storyteller."""

    @property
    def secrets(self) -> Path:
        return world(self.env).secrets

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        gateway = next(host for host in self.hosts if host.role == "kong")
        return f"https://{gateway.private_address}"

    def client(self, **more: Any) -> httpx.Client:
        """A storyteller with a key."""
        return httpx.Client(
            base_url=self.url,
            verify=ssl.create_default_context(cafile=self.secrets / "pki/ca.pem"),
            headers={"X-API-KEY": (self.secrets / "api_key").read_text().strip()},
            trust_env=False,
            timeout=more.pop("timeout", 30),
            **more,
        )

    def reloaded(self) -> WholeSite:
        """After hosts came or went."""
        self.hosts = list(load_hosts(self.env).hosts.values())
        return self

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One of the project's commands in .venv/bin."""
        done = subprocess.run(
            [str(ROOT / ".venv/bin" / argv[0]), *argv[1:]], cwd=ROOT, env=self.environment,
            text=True, capture_output=True, timeout=900, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.output.append(done.stdout + done.stderr)
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done

    def converge(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """The site run without a question; it must go through."""
        done = self.pyinfra(SITE, "-y", *flags, timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@contextmanager
def whole_site(env: str, overlay_text: str = "", *, converged: bool = True) -> Iterator[WholeSite]:
    """The site of `inventories/site.toml` in a lab; `overlay_text` replaces the lab's overlay."""
    standing = os.environ.get(STANDING)
    if standing:
        yield WholeSite(standing, LabDriver(standing), []).reloaded()
        return
    lifecycle.down(env)
    own = _overlay(env, overlay_text) if overlay_text else None
    try:
        lifecycle.up(env, site=own, bare=True)
        made = WholeSite(env, LabDriver(env), [])
        made.run("rehearse", "image", "--name", env)
        made.run("provision", "apply", "--yes", "--env", env)
        made.reloaded()
        if converged:
            made.converge()
        yield made
    finally:
        lifecycle.down(env)


def _overlay(env: str, text: str) -> Path:
    path = Path("/var/tmp") / f"{env}-site.toml"
    path.write_text(text)
    return path

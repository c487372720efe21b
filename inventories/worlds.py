"""Which world a command acts on: `production`, or a lab by its name.

Everything that differs between the two is in the `World` this module returns: spec files, API
address, credentials, and the folders of derived files and keys. It reads the lab's state file
and nothing else; it never writes and never calls the API.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventories.errors import ProvisionError

PRODUCTION = "production"
#: Host, site and environment names: a DNS label, and within Lightsail's own `\w[\w\-]*\w`.
NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
NAME_RULE = "2 to 63 of a-z, 0-9 and -, a letter first, no - at the end"


def project_root() -> Path:
    """The project's folder; `FOUNTAINAI_PROJECT` names another one (tests do)."""
    return Path(os.environ.get("FOUNTAINAI_PROJECT") or Path(__file__).parents[1]).resolve()


def labs_root() -> Path:
    """Where labs keep their state; `FOUNTAINAI_LABS` names another folder (tests do)."""
    return Path(os.environ.get("FOUNTAINAI_LABS") or "/var/lib/fountainai-lab")


@dataclass(frozen=True)
class World:
    """One environment, as every command sees it."""

    env: str
    is_lab: bool
    spec_files: list[Path]  # site.toml, then the lab's overlay
    endpoint_url: str | None  # None: the SDK's own, AWS_ENDPOINT_URL_LIGHTSAIL included
    aws_env: dict[str, str]  # credentials of a lab; empty in production: the SDK's usual chain
    generated: Path
    secrets: Path
    overrides: dict[str, Any] = field(default_factory=dict)  # below the overlay, over site.toml
    lab: dict[str, Any] = field(default_factory=dict)  # lab.json; empty in production

    def dial(self, name: str, address: str) -> tuple[str, int]:
        """Where SSH to a host is dialled: its public address and port 22 as the API implies.

        A slow lab (`--rtt`) is reached through its delaying proxy instead.
        """
        own = self._own_address(name)
        if self.lab.get("rtt_ms") and own:
            from inventories.lab.driver import PROXY_PORT_BASE  # not needed outside a slow lab

            return str(self.lab["gateway"]), PROXY_PORT_BASE + int(own.rpartition(".")[2])
        return address, int(self.lab.get("ssh_port") or 22)

    def private_address(self, name: str, address: str) -> str:
        """The address other hosts use: what the API says, or a lab host's own."""
        return self._own_address(name) or address

    def _own_address(self, name: str) -> str:
        """A lab host's address by the lab's record; empty when there is none."""
        if not self.lab:
            return ""
        try:
            record = json.loads((self._lab_dir / "hosts" / name / "host.json").read_text())
            return str(record["address"])
        except (OSError, ValueError, KeyError):
            return ""

    @property
    def _lab_dir(self) -> Path:
        return labs_root() / self.env


def current_env() -> str:
    """The environment that `DEPLOY_ENV` chooses; production when it is not set."""
    return os.environ.get("DEPLOY_ENV") or PRODUCTION


def world(env: str | None = None) -> World:
    """The world named `env` (default: `DEPLOY_ENV`). ProvisionError when there is none."""
    env = env or current_env()
    if not NAME.fullmatch(env):
        raise ProvisionError(
            f"{env!r} is no environment name", f"use {PRODUCTION} or a lab's name: {NAME_RULE}"
        )
    root = project_root()
    inventories = root / "inventories"
    generated, secrets = inventories / "generated" / env, root / ".secrets" / env
    site = inventories / "site.toml"
    if env == PRODUCTION:
        return World(env, False, [site], None, {}, generated, secrets)
    lab = _lab_state(env, labs_root() / env / "lab.json")
    return World(
        env=env,
        is_lab=True,
        spec_files=[site, Path(lab["overlay"])],
        endpoint_url=lab["api"],
        aws_env={"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"},
        generated=generated,
        secrets=secrets,
        # The machine itself is the operator of a lab; its address differs from lab to lab.
        overrides={"site": {"operator_networks": [f"{lab['gateway']}/32"]}},
        lab=lab,
    )


def _lab_state(env: str, path: Path) -> dict[str, Any]:
    up = f"rehearse up --name {env}"
    try:
        lab = json.loads(path.read_text())
    except FileNotFoundError:
        raise ProvisionError(
            f"no lab is called {env!r} ({path} does not exist)",
            f"{up}, or leave DEPLOY_ENV unset for production",
        ) from None
    except (OSError, ValueError) as error:
        raise ProvisionError(f"{path} cannot be read: {error}", up) from None
    missing = [k for k in ("overlay", "api", "gateway") if not isinstance(lab.get(k), str)]
    if missing:
        raise ProvisionError(f"{path} lacks {', '.join(missing)}", f"rehearse down, then {up}")
    return dict(lab)

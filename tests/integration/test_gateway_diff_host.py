"""gateway-diff against a real host: over the pinned SSH, as root reads what a converge left."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploys.gateway.command import wanted_of
from deploys.gateway.render import render
from inventories.loader import load_hosts
from inventories.worlds import world
from tests.labs import ROOT, Site, site, write_inventory

# Without a host: tests/unit/test_gateway_diff_command.py; on a whole site: a command of the README.
pytestmark = [pytest.mark.lab, pytest.mark.long]
ENV = "t-c1"


def difference(lab: Site, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploys.gateway.command", *flags], cwd=ROOT, text=True,
        capture_output=True, timeout=120, env=lab.environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def put(lab: Site, path: str, content: str) -> None:
    """Write a file as root, readable by root only."""
    lab.ssh(
        "gateway-1", f"umask 077; mkdir -p $(dirname {path}); cat > {path} <<'END'\n{content}END"
    )


def test_gateway_is_compared_over_ssh() -> None:
    with site(ENV, {"gateway-1": ("kong", 512)}) as lab:
        (gateway,) = lab.hosts
        # An app host for the configuration; nobody asks it anything.
        app = gateway.model_copy(update={"name": "app-1", "role": "app"})
        write_inventory(ENV, [gateway, app])
        first = difference(lab)
        assert first.returncode == 2, first.stdout + first.stderr
        assert first.stdout.startswith("gateway-1: nothing is applied yet\n")

        it = wanted_of(world(ENV), load_hosts(ENV))
        documents: Any = json.loads(json.dumps(it.documents))
        put(lab, "/etc/kong/applied/gateway.yml", render(it.twin).decode())
        put(lab, "/etc/kong/applied/openapi.json", json.dumps(documents) + "\n")
        same = difference(lab)
        assert (same.returncode, same.stdout) == (0, "gateway-1: no difference\n"), same.stderr

        gone = {"operationId": "listCharacters", "responses": {}}
        documents["characters"]["paths"]["/gone"] = {"get": gone}
        put(lab, "/etc/kong/applied/openapi.json", json.dumps(documents) + "\n")
        told = difference(lab, "--json")
        assert told.returncode == 2
        answer = json.loads(told.stdout)
        assert [f["operation"] for f in answer["hosts"][0]["documents"]] == ["GET /gone"]
        assert answer["breaking"] is True

        lab.driver.stop("gateway-1")
        away = difference(lab)
        assert away.returncode == 1
        assert "gateway-1: FAILED: gateway-1 cannot be asked what is applied: " in away.stdout
        assert "Traceback" not in away.stdout + away.stderr

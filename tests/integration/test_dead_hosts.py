"""Hosts that do not answer, told by the real command: no host, no lab, only ports nobody serves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from inventories.loader import env_paths
from tests.secrets_support import ROOT, Project

PYINFRA = Path(sys.executable).with_name("pyinfra")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three hosts of a production site, all at an address where nothing listens."""
    project = Project(tmp_path)
    project.hosts("gateway-1=kong", "app-1=app", "search-1=opensearch")
    where = project.where
    paths, file = env_paths(where), where.generated / "hosts.json"
    file.write_text(file.read_text().replace("192.0.2.1", "127.0.0.1").replace(": 22", ": 9"))
    paths.private_key.parent.mkdir(parents=True)
    for empty in (paths.known_hosts, paths.ssh_config):
        empty.touch()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    paths.private_key.write_bytes(key.private_bytes(*form))
    return project


def run(project: Project, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYINFRA), "inventory.py", "deploys/site.py", *flags], cwd=ROOT, timeout=90,
        env=os.environ | {"FOUNTAINAI_PROJECT": str(project.folder), "DEPLOY_ENV": "production"},
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("flags", [("-y",), ("--dry",), ("--json",)])
def test_a_dead_host_alone_is_named_with_what_to_run_next(
    project: Project, flags: tuple[str, ...]
) -> None:
    """pyinfra asks no hook when nobody is left: it said "No hosts remaining!" and no more."""
    done = run(project, *flags, "--limit", "app-1")
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "app-1 cannot be reached by SSH, so nothing was changed on any host" in said
    assert "`provision status --env production`" in said
    assert "`provision start`" in said
    assert "go on without it" not in said  # there is nobody to go on with
    assert "Traceback" not in said
    assert "No hosts remaining" not in said


def test_all_hosts_dead_are_one_sentence(project: Project) -> None:
    done = run(project, "-y")
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "app-1, gateway-1, search-1 cannot be reached by SSH" in said
    assert "Traceback" not in said

"""`story … --env`: which gateway, key and authority an environment means.

The way through a real gateway is walked by the rehearsal and by the README's commands.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploys.pki import Pki
from story_services.client.errors import ClientError
from story_services.client.gateways import gateway
from tests.services.cli_support import story

ENV = "production"  # the one that needs no lab's record; all of it is in a folder of the test's
SITE = """
[site]
name = "story"
region = "eu-central-1"
operator_networks = ["192.0.2.9/32"]

[[hosts]]
name = "gateway-1"
role = "kong"
size = "nano"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder as provisioning and a converge leave it."""
    generated = tmp_path / "inventories/generated" / ENV
    generated.mkdir(parents=True)
    host = {
        "role": "kong", "address": "198.51.100.7", "private_address": "172.26.1.7", "port": 22,
        "user": "ubuntu", "size": "nano", "bundle_id": "nano_3_0", "memory_mb": 512,
        "created_at": "2026-01-01T00:00:00Z", "arn": "arn:1", "state": "running",
    }  # fmt: skip
    hosts = {"env": ENV, "site": "story", "region": "eu-central-1", "hosts": {"gateway-1": host}}
    (generated / "hosts.json").write_text(json.dumps(hosts))
    for name in ("known_hosts", "ssh_config"):
        (generated / name).touch()
    (tmp_path / "inventories/site.toml").write_text(SITE)
    secrets = tmp_path / ".secrets" / ENV
    Pki(secrets, ENV).ensure()
    (secrets / "ssh").mkdir(mode=0o700)
    (secrets / "ssh/id_rsa").touch(0o600)
    (secrets / "api_key").write_text("fai_0123456789\n")
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    return tmp_path


def test_the_public_address_the_operators_key_and_the_own_authority(project: Path) -> None:
    found = gateway(ENV, 5)
    assert (found.url, found.key) == ("https://198.51.100.7", "fai_0123456789")
    assert found.ca == project / ".secrets" / ENV / "pki/ca.pem"
    assert found.named == ("--env", ENV)
    assert "fai_" not in repr(found)


def test_a_name_and_a_certificate_of_the_operators_own(project: Path) -> None:
    """Its certificate is by somebody whom every machine trusts, and for the name only."""
    more = """
[kong]
names = ["stories.example.org"]

[secrets]
gateway_certificate = { file = "tls/chain.pem" }
gateway_key = { file = "tls/key.pem" }
"""
    (project / "inventories/site.toml").write_text(SITE + more)
    found = gateway(ENV)
    assert (found.url, found.ca) == ("https://stories.example.org", None)


def test_before_the_first_converge_the_next_command_is_named(project: Path) -> None:
    (project / ".secrets" / ENV / "api_key").unlink()
    with pytest.raises(ClientError) as told:
        gateway(ENV)
    assert told.value.next_step == f"DEPLOY_ENV={ENV} pyinfra inventory.py deploys/site.py"


def test_an_environment_and_an_address_exclude_each_other(project: Path) -> None:
    said = story("list", "--env", ENV, "--ca", str(project / "inventories/site.toml"))
    assert said.code == 1
    assert "--env production says where the services are" in said.err
    assert "leave one of them out" in said.err

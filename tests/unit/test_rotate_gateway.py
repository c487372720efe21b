"""The gateway's file while keys and the authority change: both are in it, as Kong wants them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from deploys import keys
from deploys.gateway import validate
from deploys.gateway.generate import gateway
from deploys.gateway.operations import operations
from deploys.gateway.policy import SHIPPED, parse
from deploys.pki import Pki
from tests.secrets_support import Project

POLICY = parse(SHIPPED.read_text().split("\n[[rules]]")[0])
DOCUMENTS: dict[str, Any] = {"one": {"paths": {"/line": {"get": {"operationId": "line"}}}}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    return Project(tmp_path)


def kong_of(project: Project) -> dict[str, Any]:
    """What a converge would write now; refused by nobody who checks it."""
    pki = Pki(project.secrets, "production", lambda: datetime.now(UTC))
    certificate, key = pki.client_paths("gateway")
    made = gateway(
        operations(DOCUMENTS),
        POLICY,
        {"one": ["10.0.0.5"]},
        env="production",
        ca_pem=pki.ca_path.read_bytes(),
        client_pem=certificate.read_bytes(),
        client_key=key.read_bytes(),
        consumers=keys.consumers(project.where, project.site),
    )
    assert list(validate.problems(made)) == []
    return dict(made)


def test_each_trusted_authority_is_an_entry_of_its_own(project: Project) -> None:
    """Kong refuses an entry with two certificates."""
    before = kong_of(project)
    pki, counts = Pki(project.secrets, "production"), [1]
    for _ in range(3):
        pki.change_authority()
        kong = kong_of(project)
        given = kong["ca_certificates"]
        assert [len(x509.load_pem_x509_certificates(e["cert"].encode())) for e in given] == [
            1 for _ in given
        ]
        assert "".join(e["cert"] for e in given) == pki.ca_path.read_text()
        for service in kong["services"]:
            assert service["ca_certificates"] == [e["id"] for e in given]
        counts.append(len(given))
    assert counts == [1, 2, 2, 1]
    assert kong["ca_certificates"][0]["id"] == before["ca_certificates"][0]["id"]


def test_both_keys_are_valid_until_the_old_one_is_retired(project: Project) -> None:
    def shown() -> list[str]:
        (consumer,) = kong_of(project)["consumers"]
        return [credential["key"] for credential in consumer["keyauth_credentials"]]

    (old,) = shown()
    assert project.run("rotate", "api-key/storyteller").code == 0
    new, still = shown()
    assert still == old != new
    assert project.run("retire", "api-key/storyteller", "--converged").code == 0
    assert shown() == [new]

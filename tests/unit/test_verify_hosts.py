"""Which hosts `make verify` looks at, when the site file and what exists are not the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventories.loader import env_paths
from tests.hosts.support import Site
from tests.secrets_support import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    paths = env_paths(project.where)
    paths.private_key.parent.mkdir(parents=True)
    for file in (paths.known_hosts, paths.ssh_config, paths.private_key):
        file.touch()
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(project.folder))
    monkeypatch.setenv("DEPLOY_ENV", "production")
    return project


def test_a_host_that_leaves_is_named_and_not_tested(project: Project, tmp_path: Path) -> None:
    """It has no place in the site file to be compared with, and may be broken for good; but the
    others go on knowing it until it is destroyed."""
    project.hosts("gateway-1=kong", "app-1=app", "app-9=app", "search-1=opensearch")
    site = Site.load(tmp_path)
    assert [host.name for host in site.hosts] == ["app-1", "gateway-1", "search-1"]
    assert [host.name for host in site.by_role("app")] == ["app-1"]
    assert [host.name for host in site.known] == ["app-1", "app-9", "gateway-1", "search-1"]
    (note,) = site.notes
    assert note.startswith("Not tested: app-9 leaves; ")
    assert "provision destroy app-9 --env production" in note


def test_every_host_of_a_site_at_rest_is_tested(project: Project, tmp_path: Path) -> None:
    site = Site.load(tmp_path)
    assert site.hosts == site.known
    assert site.notes == []

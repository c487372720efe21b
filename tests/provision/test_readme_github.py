"""What README.md says about GitHub and the registry, typed as it stands there, in its order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ghcr_standin import shelf
from tests.integration import readme
from tests.provision.github_support import made_desk

SITE = """
[github.secrets]
NAME = { env = "NAME" }
[github.variables]
REGION = "eu-central-1"
[app]
# The services by digest.
"""


def test_its_commands_lead_from_a_repository_to_a_digest_in_the_site_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    commands = [c for c in readme.commands() if re.match(r"provision (github|images)", c)]
    with (
        shelf("fountain/story") as registry,
        made_desk(tmp_path, monkeypatch, capfd) as desk,
    ):
        monkeypatch.setenv("FOUNTAINAI_REGISTRY", registry.url)
        desk.want(SITE)
        desk.secret("NAME", "planted-in-the-readme")
        digest = registry.contents.image("run-1")
        said = {}
        for command in commands:
            typed = re.sub("sha256:[0-9a-f]+", digest[:19], command)
            said[command] = desk.provision(*typed.split()[1:])
        assert [(c, s.code) for c, s in said.items() if s.code] == [("provision github plan", 2)]
        assert len(commands) == 5
        assert desk.repo.secrets.plain("NAME") == b"planted-in-the-readme"
        assert len(desk.repo.workflows["images.yml"].runs) == 1
        assert digest[:19] in said["provision images"].out
        assert (
            f'image = "ghcr.io/fountain/story@{digest}"'
            in (tmp_path / "inventories/site.toml").read_text()
        )

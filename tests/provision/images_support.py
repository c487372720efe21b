"""A production site whose package lies in a registry of this machine, and the command run on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inventories.loader import Host, as_json
from tests.ghcr_standin import Contents, Shelf, shelf
from tests.provision.conftest import SITE, Result, Site

PACKAGE = "ghcr.io/owner/story"
#: Never to be seen in any output.
PLANTED = "ghp_planted0123456789abcdefplanted"
HEAD = SITE + f'\n[app]\n# The services by digest.\n# image = "x"\npackage = "{PACKAGE}"\n'
PRIVATE = HEAD + (
    '\n[app.registry]\nuser = "someone"\n\n[secrets]\nregistry_token = { env = "PLANTED" }\n'
)


@dataclass
class Shop:
    """The site and its registry."""

    site: Site
    shelf: Shelf
    patch: pytest.MonkeyPatch

    @property
    def held(self) -> Contents:
        return self.shelf.contents

    @property
    def file(self) -> Path:
        return self.site.file

    def images(self, *args: str, env: str = "production") -> Result:
        return self.site.run("images", *args, "--env", env)

    def listed(self) -> dict[str, Any]:
        result = self.images("--json")
        assert result.code == 0, result.all
        return json.loads(result.out)

    def use(self, digest: str, env: str = "production") -> Result:
        return self.images("use", digest, env=env)

    def hosts(self, *names: str) -> None:
        """App hosts that nobody answers for, as provisioning would have noted them."""
        where = self.site.root / "inventories" / "generated" / "production"
        where.mkdir(parents=True)
        made = [
            Host(
                name=name, role="app", address="127.0.0.1", private_address="10.0.0.1", port=1,
                user="nobody", size="nano", bundle_id="x", memory_mb=512, created_at="x",
                arn="x", state="running",
            )
            for name in names
        ]  # fmt: skip
        (where / "hosts.json").write_text(
            as_json(made, env="production", site="fountainai", region="eu-central-1")
        )
        lines = "".join(f"Host {n}\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n" for n in names)
        (where / "ssh_config").write_text(lines)
        (where / "known_hosts").write_text("")
        key = self.site.root / ".secrets" / "production" / "ssh"
        key.mkdir(parents=True)
        (key / "id_rsa").write_text("")


@contextmanager
def shop(site: Site, patch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shelf() as found:
        patch.setenv("FOUNTAINAI_REGISTRY", found.url)
        patch.setenv("COLUMNS", "250")
        site.file.write_text(HEAD)
        yield Shop(site, found, patch)
    assert PLANTED not in "".join(site.everything)

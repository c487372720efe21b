"""The services' image: built from the Dockerfile as it is, run as its configuration says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from inventories.lab import image, machine, oci
from story_services.image_lock import ROOTS, cut
from tests.services.cli_support import ROOT, story
from tests.services.image_support import Container

LOCK = (ROOT / "requirements.lock").read_text()


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE))


def test_the_image_has_the_locks_versions_and_nothing_for_operators() -> None:
    part = cut(LOCK)
    assert names(part) >= {*ROOTS, "starlette", "yarl", "pydantic-core"}
    assert not names(part) & {"boto3", "pyinfra", "typer", "rich", "pytest", "jinja2", "httpx"}
    for block in re.split(r"^(?=[A-Za-z0-9])", part, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block
        assert block in LOCK
    with pytest.raises(KeyError, match="not in the lock: nowhere"):
        cut(LOCK, ("fastapi", "nowhere"))


def test_all_that_the_services_import_is_in_the_image() -> None:
    """Also of the server, and nothing of the project outside of the services."""
    program = (
        "import sys, story_services.main as m; m.app().openapi();"
        "import uvicorn.loops.uvloop, uvicorn.protocols.http.httptools_impl, uvicorn.lifespan.on;"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"deploys", "inventories", "tests"} & set(loaded)
    found = packages_distributions()
    used = {re.sub(r"[._-]+", "-", d).lower() for name in loaded for d in found.get(name, ())}
    # Others brought the last two here; they are used where they are, and nobody needs them.
    ours = {"fountainai-lightsail", "setuptools", "ujson", "future-typing"}
    assert used - ours - {re.sub(r"[._-]+", "-", n).lower() for n in names(cut(LOCK))} == set()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The image's file system and configuration."""
    machine.install(lambda _: None, machine.IMAGE_TOOLS)
    made = image.build()
    root = tmp_path_factory.mktemp("image")
    oci.unpack(made, root)
    root.chmod(0o755)  # not as pytest made it: the services have a user of their own
    return root, oci.config(made)["config"]


@pytest.mark.long
def test_the_image_serves_read_only_and_without_rights(
    built: tuple[Path, dict[str, Any]], node_url: str, index_prefix: str
) -> None:
    root, config = built
    assert config["User"] == "10001:10001"
    container = Container(root, config, STORY_STORE_URL=node_url, STORY_INDEX_PREFIX=index_prefix)
    try:
        container.ready()
        health = config["Healthcheck"]["Test"]
        assert health[0] == "CMD"
        assert container.run(*health[1:]) == 0
        done = story("import", "the-comedy-of-errors", "--json", url=container.url).json
        assert done["added"] is True
        assert (
            story("export", str(done["scriptId"]), "--format", "txt", url=container.url).code == 0
        )
        assert container.run("/usr/bin/touch", "/opt/story/file") != 0
        assert container.run("/usr/bin/touch", "/tmp/file") == 0
    finally:
        container.kill()
    assert container.run(*config["Healthcheck"]["Test"][1:]) != 0


@pytest.mark.long
def test_the_image_holds_the_services_and_no_more(built: tuple[Path, dict[str, Any]]) -> None:
    root, config = built
    (site,) = (root / "opt/story/lib").glob("python3*/site-packages")
    have = {path.name for path in site.iterdir()}
    assert {"story_services", "fastapi", "opensearchpy"} <= have
    assert not {"pip", "setuptools", "boto3", "pyinfra", "typer", "rich", "deploys"} & have
    assert not {"local", "client", "cli.py", "Dockerfile"} & {
        path.name for path in (site / "story_services").iterdir()
    }
    assert not (root / "build").exists(), "what built it stays outside"
    assert (site / "story_services/__pycache__").is_dir(), "compiled: nothing can write it later"
    assert not list(root.glob("run/secrets/*"))
    assert "pip_ca" not in json.dumps(config)

"""`story migrate` on the data of `story serve`: from an older form to this one, once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest

from story_services.common.errors import Unavailable
from story_services.common.settings import Settings
from story_services.common.store import indices
from story_services.common.store.client import Store
from story_services.local import LocalNode
from tests.services import node_support
from tests.services.cli_support import story


def older_data(node: str) -> None:
    """Scripts in an index of version 0; everything else as this version has it."""
    body = indices.body("script")
    mapping = {**body["mappings"], "_meta": {"version": 0, "digest": "older"}}
    aliases = {"story-script": {}, "story-log": {}}
    old = {**body, "mappings": mapping, "aliases": aliases}
    with httpx.Client(base_url=node, timeout=30) as client:
        client.put("/story-script-v0", json=old).raise_for_status()
        head = {"kind": "script", "id": 1, "version": 1, "deleted": False, "nonce": "n.0"}
        document = {**head, "content": {"title": "Kept"}}
        client.put("/story-script-v0/_create/script-1", json=document).raise_for_status()

    async def others() -> None:
        store = Store(Settings(store_url=node))
        with contextlib.suppress(Unavailable):  # scripts are of another version: that is the point
            await indices.ensure(store)
        await store.close()

    asyncio.run(others())


def test_older_data_is_brought_to_this_form_once(request: pytest.FixtureRequest) -> None:
    with node_support.private_folder(node_support.the_run(request.config)) as made:
        folder = Path(made, "stories")
        with LocalNode(folder / "node", heap_mb=256) as node:
            older_data(node.url)
        done = story("migrate", "--data", str(folder))
        assert done.code == 0, done.err
        assert "story-script-v0 -> story-script-v1" in done.err
        assert "Migrated 1 indices, 1 documents." in done.err
        again = story("migrate", "--data", str(folder))
        assert (again.code, "Nothing to migrate" in again.err) == (0, True), again.err
        with LocalNode(folder / "node", heap_mb=256) as node:
            found = httpx.get(f"{node.url}/story-script/_doc/script-1").json()
            assert found["_source"]["content"] == {"title": "Kept"}
            assert httpx.get(f"{node.url}/story-script-v0").status_code == 404


def test_there_must_be_something_to_migrate(tmp_path: Path) -> None:
    done = story("migrate", "--data", str(tmp_path / "none"))
    assert (done.code, "There are no stories" in done.err) == (1, True)
    both = story("migrate", "--data", str(tmp_path), "--env", "lab")
    assert (both.code, "exclude each other" in both.err) == (1, True)
    unknown = story("migrate", "--env", "nowhere-at-all")
    assert unknown.code == 1
    assert "Traceback" not in unknown.err

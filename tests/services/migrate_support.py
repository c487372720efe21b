"""Migrations for tests: to the next version, with documents that change, and one that is killed.

`python -m tests.services.migrate_support URL PREFIX INDEX STEP` migrates until the step and ends
there by SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from story_services.common.store import indices
from story_services.common.store.client import Store
from story_services.common.store.migrate import Migration
from story_services.common.store.migration_plan import Goal
from tests.services.store_support import a_store


def next_form(source: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the version before it in a field that only the next mapping has."""
    return {**source, "migrations": source.get("migrations", 0) + 1}


async def next_goal(store: Store, index: str) -> Goal:
    """One version more than there is, with a field more."""
    version = (await indices.behind(store))[index].version + 1
    body = indices.body(index)
    mapping = body["mappings"]
    return Goal(
        index,
        version,
        {
            **body,
            "mappings": {
                **mapping,
                "_meta": {"version": version, "digest": "test"},
                "properties": {**mapping["properties"], "migrations": {"type": "integer"}},
            },
        },
        next_form,
    )


async def migrate_until(url: str, prefix: str, index: str, step: str) -> None:
    """Migrate and be killed at a step; the second time it comes if it is named twice."""
    left = step.count("+") + 1

    def at(now: str) -> None:
        nonlocal left
        left -= now == step.rstrip("+")
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async with a_store(url, prefix) as store:
        goal = await next_goal(store, index)
        await Migration(store, at=at, grace_s=0.3).run([goal])


if __name__ == "__main__":
    asyncio.run(migrate_until(*sys.argv[1:5]))

"""A cluster has several doors: while one of them is away, every call is answered by the others."""

from __future__ import annotations

import asyncio
import time

from story_services.local import ports
from tests.services.store_support import a_store, fresh


def test_an_absent_door_costs_no_call(node_url: str, index_prefix: str) -> None:
    async def calls() -> list[float]:
        doors = f"http://127.0.0.1:{ports.free()},{node_url}"
        took = []
        async with a_store(doors, index_prefix, made=True) as store:
            for _ in range(20):
                began = time.monotonic()
                assert await store.get("element", str(fresh())) is None
                took.append(time.monotonic() - began)
        return took

    assert max(asyncio.run(calls())) < 1.8

"""Refreshes that are shared: everybody finds what they wrote, and the store has less to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from story_services.common.errors import Unavailable
from story_services.common.store.client import Store
from tests.services.store_support import (
    Fate,
    Middleman,
    a_settings,
    fresh,
    middleman,
    shared_indices,
    word,
)

AT_ONCE = 24


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    with shared_indices(node_url) as made:
        yield made


def refreshes(between: Middleman) -> int:
    return sum(one.uri.endswith("/_refresh") for one in between.seen)


def test_everybody_finds_their_own_write_and_most_share_a_refresh(
    node_url: str, prefix: str
) -> None:
    """A write that came while a refresh was running is found by its writer, too: that refresh may
    have begun before it."""

    async def one(store: Store) -> int:
        n = fresh()
        await store.create("element", f"spokenWord-{n}", word(n))
        await store.refresh("element")
        return await store.count("element", {"term": {"id": n}})

    async def run() -> None:
        async with middleman(node_url) as between:
            store = Store(a_settings(between.url, prefix, store_deadline=20))
            try:
                for _ in range(5):
                    assert await asyncio.gather(*(one(store) for _ in range(AT_ONCE))) == (
                        [1] * AT_ONCE
                    )
                assert refreshes(between) < 5 * AT_ONCE / 2
            finally:
                await store.close()

    asyncio.run(run())


def test_indices_do_not_wait_for_each_other(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with middleman(node_url) as between:
            between.plan = lambda one: (
                Fate.HANG if one.uri.endswith("element/_refresh") else Fate.PASS
            )
            store = Store(a_settings(between.url, prefix))
            try:
                hangs = asyncio.create_task(store.refresh("element"))
                await asyncio.sleep(0)
                await store.refresh("script")
                assert not hangs.done()
                with pytest.raises(Unavailable):
                    await hangs
            finally:
                await store.close()

    asyncio.run(run())


def test_who_waits_behind_a_refresh_that_hangs_is_told_in_time(node_url: str, prefix: str) -> None:
    """503 within two seconds holds for those, too; and one who gives up takes nobody along."""

    async def run() -> None:
        async with middleman(node_url) as between:
            between.plan = lambda _: Fate.HANG
            settings = a_settings(between.url, prefix)
            store = Store(settings)
            took: list[float] = []

            async def asks() -> None:
                began = time.monotonic()
                with pytest.raises(Unavailable):
                    await store.refresh("element")
                took.append(time.monotonic() - began)

            try:
                first = asyncio.create_task(asks())
                await asyncio.sleep(settings.store_deadline / 2)
                others = [asyncio.create_task(asks()) for _ in range(5)]
                impatient = asyncio.create_task(store.refresh("element"))
                await asyncio.sleep(0)
                impatient.cancel()
                await asyncio.gather(first, *others)
                assert len(took) == 6
                assert max(took) < settings.store_deadline + 0.5
                between.plan = lambda _: Fate.PASS
                await store.refresh("element")
            finally:
                await store.close()

    asyncio.run(run())

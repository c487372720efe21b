"""Idempotency keys in the store: done once, whoever asks again, and answered alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from story_services.common.errors import Conflict, Unavailable
from story_services.common.http.idempotency import Fresh, Replay
from story_services.common.store.keys import StoreKeys, is_gone, process_mark
from tests.services.cli_support import clean_env
from tests.services.kills_store import Call, Hooked
from tests.services.store_support import a_settings, a_store, fresh, shared_indices

ROOT = Path(__file__).resolve().parents[2]
HOUR_US = 3600 * 1_000_000
TAKES_A_KEY = """
import asyncio, sys, time
from story_services.common.settings import Settings
from story_services.common.store.client import Store
from story_services.common.store.keys import StoreKeys

async def main():
    url, prefix, key = sys.argv[1:]
    keys = StoreKeys(Store(Settings(store_url=url, index_prefix=prefix)))
    taken = await keys.begin(key, "a", "b")
    print(taken.nonce, flush=True)
    time.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the tests of this file share, each with keys of its own."""
    with shared_indices(node_url) as made:
        yield made


class Clock:
    """Says what time it is."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


async def take(keys: StoreKeys, key: str, body: str = "body") -> Fresh:
    taken = await keys.begin(key, "POST /plays?", body)
    assert isinstance(taken, Fresh)
    return taken


async def refused(keys: StoreKeys, key: str, body: str = "body") -> str:
    with pytest.raises(Conflict) as caught:
        await keys.begin(key, "POST /plays?", body)
    return caught.value.code


def test_an_answer_is_kept_for_a_day(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            clock, key = Clock(), f"key-{fresh()}"
            keys = StoreKeys(store, now=clock)
            taken = await take(keys, key)
            assert not taken.resumed
            await keys.finish(taken.token, 409, {"etag": '"3"'}, "größer".encode())
            wanted = Replay(409, {"etag": '"3"'}, "größer".encode())
            for others in (keys, StoreKeys(store, now=clock)):
                assert await others.begin(key, "POST /plays?", "body") == wanted
                assert await refused(others, key, "another body") == "idempotency_key_reused"
                with pytest.raises(Conflict):
                    await others.begin(key, "POST /plays?x=1", "body")
            clock.ahead_us = 24 * HOUR_US - 60_000_000
            assert await keys.begin(key, "POST /plays?", "body") == wanted
            clock.ahead_us = 24 * HOUR_US + 1_000_000
            anew = await take(keys, key, "another body")
            assert not anew.resumed
            assert anew.nonce != taken.nonce

    asyncio.run(run())


def test_expired_keys_are_removed_and_no_others(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            clock, old, new = Clock(), f"key-{fresh()}", f"key-{fresh()}"
            keys = StoreKeys(store, now=clock)
            for key in (old, new):
                taken = await take(keys, key)
                await keys.finish(taken.token, 200, {}, b"{}")
                clock.ahead_us += HOUR_US
            await keys.forget_expired()
            clock.ahead_us = 24 * HOUR_US + 60_000_000  # past the first one's day
            assert await keys.forget_expired() >= 1
            assert await store.get("key", old) is None
            assert isinstance(await keys.begin(new, "POST /plays?", "body"), Replay)

    asyncio.run(run())


def test_of_many_at_once_one_goes_on(node_url: str, prefix: str) -> None:
    """In one process and in another, also before the first one's key is written."""

    async def run() -> None:
        async with a_store(node_url, prefix) as store, a_store(node_url, prefix) as other:
            one, two = StoreKeys(store), StoreKeys(other)
            for _ in range(10):
                key = f"key-{fresh()}"
                answers = await asyncio.gather(
                    *(keys.begin(key, "POST /plays?", "body") for keys in (one, two) * 8),
                    return_exceptions=True,
                )
                (taken,) = [a for a in answers if isinstance(a, Fresh)]
                assert not taken.resumed
                codes = {a.code for a in answers if isinstance(a, Conflict)}
                assert codes == {"idempotency_key_in_use"}
                assert len([a for a in answers if isinstance(a, Conflict)]) == 15
                assert await refused(one, key, "other") == "idempotency_key_reused"
                assert await refused(two, key, "other") == "idempotency_key_reused"
                held = one if (await store.get("key", key)).source["owner"] == one.owner else two  # type: ignore[union-attr]
                await held.finish(taken.token, 201, {}, b"{}")
                for keys in (one, two):
                    assert await keys.begin(key, "POST /plays?", "body") == Replay(201, {}, b"{}")

    asyncio.run(run())


def test_a_key_given_back_goes_on_only_with_its_own_request(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            keys, key = StoreKeys(store), f"key-{fresh()}"
            taken = await take(keys, key)
            await keys.abandon(taken.token, ran=False)
            again = await take(keys, key, "a corrected body")
            assert (again.resumed, again.nonce == taken.nonce) == (False, False)
            await keys.abandon(again.token, ran=True)
            assert await refused(keys, key, "yet another") == "idempotency_key_reused"
            assert await keys.unfinished([again.nonce, taken.nonce]) == {again.nonce}
            last = await take(keys, key, "a corrected body")
            assert (last.resumed, last.nonce) == (True, again.nonce)
            await keys.finish(last.token, 200, {}, b"{}")
            assert await keys.unfinished([last.nonce]) == set()

    asyncio.run(run())


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_the_key_of_a_killed_process_is_taken_over_at_once(
    node_url: str, prefix: str, reaped: bool
) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            keys, key = StoreKeys(store), f"key-{fresh()}"
            argv = [sys.executable, "-c", TAKES_A_KEY, node_url, prefix, key]
            other = subprocess.Popen(
                argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_env()
            )
            try:
                assert other.stdout is not None
                nonce = await asyncio.to_thread(other.stdout.readline)
                with pytest.raises(Conflict, match="still running"):
                    await keys.begin(key, "a", "b")
                other.kill()
                if reaped:
                    other.wait()
                taken: Any = None
                until = time.monotonic() + 10  # a kill is carried out a moment later
                while taken is None and time.monotonic() < until:
                    try:
                        taken = await keys.begin(key, "a", "b")
                    except Conflict:
                        assert not reaped
                assert (taken.nonce, taken.resumed) == (nonce.strip(), True)
            finally:
                other.kill()
                other.wait()

    asyncio.run(run())


def test_the_key_of_a_process_that_cannot_be_seen_is_taken_over_after_its_lease(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store, a_store(node_url, prefix) as other:
            clock, key = Clock(), f"key-{fresh()}"
            far, near = StoreKeys(other), StoreKeys(store, now=clock)
            boot, rest = far.owner.split(" ", 1)
            far.owner = f"{boot[::-1]} {rest}"
            taken = await take(far, key)
            assert await refused(near, key) == "idempotency_key_in_use"
            clock.ahead_us = 46_000_000
            again = await take(near, key)
            assert (again.resumed, again.nonce) == (True, taken.nonce)
            await far.finish(taken.token, 201, {}, b"late")  # it has lost the key
            await near.finish(again.token, 201, {}, b"first")
            assert await far.begin(key, "POST /plays?", "body") == Replay(201, {}, b"first")

    asyncio.run(run())


def test_this_process_is_known_to_live() -> None:
    boot, space, pid, start, rest = process_mark().split(" ")
    assert not is_gone(" ".join((boot, space, pid, start, rest)))
    assert is_gone(" ".join((boot, space, pid, f"{start}1", rest)))
    assert not is_gone(" ".join((boot, space[::-1], pid, f"{start}1", rest))), "it cannot be told"


def test_nobody_waits_for_a_store_that_is_away_to_learn_of_an_end(
    node_url: str, prefix: str
) -> None:
    """The answer has been made; the store is told when it is back, and others can go on then."""

    async def run() -> None:
        store = Hooked(a_settings(node_url, prefix))
        async with a_store(node_url, prefix) as other:
            one, two = StoreKeys(store), StoreKeys(other)
            away = True

            async def hook(_operation: str, _index: str, call: Call) -> Any:
                if away:
                    await asyncio.sleep(2)
                    raise Unavailable
                return await call()

            for end in ("abandon", "finish"):
                key = f"key-{fresh()}"
                store.hook, away = None, True
                taken = await take(one, key)
                store.hook = hook
                began = time.monotonic()
                if end == "abandon":
                    await one.abandon(taken.token, ran=True)
                else:
                    await one.finish(taken.token, 200, {}, b"{}")
                assert time.monotonic() - began < 1.5
                assert await refused(two, key) == "idempotency_key_in_use"
                away = False
                until = time.monotonic() + 20
                found: Any = None
                while found is None and time.monotonic() < until:
                    try:
                        found = await two.begin(key, "POST /plays?", "body")
                    except Conflict:
                        await asyncio.sleep(0.05)
                if end == "abandon":
                    assert (found.resumed, found.nonce) == (True, taken.nonce)
                else:
                    assert found == Replay(200, {}, b"{}")
        await one.close()
        await store.close()

    asyncio.run(run())

"""A store that is away, slow, or swallowed by the network: every request gets 503 with a reason,
soon, nothing half-done is to be seen, and all is well again by itself."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from story_services.common.batching import Batcher
from story_services.common.errors import Unavailable
from story_services.common.turns import Turns
from tests.services.kills_checks import check_all
from tests.services.kills_support import SEED_VARIABLE, Caller, Progress, Writer, set_up, wait_for
from tests.services.outages_house import (
    AT_ONCE,
    House,
    all_at_once,
    house,
    reads,
    repeat,
    require_health_down,
    require_refused,
    require_whole,
    writes,
)
from tests.services.outages_support import LIMIT_S, MARGIN_S, Wire, wait_until_healthy


@pytest.fixture(scope="module")
def home(node_url: str) -> Iterator[House]:
    """One house for all tests of this file, each with lines of its own."""
    with house(node_url) as made:
        yield made


@pytest.fixture
def fresh(home: House) -> Iterator[House]:
    """The house with new lines, and a wire that works."""
    home.wire.heal()
    wait_until_healthy(home.services)
    home.furnish()
    try:
        yield home
    finally:
        home.wire.heal()
        wait_until_healthy(home.services)


Break = Callable[[Wire], None]


def _slow(between: Wire) -> None:
    between.delay = 2.2


BREAKS = {"refused": Wire.refuse, "swallowed": Wire.hole, "slow": _slow}


@pytest.mark.parametrize("name", BREAKS)
def test_without_the_store_all_is_refused_soon_and_well_again_by_itself(
    fresh: House, name: str
) -> None:
    mark = f"{name}{secrets.token_hex(3)}"
    before = fresh.story()
    asks = writes(fresh, mark)
    BREAKS[name](fresh.wire)
    require_refused(all_at_once(fresh, [*reads(fresh), *asks]))
    require_health_down(fresh, "does not answer")
    assert fresh.services.client.get("/metrics").status_code == 200
    fresh.wire.heal()
    wait_until_healthy(fresh.services)
    if name == "refused":  # nothing can have arrived
        assert fresh.story() == before
        assert not [p for p in fresh.services.client.get("/performers").json() if p["name"] == mark]
    repeat(fresh, [ask for ask in asks if ask.path != "/performers"])
    require_whole(fresh, before, mark)
    assert "Traceback" not in fresh.services.log


def test_nothing_is_lost_or_doubled_by_a_wire_that_fails_again_and_again(node_url: str) -> None:
    """It fails in the middle of requests: clients repeat them until they are answered."""
    seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(4)
    with house(node_url) as home:
        try:
            told = _storm(home, seed)
        except BaseException as error:
            error.add_note(f"{SEED_VARIABLE}={seed}\n{home.services.log[-3000:]}")
            raise
    print(told)


def _storm(home: House, seed: str, writes: int = 400) -> str:
    chance = random.Random(seed)
    progress = Progress(writes)
    url = home.services.url
    stage = set_up(Caller([url], chance, progress))
    writers = [
        Writer(n, seed, Caller([url], random.Random(f"{seed}/c{n}"), progress), stage)
        for n in range(AT_ONCE)
    ]
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    breaks = [Wire.refuse, Wire.hole, _slow, Wire.cut] * 2
    chance.shuffle(breaks)
    turns = [time.monotonic()]
    for n, break_it in enumerate(breaks, 1):
        wait_for(progress, round(writes * n / (len(breaks) + 1)), threads)
        turns.append(time.monotonic())
        break_it(home.wire)
        time.sleep(chance.uniform(0.5, 3.5))
        turns.append(time.monotonic())
        home.wire.heal()
    for thread in threads:
        thread.join()
    if progress.problem is not None:
        raise progress.problem
    home.services.client.timeout = httpx.Timeout(120)
    ledgers = [writer.ledger for writer in writers]
    check_all(home.services.client, home.node_url, home.services.prefix, stage, ledgers)
    # Since the request began, or since the wire last changed while it waited.
    waits = [end - max(t for t in (start, *turns) if t <= end) for start, end in progress.refusals]
    assert max(waits, default=0) < LIMIT_S + MARGIN_S
    return f"{progress.repeated} requests repeated, refused after {max(waits):.1f} s at most"


def test_those_who_wait_in_line_are_refused_with_the_one_before_them() -> None:
    """Each of them would only find out the same, one after the other."""

    async def run() -> None:
        turns, done = Turns(), []

        async def go(n: int, fails: bool) -> None:
            async with turns.turn("it"):
                await asyncio.sleep(0.05)
                if fails:
                    raise Unavailable
                done.append(n)

        began = time.monotonic()
        answers = await asyncio.gather(*(go(n, n == 0) for n in range(30)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert time.monotonic() - began < 1
        waiting = asyncio.gather(*(go(n, False) for n in range(5)))
        gone = asyncio.create_task(go(9, False))
        await asyncio.sleep(0.07)
        gone.cancel()
        await waiting
        assert done == [0, 1, 2, 3, 4]
        await go(5, False)
        assert done[-1] == 5

    asyncio.run(run())


def test_a_batch_that_the_store_refuses_takes_those_behind_it_along() -> None:
    async def run() -> None:
        async def handle(asks: object) -> list[int]:
            await asyncio.sleep(0.05)
            raise Unavailable

        batches: Batcher[int, int] = Batcher(handle, limit=1)
        began = time.monotonic()
        answers = await asyncio.gather(*(batches.ask(n) for n in range(30)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert time.monotonic() - began < 1

    asyncio.run(run())

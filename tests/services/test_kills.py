"""kill -9 of the services and of the node while many clients write: nothing acknowledged is lost,
nothing is there twice, every order stays an order."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from story_services.local import LocalNode
from tests.services.cli_support import Services
from tests.services.kills_checks import check_all
from tests.services.kills_support import Caller, Progress, Writer, set_up

CLIENTS = 8
SEED_VARIABLE = "FOUNTAINAI_KILL_SEED"  # what a failure printed, to do it the same way again


@contextmanager
def processes(node: LocalNode, count: int) -> Iterator[list[Services]]:
    """Running services on one store, with indices that go with the node."""
    prefix = f"story-t{secrets.token_hex(4)}-"
    made = [Services(node.url, prefix) for _ in range(count)]
    try:
        for each in made:
            each.start()
        yield made
    finally:
        for each in made:
            if each.process is not None and each.process.poll() is None:
                each.kill()
            each.client.close()


def wait_for(progress: Progress, acknowledged: int, writers: list[threading.Thread]) -> None:
    """Until so much was written, or nobody writes any more."""
    while progress.acknowledged < acknowledged and any(w.is_alive() for w in writers):
        time.sleep(0.005)


def storm(node: LocalNode, services: list[Services], writes: int, kills: int, seed: str) -> str:
    """So many kills of each spread over so many writes of all clients; what happened, in a line."""
    chance = random.Random(seed)
    progress = Progress(writes)
    urls = [each.url for each in services]
    first = Caller(urls[:1], chance, progress)
    stage = set_up(first)
    writers = [
        Writer(n, seed, Caller(urls, random.Random(f"{seed}/c{n}"), progress), stage)
        for n in range(CLIENTS)
    ]
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    victims = ["service", "node"] * kills
    chance.shuffle(victims)
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for n, victim in enumerate(victims, 1):
        spread = chance.uniform(-0.3, 0.3)
        wait_for(progress, round(writes * (n + spread) / (len(victims) + 1)), threads)
        if victim == "node":
            node.kill()
            time.sleep(chance.uniform(0, 0.5))
            node.restart()
        else:
            one = chance.choice(services)
            one.kill()
            time.sleep(chance.uniform(0, 0.2))
            one.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    if progress.problem is not None:
        raise progress.problem
    with httpx.Client(base_url=urls[0], timeout=120, trust_env=False) as client:
        check_all(client, node.url, services[0].prefix, stage, [w.ledger for w in writers])
    first.close()
    return (
        f"{progress.acknowledged} acknowledged writes in {seconds:.0f} s, "
        f"{progress.repeated} requests repeated"
    )


def run(node: LocalNode, count: int, writes: int, kills: int) -> None:
    seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(4)
    with processes(node, count) as services:
        try:
            told = storm(node, services, writes, kills, seed)
        except BaseException as error:
            logs = "\n".join(each.log[-3000:] for each in services)
            error.add_note(f"{SEED_VARIABLE}={seed}\n{logs}")
            raise
    print(f"{count} processes, {kills} kills of services and {kills} of the node: {told}")


def test_nothing_is_lost_or_doubled_by_a_few_kills(own_node: LocalNode) -> None:
    run(own_node, 2, 400, 1)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_lost_or_doubled_by_many_kills(own_node: LocalNode, count: int) -> None:
    run(own_node, count, 10_000, 10)

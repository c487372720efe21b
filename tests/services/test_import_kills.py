"""Kills at any moment while a play is imported: of the importer, of the services, of both."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from story_services.corpora import read
from tests.services.cli_support import Running, Services, services
from tests.services.test_import import assert_whole

PLAYS = ("the-comedy-of-errors", "macbeth", "the-tempest")
KILLS = 12


@pytest.fixture(scope="module")
def served(node_url: str) -> Iterator[Services]:
    with services(node_url) as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("play", PLAYS)
def test_whatever_is_killed_whenever_the_play_comes_in_once(served: Services, play: str) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    importer = Running("import", play, "--url", served.url)
    hits = 0
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.5))  # the moment is the point: any will do
        if importer.process.poll() is not None:
            assert importer.process.returncode == 0, f"seed {seed}: {importer.said}"
            break
        hits += 1
        what = chance.choice(("importer", "services", "both"))
        if what != "importer":
            served.kill()
        if what != "services":
            importer.kill()
            importer = Running("import", play, "--url", served.url)
        if what != "importer":
            served.start()
    assert importer.end() == 0, f"seed {seed}: {importer.said}"
    assert hits > 0
    title = read(play).title
    (script,) = (s for s in served.get("/scripts") if s["title"] == title)
    assert_whole(served, script["scriptId"], read(play))

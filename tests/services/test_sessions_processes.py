"""Sessions changed by several processes at once, and requests that are begun a second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from story_services.common.context import Context
from story_services.common.errors import Conflict
from story_services.common.records import Why
from story_services.common.settings import Settings
from story_services.session_context.sessions.service import Sessions

Work = Callable[[list[Sessions]], Awaitable[None]]


@asynccontextmanager
async def _processes(settings: Settings, count: int) -> AsyncIterator[list[Sessions]]:
    """As many processes as far as the store can tell: nothing is shared but the indices."""
    contexts = [Context(settings) for _ in range(count)]
    try:
        for context in contexts:
            await context.start()
        yield [Sessions(context) for context in contexts]
    finally:
        for context in contexts:
            await context.close()


@pytest.fixture
def together(node_url: str, index_prefix: str) -> Callable[[int, Work], None]:
    """Runs work with a number of processes."""
    settings = Settings(store_url=node_url, index_prefix=index_prefix)

    def run(count: int, work: Work) -> None:
        async def main() -> None:
            async with _processes(settings, count) as made:
                await work(made)

        asyncio.run(main())

    return run


def test_entries_appended_by_several_processes_are_all_kept(
    together: Callable[[int, Work], None],
) -> None:
    async def work(processes: list[Sessions]) -> None:
        made = (await processes[0].create({}, Why())).id

        async def writer(n: int) -> None:
            for k in range(8):
                await processes[n % 3].append(made, f"{n}.{k}", Why(), None)

        await asyncio.gather(*(writer(n) for n in range(6)))
        found = await processes[0].get(made)
        entries = found.content["context"]
        assert sorted(entries) == sorted(f"{n}.{k}" for n in range(6) for k in range(8))
        for n in range(6):  # each writer's own entries stay in the order of its writing
            assert [e for e in entries if e.startswith(f"{n}.")] == [f"{n}.{k}" for k in range(8)]
        assert found.record.version == 49

    together(3, work)


def test_of_merges_by_several_processes_exactly_the_acknowledged_ones_are_kept(
    together: Callable[[int, Work], None],
) -> None:
    async def work(processes: list[Sessions]) -> None:
        made = (await processes[0].create({"data": {"kept": True}}, Why())).id

        told: list[str | None] = []

        async def merge(n: int) -> bool:
            try:
                await processes[n % 3].merge(made, {f"k{n}": n}, Why("ann", f"merge {n}"), None)
            except Conflict as lost:
                told.append(lost.details)
                return False
            return True

        for start in range(0, 60, 6):
            numbers = range(start, start + 6)
            done = await asyncio.gather(*(merge(n) for n in numbers))
            data = (await processes[0].get(made)).content["data"]
            assert [f"k{n}" in data for n in numbers] == done
            assert any(done)
            assert data["kept"]
        assert all("by ann at" in str(details) for details in told)

    together(3, work)


def test_a_resumed_append_is_not_done_again_even_when_others_followed(
    together: Callable[[int, Work], None],
) -> None:
    """The answer to the first try was lost; its entry is in an older revision by now."""

    async def work(processes: list[Sessions]) -> None:
        (sessions,) = processes
        made = (await sessions.create({}, Why())).id
        first = Why("ann", None, "nonce-of-a-request")
        again = Why("ann", None, "nonce-of-a-request", resumed=True)
        await sessions.append(made, "once", first, None)
        assert (await sessions.append(made, "once", again, None)).record.version == 2
        await sessions.append(made, "after", Why(), None)
        assert (await sessions.append(made, "once", again, None)).record.version == 2
        assert (await sessions.get(made)).content["context"] == ["once", "after"]

    together(1, work)


def test_a_resumed_append_that_was_never_done_is_done(
    together: Callable[[int, Work], None],
) -> None:
    async def work(processes: list[Sessions]) -> None:
        (sessions,) = processes
        made: Any = (await sessions.create({"context": "a"}, Why())).id
        await sessions.append(made, "b", Why(resumed=True), None)
        assert (await sessions.get(made)).content["context"] == ["a", "b"]

    together(1, work)

"""Orders on the real store: group commit, conflicts, pages, and their removal."""

from __future__ import annotations

import asyncio

import pytest

from story_services.common.errors import Conflict
from story_services.common.order.root import Root
from story_services.common.queries import term
from tests.services.core import core, why

ROOT = "script-1"


def add(*refs: str):  # type: ignore[no-untyped-def]
    def edit(root: Root) -> tuple[Root, dict[str, int]]:
        space, numbers = root.space("story").append(refs)
        return root.with_space("story", space), numbers

    return edit


def move(ref: str, to: int):  # type: ignore[no-untyped-def]
    def edit(root: Root) -> tuple[Root, None]:
        return root.with_space("story", root.space("story").reorder({ref: to})), None

    return edit


def test_parallel_changes_share_few_writes(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            puts = 0
            put = c.store.put

            async def counting(*args, **more):  # type: ignore[no-untyped-def]
                nonlocal puts
                puts += 1
                return await put(*args, **more)

            c.store.put = counting  # type: ignore[method-assign]
            given = await asyncio.gather(
                *(c.orders.change(ROOT, add(f"spokenWord-{n}")) for n in range(1, 201))
            )
            numbers = sorted(n for answer in given for n in answer.values())
            assert numbers == list(range(1, 201))
            assert puts <= 5

    asyncio.run(run())


def test_two_processes_never_give_one_number_twice(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as one, core(node_url, index_prefix) as other:
            given = await asyncio.gather(
                *(
                    c.orders.change(ROOT, add(f"spokenWord-{who}{n}"))
                    for n in range(1, 41)
                    for who, c in ((1, one), (2, other))
                )
            )
            assert sorted(n for answer in given for n in answer.values()) == list(range(1, 81))
            assert len((await one.orders.read(ROOT)).space("story")) == 80

    asyncio.run(run())


def test_an_error_of_one_change_is_its_own(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:

            def broken(root: Root) -> tuple[Root, None]:
                raise ValueError("mine")

            results = await asyncio.gather(
                c.orders.change(ROOT, add("note-1")),
                c.orders.change(ROOT, broken),
                c.orders.change(ROOT, add("note-2")),
                return_exceptions=True,
            )
            assert results[0] == {"note-1": 1}
            assert isinstance(results[1], ValueError)
            assert results[2] == {"note-2": 2}

    asyncio.run(run())


def test_an_answer_never_rests_on_a_stale_value(node_url: str, index_prefix: str) -> None:
    """A number that needs no write is still read anew: another process may have reordered."""

    async def run() -> None:
        async with core(node_url, index_prefix) as one, core(node_url, index_prefix) as other:
            await one.orders.change(ROOT, add("note-1", "note-2", "note-3"))
            await other.orders.change(ROOT, move("note-3", 1), why("first"))
            assert await one.orders.change(ROOT, add("note-3")) == {"note-3": 1}

    asyncio.run(run())


def test_of_two_reorders_at_once_one_wins(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as one, core(node_url, index_prefix) as other:
            await one.orders.change(ROOT, add("note-1", "note-2", "note-3"))
            results = await asyncio.gather(
                # Both saw the order as it never was changed, however late they come.
                one.orders.change(ROOT, move("note-2", 1), why("two first"), 0),
                other.orders.change(ROOT, move("note-3", 1), why("three first"), 0),
                return_exceptions=True,
            )
            lost = [r for r in results if isinstance(r, Conflict)]
            assert len(lost) == 1
            assert "by tester" in (lost[0].details or "")
            revision = (await one.orders.state(ROOT)).revision
            with pytest.raises(Conflict):
                await one.orders.change(ROOT, move("note-1", 2), why(), expected=revision - 1)

    asyncio.run(run())


def test_long_orders_are_paged_and_old_pages_go(node_url: str, index_prefix: str) -> None:
    """Only pages that an undo may need, or that are current, remain."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            refs = [f"note-{n}" for n in range(1, 1501)]
            await c.orders.change(ROOT, add(*refs))
            await c.orders.change(ROOT, move("note-1500", 1), why("last first"))
            for n in range(1501, 1541):
                await c.orders.change(ROOT, add(f"note-{n}"))
            before, after = await c.orders.logged(ROOT, 1)
            assert before.space("story").number_of("note-1500") == 1500
            assert after.space("story").number_of("note-1500") == 1
            now = (await c.orders.read(ROOT)).space("story")
            assert (len(now), now.number_of("note-1540")) == (1540, 1540)
            await c.store.refresh("order")
            pages = await c.store.count("order", term("root", ROOT)) - 1
            assert pages <= 12

    asyncio.run(run())


def test_a_resumed_reorder_is_not_done_again(node_url: str, index_prefix: str) -> None:
    """Its answer was lost, not its effect; others may have gone on since."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            await c.orders.change(ROOT, add("note-1", "note-2", "note-3"))
            await c.orders.change(ROOT, move("note-3", 1), why(nonce="lost"))
            await c.orders.change(ROOT, add("note-4"))
            again = why(nonce="lost", resumed=True)
            await c.orders.change(ROOT, move("note-3", 1), again)
            assert (await c.orders.state(ROOT)).revision == 1
            await c.orders.change(ROOT, move("note-2", 1), why())
            await c.orders.change(ROOT, move("note-3", 1), again)
            assert (await c.orders.state(ROOT)).revision == 2

    asyncio.run(run())

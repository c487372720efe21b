"""Conditional writes over a network that loses requests and answers: done once, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from story_services.common.errors import Unavailable
from story_services.common.store.client import Store, StoreConflict, StoreDefect, Token
from tests.services.store_support import (
    Fate,
    Plan,
    Seen,
    a_store,
    fresh,
    middleman,
    shared_indices,
    word,
)


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the tests of this file share, each with documents of its own."""
    with shared_indices(node_url) as made:
        yield made


LOSSES = [
    Fate.LOSE_REQUEST,
    Fate.LOSE_ANSWER,
    Fate.TWICE,
    Fate.DOOR_502,
    Fate.BUSY,
    Fate.LATE,
    Fate.HANG,
]


def first_only(fate: Fate) -> Plan:
    """A plan: this fate for the first write, then everything passes."""
    left = [fate]

    def plan(seen: Seen) -> Fate:
        writes = seen.method == "PUT" or "_bulk" in seen.uri
        return left.pop() if left and writes else Fate.PASS

    return plan


@pytest.mark.parametrize("fate", LOSSES, ids=lambda f: f.name)
def test_a_create_happens_once_whatever_gets_lost(node_url: str, prefix: str, fate: Fate) -> None:
    async def run() -> None:
        n = fresh()
        id = f"spokenWord-{n}"
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            between.plan = first_only(fate)
            token = await store.create("element", id, word(n))
            found = await store.get("element", id)
            assert found is not None
            assert (found.source, found.token) == (word(n), token)
            with pytest.raises(StoreConflict) as other:
                await store.create("element", id, word(n, nonce="another"))
            assert other.value.current == found
            await asyncio.gather(*between.late)
            assert await store.get("element", id) == found

    asyncio.run(run())


@pytest.mark.parametrize("fate", LOSSES, ids=lambda f: f.name)
def test_a_put_happens_once_whatever_gets_lost(node_url: str, prefix: str, fate: Fate) -> None:
    async def run() -> None:
        n = fresh()
        id = f"spokenWord-{n}"
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            before = await store.create("element", id, word(n))
            second = word(n, version=2, nonce=f"second-{n}")
            between.plan = first_only(fate)
            token = await store.put("element", id, second, before)
            found = await store.get("element", id)
            assert found is not None
            assert (found.source, found.token) == (second, token)
            with pytest.raises(StoreConflict):
                await store.put("element", id, word(n, version=2, nonce="late"), before)
            await asyncio.gather(*between.late)
            assert await store.get("element", id) == found

    asyncio.run(run())


@pytest.mark.parametrize("fate", LOSSES, ids=lambda f: f.name)
def test_bulk_writes_happen_once_whatever_gets_lost(node_url: str, prefix: str, fate: Fate) -> None:
    async def run() -> None:
        numbers = [fresh() for _ in range(40)]
        sources = {f"spokenWord-{n}": word(n) for n in numbers}
        taken = f"spokenWord-{numbers[7]}"
        async with (
            middleman(node_url) as between,
            a_store(between.url, prefix, bulk_deadline=2.5) as store,
        ):
            theirs = word(numbers[7], nonce="somebody else")
            held = await store.create("element", taken, theirs)
            between.plan = first_only(fate)
            tokens = await store.bulk_create("element", sources)
            assert [id for id, token in tokens.items() if token is None] == [taken]
            found = await store.mget("element", list(sources))
            assert {id: d.source for id, d in found.items()} == {**sources, taken: theirs}
            assert all(found[id].token == token for id, token in tokens.items() if token)

            await store.put("element", taken, word(numbers[7], nonce="theirs again"), held)
            between.plan = first_only(fate)
            nexts = {f"spokenWord-{n}": word(n, version=2, nonce=f"next-{n}") for n in numbers}
            puts = [(id, source, tokens[id] or held) for id, source in nexts.items()]
            again = await store.bulk_put("element", puts)
            assert [id for id, token in again.items() if token is None] == [taken]
            await asyncio.gather(*between.late)
            found = await store.mget("element", list(sources))
            assert [id for id, d in found.items() if d.source != nexts[id]] == [taken]

    asyncio.run(run())


def test_an_unconfirmed_write_is_acknowledged_by_a_write(node_url: str, prefix: str) -> None:
    """A document that is read back may not have reached the disk, so reading is not enough."""

    async def run() -> None:
        n = fresh()
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            between.plan = first_only(Fate.LOSE_ANSWER)
            token = await store.create("element", f"spokenWord-{n}", word(n))
            path = f"/{store.name('element')}/_doc/spokenWord-{n}"
            assert (await store.administer("GET", path))["_version"] == 2
            last = [seen for seen in between.seen if seen.method == "PUT"][-1]
            assert f"if_seq_no={token.seq_no - 1}&" in last.uri

    asyncio.run(run())


def test_a_write_that_only_changed_its_number_is_no_conflict(node_url: str, prefix: str) -> None:
    """Somebody read the document between a write and its confirmation."""

    async def run() -> None:
        n = fresh()
        id = f"spokenWord-{n}"
        async with a_store(node_url, prefix) as store:
            read = await store.create("element", id, word(n))
            await store.put("element", id, word(n), read)
            await store.put("element", id, word(n, version=2, nonce="2"), read)
            with pytest.raises(StoreConflict):
                await store.put("element", id, word(n, version=2, nonce="3"), read)

    asyncio.run(run())


def test_of_many_writers_nobody_is_lost_or_counted_twice(node_url: str, prefix: str) -> None:
    """Two processes collect names in one document, over a network that loses every fifth answer.

    Whoever lost looks first whether its name is there: its write may have been overtaken.
    """

    async def run() -> None:
        n = fresh()
        id = f"spokenWord-{n}"
        async with (
            middleman(node_url) as between,
            a_store(between.url, prefix, store_deadline=30) as one,
            a_store(between.url, prefix, store_deadline=30) as other,
        ):
            turns = count()
            between.plan = lambda _: Fate.LOSE_ANSWER if next(turns) % 5 == 0 else Fate.PASS
            await one.create("element", id, word(n, scope=[]))
            nonces = count()

            async def join(store: Store, name: int) -> None:
                while True:
                    found = await store.get("element", id)
                    assert found is not None
                    assert found.token is not None
                    there = found.source["scope"]
                    if name in there:
                        return
                    source = word(n, nonce=f"{name}-{next(nonces)}", scope=[*there, name])
                    try:
                        await store.put("element", id, source, found.token)
                    except StoreConflict:
                        continue
                    return

            await asyncio.gather(*(join(s, i) for i, s in enumerate([one, other] * 20)))
            found = await one.get("element", id)
            assert found is not None
            assert sorted(found.source["scope"]) == list(range(40))

    asyncio.run(run())


def test_delete_leaves_what_was_written_after_it_began(node_url: str, prefix: str) -> None:
    async def run() -> None:
        id = f"k{fresh()}"
        async with (
            middleman(node_url) as between,
            a_store(between.url, prefix) as store,
        ):
            old = await store.create("key", id, {"nonce": "1"})
            between.plan = first_only(Fate.LATE)
            await store.delete("key", [id, "never there"])
            assert await store.get("key", id) is None
            await store.create("key", id, {"nonce": "2"})
            await asyncio.gather(*between.late)  # the first deletion arrives only now
            assert await store.get("key", id) is not None
            await store.delete("key", {id: old})
            assert await store.get("key", id) is not None
            await store.delete("key", [id])
            assert await store.get("key", id) is None

    asyncio.run(run())


def test_cancelled_writes_leave_a_store_that_works(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            between.plan = lambda _: Fate.HANG
            hanging = [
                asyncio.create_task(store.create("element", f"spokenWord-{fresh()}", word()))
                for _ in range(60)  # more than there are connections
            ]
            while len(between.seen) < 40:
                await asyncio.sleep(0.01)
            for task in hanging:
                task.cancel()
            results = await asyncio.gather(*hanging, return_exceptions=True)
            assert all(isinstance(r, asyncio.CancelledError) for r in results)
            between.plan = lambda _: Fate.PASS
            n = fresh()
            await store.create("element", f"spokenWord-{n}", word(n))

    asyncio.run(run())


def test_a_mistake_of_ours_is_told_without_anybodys_words(node_url: str, prefix: str) -> None:
    async def run() -> None:
        id = f"spokenWord-{fresh()}"
        async with a_store(node_url, prefix) as store:
            for source in (word(colour="red"), word(id="secret words"), word(content="secret")):
                with pytest.raises(StoreDefect) as told:
                    await store.create("element", id, source)
                assert "secret" not in str(told.value)
                with pytest.raises(StoreDefect) as told:
                    await store.bulk_create("element", {id: source})
                assert "secret" not in str(told.value)
            assert await store.get("element", id) is None

    asyncio.run(run())


def test_nothing_is_written_where_no_index_was_made(node_url: str) -> None:
    async def run() -> None:
        async with a_store(node_url, "story-tnever-") as store:
            calls = [
                store.create("element", "a", word()),
                store.write("element", "a", word()),
                store.put("element", "a", word(), Token(0, 1)),
                store.bulk_create("element", {"a": word()}),
                store.get("element", "a"),
                store.mget("element", ["a"]),
                store.search("element", {}),
                store.refresh("element"),
                store.health(),
            ]
            for call in calls:
                with pytest.raises(Unavailable) as error:
                    await call
                assert error.value.code == "store_not_ready"

    asyncio.run(run())

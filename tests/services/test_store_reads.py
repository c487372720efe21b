"""Reading from a store that is slow, full, busy or away, and asking only what the door allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from deploys.door.rules import decide
from story_services.common.errors import Unavailable
from story_services.common.store import indices
from story_services.common.store.client import Store, StoreDefect, Token
from tests.services.store_support import (
    Fate,
    a_settings,
    a_store,
    fresh,
    middleman,
    shared_indices,
    word,
)

Call = Callable[[Store], Awaitable[Any]]
TOKEN = Token(0, 1)
CALLS: dict[str, Call] = {
    "get": lambda s: s.get("element", "a"),
    "mget": lambda s: s.mget("element", ["a"]),
    "search": lambda s: s.search("element", {}),
    "count": lambda s: s.count("element", {"match_all": {}}),
    "refresh": lambda s: s.refresh("element"),
    "health": lambda s: s.health(),
    "create": lambda s: s.create("element", "a", word()),
    "put": lambda s: s.put("element", "a", word(), TOKEN),
    "write": lambda s: s.write("element", "a", word()),
    "bulk_create": lambda s: s.bulk_create("element", {"a": word()}),
    "delete": lambda s: s.delete("element", {"a": TOKEN}),
    "ensure": indices.ensure,
}


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the tests of this file share, each with documents of its own."""
    with shared_indices(node_url) as made:
        yield made


async def everything(store: Store, **how: Any) -> list[str]:
    """Ids of all elements in the order of their change."""
    query = {"match_all": {}}
    return [d.id async for d in store.search_all("element", query, sort=["changeId"], **how)]


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"ensure"}))
@pytest.mark.parametrize("fate", [Fate.HANG, Fate.LOSE_REQUEST, Fate.DOOR_502, Fate.BUSY])
def test_a_store_that_never_answers_is_unavailable_in_time(
    node_url: str, prefix: str, name: str, fate: Fate
) -> None:
    async def run() -> None:
        async with (
            middleman(node_url) as between,
            a_store(between.url, prefix, store_deadline=0.3) as store,
        ):
            between.plan = lambda _: fate
            began = time.monotonic()
            with pytest.raises(Unavailable) as error:
                await CALLS[name](store)
            assert time.monotonic() - began < 1.2  # and what a busy machine adds
            expected = "store_busy" if fate is Fate.BUSY else "store_unavailable"
            assert error.value.code == expected
            assert error.value.details
            assert "127.0.0.1" not in f"{error.value} {error.value.details}"

    asyncio.run(run())


def test_nobody_listening_is_told_within_two_seconds() -> None:
    async def run() -> None:
        async with a_store("http://127.0.0.1:9", "story-tnever-") as store:
            calls = [call(store) for call in CALLS.values()]
            began = time.monotonic()
            errors = await asyncio.gather(*calls, return_exceptions=True)
            assert time.monotonic() - began < 2.3  # and what a busy machine adds
            assert {getattr(e, "code", e) for e in errors} == {"store_unavailable"}

    asyncio.run(run())


def test_short_troubles_are_not_noticed(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            for fate in (Fate.LOSE_REQUEST, Fate.LOSE_ANSWER, Fate.DOOR_502, Fate.BUSY, Fate.HANG):
                for name in ("get", "mget", "search", "count", "refresh", "health"):
                    left = [fate]
                    between.plan = lambda _, left=left: left.pop() if left else Fate.PASS
                    await CALLS[name](store)
                    assert not left

    asyncio.run(run())


@pytest.mark.parametrize(
    ("block", "code", "words"),
    [
        ("index.blocks.read_only_allow_delete", "store_read_only", "full"),
        ("index.blocks.write", "store_read_only", "migrated"),
    ],
)
def test_a_store_that_takes_no_changes_says_so_and_recovers(
    node_url: str, prefix: str, block: str, code: str, words: str
) -> None:
    async def run() -> None:
        n = fresh()
        async with a_store(node_url, prefix, store_deadline=0.4) as store:
            path = f"/{store.name('element')}/_settings"
            await store.administer("PUT", path, {block: True})
            try:
                for call in (
                    store.create("element", f"spokenWord-{n}", word(n)),
                    store.bulk_create("element", {f"spokenWord-{n}": word(n)}),
                    store.health(),
                ):
                    with pytest.raises(Unavailable) as error:
                        await call
                    assert error.value.code == code
                    assert words in error.value.message
                assert await store.get("element", f"spokenWord-{n}") is None
            finally:
                await store.administer("PUT", path, {block: None})
            await store.create("element", f"spokenWord-{n}", word(n))
            assert (await store.health())["cluster"] in ("green", "yellow")

    asyncio.run(run())


def test_a_block_shorter_than_the_time_limit_is_only_a_pause(node_url: str, prefix: str) -> None:
    """What a migration does while it changes over."""

    async def run() -> None:
        n = fresh()
        async with a_store(node_url, prefix, store_deadline=10) as store:
            path = f"/{store.name('element')}/_settings"
            await store.administer("PUT", path, {"index.blocks.write": True})
            creating = asyncio.create_task(store.create("element", f"spokenWord-{n}", word(n)))
            await asyncio.sleep(0.2)
            assert not creating.done()
            await store.administer("PUT", path, {"index.blocks.write": None})
            await creating

    asyncio.run(run())


def test_a_refusal_of_the_door_is_a_mistake_of_ours(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            between.plan = lambda _: Fate.DOOR_403
            with pytest.raises(StoreDefect):
                await store.get("element", "a")

    asyncio.run(run())


def test_the_door_passes_every_request(node_url: str, index_prefix: str) -> None:
    """Each URL, method and argument of every call, with ids that need quoting."""
    ids = ["..", ".a", "a/b", "ä é", "a?b=c&d", "%2e", "#", "a;b", "ключ", "👍", "a+b", "x" * 500]

    async def run() -> None:
        async with middleman(node_url) as between, a_store(between.url, index_prefix) as store:
            await indices.ensure(store)
            for id in ids:
                source = word(nonce=id)
                token = await store.create("element", id, source)
                await store.put("element", id, {**source, "version": 2}, token)
                await store.write("element", id, source)
                found = await store.get("element", id)
                assert found is not None
                assert found.id == id
            calls = (call(store) for call in CALLS.values())
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert not any(isinstance(result, StoreDefect) for result in done)
            sources = {id: word(1000 + n, nonce=f"2{id}") for n, id in enumerate(ids)}
            await store.bulk_write("element", sources)
            found_all = await store.mget("element", ids)
            assert sorted(found_all) == sorted(ids)
            puts = [
                (d.id, {**d.source, "nonce": f"3{d.id}"}, d.token)
                for d in found_all.values()
                if d.token
            ]
            await store.bulk_put("element", puts)
            await store.refresh("log")
            assert len(await everything(store, page=3, source=["id"], tokens=True)) == len(ids) + 1
            await store.delete("element", ids)
            await store.health()
            await indices.drop(store)
            assert len(between.seen) > 100
            refused = {
                (s.method, s.uri)
                for s in between.seen
                if decide("story", s.method, s.uri) != "pass"
            }
            # Asking which index an alias stands for needs no body, so the door may drop it.
            assert {uri.rpartition("/")[2] for _, uri in refused} <= {"_alias"}
            assert all(decide("story", m, uri) == "bare" for m, uri in refused)
            assert not any(b'"_index"' in s.body for s in between.seen)

    asyncio.run(run())


def test_paging_gives_each_document_once_in_order(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            numbers = [fresh() for _ in range(50)]
            sources = {
                f"{kind}-{n}": word(n, kind=kind, changeId=n // 7, scope=[77])
                for n in numbers
                for kind in ("action", "note")
            }
            await store.bulk_create("element", sources)
            await store.refresh("element")
            query = {"term": {"scope": 77}}
            runs = []
            for page in (1, 7, 100, 5000):
                sort = [{"changeId": "desc"}]
                found = [d async for d in store.search_all("element", query, sort=sort, page=page)]
                runs.append([d.id for d in found])
                assert all(d.token is None for d in found)
            assert sorted(runs[0]) == sorted(sources)
            assert all(ids == runs[0] for ids in runs)
            changes = [sources[id]["changeId"] for id in runs[0]]
            assert changes == sorted(changes, reverse=True)
            with_tokens = [
                d
                async for d in store.search_all(
                    "element", query, sort=["id"], source=["nonce"], tokens=True
                )
            ]
            one = with_tokens[0]
            assert one.token is not None
            assert one.token == (await store.mget("element", [one.id]))[one.id].token

    asyncio.run(run())


def test_searches_find_what_was_written_before_the_refresh(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            for _ in range(5):
                n = fresh()
                query = {"term": {"id": n}}
                await store.create("element", f"spokenWord-{n}", word(n))
                assert await store.count("element", query) == 0
                await store.refresh("element")
                assert await store.count("element", query) == 1
                body = {"query": query, "aggs": {"most": {"max": {"field": "id"}}}}
                found = await store.search("log", body)
                assert found.total == 1
                assert found.aggregations["most"]["value"] == n

    asyncio.run(run())


def test_every_call_is_told_with_its_outcome_and_request(node_url: str, prefix: str) -> None:
    async def run() -> None:
        told: list[tuple[str, str, float]] = []
        async with middleman(node_url) as between:
            store = Store(
                a_settings(between.url, prefix, store_deadline=0.3),
                on_call=lambda *call: told.append(call),
                opaque_id=lambda: "request-7",
            )
            n = fresh()
            await store.create("element", f"spokenWord-{n}", word(n))
            with pytest.raises(Exception, match="another write"):
                await store.create("element", f"spokenWord-{n}", word(n, nonce="x"))
            assert {s.opaque for s in between.seen} == {"request-7"}
            between.plan = lambda _: Fate.HANG
            with pytest.raises(Unavailable):
                await store.get("element", "a")
            task = asyncio.create_task(store.get("element", "a"))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await store.close()
        assert [call[:2] for call in told] == [
            ("create", "ok"),
            ("create", "conflict"),
            ("get", "store_unavailable"),
            ("get", "cancelled"),
        ]
        assert told[2][2] == pytest.approx(0.3, abs=0.5)

    asyncio.run(run())

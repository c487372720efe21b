"""The indices: made once by however many processes, strict, and refused in another version."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from story_services.common import kinds
from story_services.common.errors import Unavailable
from story_services.common.store import indices, mappings
from story_services.common.store.client import Store, StoreDefect
from tests.services.node_support import delete_indices
from tests.services.store_support import a_store, fresh, middleman, shared_indices, word


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    with shared_indices(node_url) as made:
        yield made


def test_every_kind_has_an_index_with_the_head_of_a_record() -> None:
    for kind in kinds.KINDS.values():
        properties = mappings.PROPERTIES[kind.index]
        assert {"kind", "id", "scope", "version", "nonce", "content"} <= properties.keys()
    for name in indices.NAMES:
        body = indices.body(name)
        assert body["mappings"]["dynamic"] == "strict"
        assert "number_of_replicas" not in body["settings"]  # the cluster knows its nodes
        assert body["mappings"]["_meta"]["version"] == mappings.VERSIONS[name]


def test_many_processes_at_once_make_one_set(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        stores = [a_store(node_url, index_prefix) for _ in range(4)]
        opened = [await s.__aenter__() for s in stores]
        await asyncio.gather(*(indices.ensure(s) for s in opened))
        found = await indices.behind(opened[0])
        assert {n: g.name for n, g in found.items()} == {
            name: f"{index_prefix}{name}-v1" for name in indices.NAMES
        }
        log = await opened[0].administer("GET", f"/{index_prefix}log/_alias")
        assert set(log) == {f"{index_prefix}{n}-v1" for n in indices.NAMES if n != "key"}
        for s in stores:
            await s.__aexit__(None, None, None)

    asyncio.run(run())


def test_a_second_time_changes_nothing_and_asks_little(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with middleman(node_url) as between, a_store(between.url, prefix) as store:
            await indices.ensure(store)
            assert {s.method for s in between.seen} == {"GET"}
            assert len(between.seen) <= 4

    asyncio.run(run())


def test_only_what_is_missing_is_made(node_url: str, index_prefix: str) -> None:
    """Whatever a killed start left, the next one goes on from there."""

    async def run() -> None:
        async with a_store(node_url, index_prefix, made=True) as store:
            await store.create("element", "spokenWord-1", word())
            for name in ("script", "key"):
                await store.administer("DELETE", f"/{index_prefix}{name}-v1")
            await indices.ensure(store)
            assert len(await indices.behind(store)) == len(indices.NAMES)
            assert await store.get("element", "spokenWord-1") is not None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("meta", "hint"),
    [
        ({"version": 0}, "story migrate"),
        ({"version": 9}, "newer"),
        ({"version": 1, "digest": "other"}, "another draft"),
        ({}, "story migrate"),
    ],
)
def test_data_of_another_version_is_refused(
    node_url: str, index_prefix: str, meta: dict[str, Any], hint: str
) -> None:
    async def run() -> None:
        async with a_store(node_url, index_prefix, made=True) as store:
            path = f"/{index_prefix}element-v1/_mapping"
            await store.administer("PUT", path, {"_meta": meta})
            with pytest.raises(Unavailable) as error:
                await indices.ensure(store)
            assert error.value.code == "store_version"
            assert hint in (error.value.details or "")

    asyncio.run(run())


def test_an_ambiguous_alias_is_refused(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, index_prefix, made=True) as store:
            path = f"/{index_prefix}key-v1/_alias/{index_prefix}element"
            await store.administer("PUT", path)
            with pytest.raises(Unavailable, match="not in order"):
                await indices.ensure(store)

    asyncio.run(run())


def test_other_prefixes_are_left_alone(node_url: str, index_prefix: str) -> None:
    """`story-t1-` begins other names, `story-t1-x` among them; each store owns its own."""

    async def run() -> None:
        longer = index_prefix.rstrip("-") + "x-"
        async with (
            a_store(node_url, index_prefix, made=True) as one,
            a_store(node_url, longer, made=True) as other,
        ):
            await other.create("element", "spokenWord-1", word())
            await indices.drop(one)
            assert await indices.behind(one) == {}
            await indices.ensure(other)
            assert await other.get("element", "spokenWord-1") is not None

    try:
        asyncio.run(run())
    finally:
        delete_indices(node_url, index_prefix.rstrip("-") + "x-")


HEAD = {
    key: value
    for key, value in word(
        createdAt="2025-11-22T09:00:00.123456Z",
        updatedAt="2025-11-22T09:00:00.123456Z",
        action="create",
        actor="anonymous",
        comment=None,
        reverts=None,
    ).items()
    if key != "content"
}
FREE: list[Any] = [
    {},
    {"weather": "warm", "hour": 99, "dark": False, "depth": 1.5, "nothing": None},
    {"a": {"b": {"c": ["x", 1, None, {"d": []}]}}},
    {"a.b": "dotted", "..": "dots", "": "empty", " ": "blank", 'quo"te': "q", "a=b": "c=d"},
    {"ключ": "значение", "👍": "😀", "\u202e": "right to left"},
    {"list": [[1, 2], [{"x": [3]}]], "huge": 2**53 - 1, "tiny": 1e-9, "float": 12345678.9},
]


@pytest.mark.parametrize("data", FREE, ids=lambda d: str(d)[:40])
@pytest.mark.parametrize("index", ["session", "context", "world-state"])
def test_free_data_comes_back_as_it_was(
    node_url: str, prefix: str, index: str, data: dict[str, Any]
) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            id = f"x-{fresh()}"
            source = {**HEAD, "nonce": id, "content": {"data": copy.deepcopy(data)}}
            await store.create(index, id, source)
            found = await store.get(index, id)
            assert found is not None
            assert found.source == source
            await store.refresh(index)
            body = {"query": {"ids": {"values": [id]}}}
            assert (await store.search(index, body)).hits[0].source == source

    asyncio.run(run())


@pytest.mark.parametrize(
    "context", ["rain", ["rain, cold", "x"], {"a": {"b": [1, None]}}, None, 7, [[1], {"a": 2}]]
)
def test_a_session_keeps_the_shape_of_its_context(node_url: str, prefix: str, context: Any) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            id = f"x-{fresh()}"
            source = {**HEAD, "nonce": id, "content": {"context": context}}
            await store.create("session", id, source)
            found = await store.get("session", id)
            assert found is not None
            assert found.source == source

    asyncio.run(run())


async def matching(store: Store, path: str, value: str) -> set[str]:
    query = {"term": {path: value}}
    return {d.id async for d in store.search_all("world-state", query, sort=["id"])}


def test_free_data_is_found_by_key_and_value(node_url: str, prefix: str) -> None:
    """Asked for as text: a number is found as its JSON spells it."""

    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            documents = [
                {"Weather": "Bitter cold", "hour": 12, "dark": True},
                {"weather": "bitter cold", "hour": "12", "place": {"name": "Elsinore"}},
                {"weather": ["cold", "bitter cold"], "depth": 12345678.9, "place": {"name": "x"}},
                {"other": "bitter cold", "key with space": "v", "a.b": "c"},
            ]
            base = fresh() * 1000
            await store.bulk_create(
                "world-state",
                {
                    f"w-{n}": {**HEAD, "id": base + n, "nonce": f"w-{n}", "content": {"data": data}}
                    for n, data in enumerate(documents)
                },
            )
            await store.refresh("world-state")
            at = "content.data"
            assert await matching(store, f"{at}.weather", "bitter cold") == {"w-1", "w-2"}
            assert await matching(store, f"{at}.Weather", "Bitter cold") == {"w-0"}
            assert await matching(store, at, "bitter cold") == {"w-1", "w-2", "w-3"}
            assert await matching(store, f"{at}.hour", "12") == {"w-0", "w-1"}
            assert await matching(store, f"{at}.dark", "true") == {"w-0"}
            assert await matching(store, f"{at}.depth", "12345678.9") == {"w-2"}
            assert await matching(store, f"{at}.place.name", "Elsinore") == {"w-1"}
            assert await matching(store, f"{at}.key with space", "v") == {"w-3"}
            assert await matching(store, f"{at}.a.b", "c") == {"w-3"}
            assert await matching(store, f"{at}.name", "Elsinore") == set()

    asyncio.run(run())


def test_a_thousand_keys_do_not_grow_the_mapping(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            path = f"/{store.name('world-state')}/_mapping"
            before = await store.administer("GET", path)
            await store.bulk_create(
                "world-state",
                {
                    f"k-{n}": {
                        **HEAD,
                        "id": 10_000_000 + n,
                        "nonce": f"k-{n}",
                        "content": {"data": {f"key {n}": n, "deep": {f"k{n}": {"x": n}}}},
                    }
                    for n in range(1000)
                },
            )
            await store.refresh("world-state")
            assert await matching(store, "content.data.key 777", "777") == {"k-777"}
            assert await matching(store, "content.data.deep.k77.x", "77") == {"k-77"}
            assert await store.administer("GET", path) == before

    asyncio.run(run())


def test_the_largest_free_data_that_is_let_in_can_be_stored(node_url: str, prefix: str) -> None:
    """The bounds of `http.free_data`: one value with all its keys is one term of the index, and a
    longer one would be refused, the whole document with it."""
    from story_services.common.http import free_data

    value: Any = "👍" * free_data.VALUE
    for _ in range(free_data.DEPTH):
        value = {"👍" * free_data.KEY: value}
    free_data.check_data(value)
    wide = {f"key {n}": f"value {n}" for n in range(free_data.ENTRIES)}
    free_data.check_data(wide)

    async def run() -> None:
        async with a_store(node_url, prefix, store_deadline=10) as store:
            for data in (value, wide):
                id = f"x-{fresh()}"
                source = {**HEAD, "nonce": id, "content": {"data": data}}
                await store.create("world-state", id, source)
                found = await store.get("world-state", id)
                assert found is not None
                assert found.source == source

    asyncio.run(run())


@pytest.mark.parametrize("index", indices.NAMES)
def test_what_no_mapping_knows_is_refused(node_url: str, prefix: str, index: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            with pytest.raises(StoreDefect):
                await store.write(index, "x", {"nonce": "x", "unheardOf": 1})
            if index not in ("key", "order", "version"):
                with pytest.raises(StoreDefect):
                    await store.write(index, "x", {**HEAD, "content": {"unheardOf": 1}})

    asyncio.run(run())

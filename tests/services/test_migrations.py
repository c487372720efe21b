"""Migrations on the real node while clients write: nothing lost, nothing twice, killed or not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from story_services.common.errors import Unavailable
from story_services.common.store import indices
from story_services.common.store.client import Store, StoreConflict, Token
from story_services.common.store.copying import MigrationError
from story_services.common.store.migrate import Migration
from story_services.common.store.migration_plan import Goal, Report
from tests.services.migrate_support import next_form, next_goal
from tests.services.store_support import Fate, Seen, a_store, fresh, middleman, word

STEPS = [
    *("copy", "hold", "last copy", "change over", "remove"),
    *(pytest.param(step, marks=pytest.mark.long)
      for step in ("create", "compare", "purge", "copy+", "mark", "unlock")),
]  # fmt: skip


@pytest.fixture
def prefix(node_url: str, index_prefix: str) -> str:
    """One index by itself, which is enough for a migration."""

    async def make() -> None:
        async with a_store(node_url, index_prefix) as store:
            aliases: dict[str, Any] = {store.name(a): {} for a in indices.aliases_of("element")}
            path = f"/{store.name('element-v1')}"
            await store.administer("PUT", path, {**indices.body("element"), "aliases": aliases})

    asyncio.run(make())
    return index_prefix


def migration(store: Store, **how: Any) -> Migration:
    """One that does not wait long for others' searches."""
    return Migration(store, **{"grace_s": 0.3, **how})


@dataclass
class Writers:
    """Clients that write all the time, each with tokens it holds on to. `acknowledged` has the
    newest value of each document that a client was told of."""

    stores: list[Store]
    acknowledged: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unavailable: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    stop: bool = False

    async def run(self, name: int) -> None:
        """Create a document, change it some times, create the next one."""
        store = self.stores[name % len(self.stores)]
        loop = asyncio.get_running_loop()
        while not self.stop:
            await asyncio.sleep(0.01)  # leaves the machine to the others, too
            n = fresh()
            id = f"spokenWord-{n}"
            token: Token | None = None
            for value in range(5):
                source = word(n, version=value + 1, nonce=f"{n}-{value}", scope=[100])
                began = loop.time()
                while True:
                    try:
                        if token is None:
                            token = await store.create("element", id, source)
                        else:
                            token = await store.put("element", id, source, token)
                        break
                    except Unavailable as error:
                        self.unavailable[error.code] += 1
                self.longest = max(self.longest, loop.time() - began)
                self.acknowledged[id] = value + 1
                if self.stop:
                    return
            if n % 5 == 0:
                await self._delete(store, id)

    async def _delete(self, store: Store, id: str) -> None:
        while id in self.acknowledged:
            try:
                await store.delete("element", [id])
                if await store.get("element", id) is None:
                    del self.acknowledged[id]
                    self.deleted.add(id)
            except Unavailable as error:
                self.unavailable[error.code] += 1

    async def check(self) -> None:
        """Every acknowledged value is there, by id and by search, and nothing else."""
        store = self.stores[0]
        found = await store.mget("element", list(self.acknowledged))
        assert {id: d.source["version"] for id, d in found.items()} == self.acknowledged
        await store.refresh("element")
        query = {"term": {"scope": 100}}
        searched = [d.id async for d in store.search_all("element", query, sort=["id"])]
        twice = [id for id, times in Counter(searched).items() if times > 1]
        assert not twice
        assert set(self.acknowledged) <= set(searched)
        assert not self.deleted & set(searched)
        logged = [d.id async for d in store.search_all("log", query, sort=["id"])]
        assert sorted(logged) == sorted(searched)


@asynccontextmanager
async def writing(
    url: str, prefix: str, clients: int = 6, store_deadline: float = 1.8
) -> AsyncIterator[Writers]:
    """Clients of two processes, writing until the end, and what they were told checked then."""
    limit = {"store_deadline": store_deadline}
    async with a_store(url, prefix, **limit) as one, a_store(url, prefix, **limit) as other:
        writers = Writers([one, other])
        tasks = [asyncio.create_task(writers.run(n)) for n in range(clients)]
        try:
            yield writers
        finally:
            writers.stop = True
            await asyncio.gather(*tasks)
        await writers.check()


async def wait_for(writers: Writers, more: int) -> None:
    """Until so many more documents were acknowledged."""
    goal = len(writers.acknowledged) + more
    while len(writers.acknowledged) < goal:
        await asyncio.sleep(0.01)


def test_nothing_is_lost_or_doubled_while_clients_write(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with (
            a_store(node_url, prefix) as operator,
            writing(node_url, prefix, store_deadline=20) as writers,
        ):
            await wait_for(writers, 30)
            before = (await indices.behind(operator))["element"]
            goal = await next_goal(operator, "element")
            (report,) = await migration(operator).run([goal])
            await wait_for(writers, 30)
            after = (await indices.behind(operator))["element"]
            assert after.version == before.version + 1
            assert report.documents >= 30
            assert report.copied >= report.documents
            assert not writers.unavailable
            assert await migration(operator).run([goal]) == []
            with pytest.raises(Unavailable):  # the old index is gone
                await operator.search(f"element-v{before.version}", {})
            print(report, f"longest write {writers.longest:.2f} s")
        async with a_store(node_url, prefix) as store:
            one = next(iter(writers.acknowledged))
            found = await store.get("element", one)
            assert found is not None
            assert found.source["version"] == writers.acknowledged[one]

    asyncio.run(run())


def test_tokens_mean_in_the_new_index_what_they_meant(node_url: str, prefix: str) -> None:
    """The numbers begin anew there, so that an overtaken token has the numbers of the newest
    write: only the index it is from tells them apart."""

    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            stale = await store.create("element", "spokenWord-1", word())
            newest = await store.put("element", "spokenWord-1", word(nonce="newest"), stale)
            await migration(store).run([await next_goal(store, "element")])
            found = await store.get("element", "spokenWord-1")
            assert found is not None
            assert found.token is not None
            assert found.token[:2] == stale[:2]
            late = word(nonce="late")
            with pytest.raises(StoreConflict):
                await store.put("element", "spokenWord-1", late, stale)
            assert await store.bulk_put("element", [("spokenWord-1", late, stale)]) == {
                "spokenWord-1": None
            }
            await store.put("element", "spokenWord-1", word(nonce="next"), newest)
            two = await store.create("element", "spokenWord-2", word(2))
            three = await store.create("element", "spokenWord-3", word(3))
            await migration(store).run([await next_goal(store, "element")])
            done = await store.bulk_put(
                "element",
                [("spokenWord-2", word(2, nonce="x"), two), ("spokenWord-3", word(), three)],
            )
            assert all(done.values())
            before = done["spokenWord-3"]
            assert before is not None
            await migration(store).run([await next_goal(store, "element")])
            await store.delete("element", {"spokenWord-2": two, "spokenWord-3": before})
            assert await store.get("element", "spokenWord-2") is not None
            assert await store.get("element", "spokenWord-3") is None

    asyncio.run(run())


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_goes_on_from_there(node_url: str, prefix: str, step: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as operator, writing(node_url, prefix) as writers:
            await wait_for(writers, 10)
            version = (await indices.behind(operator))["element"].version
            goal = await next_goal(operator, "element")
            killed = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.services.migrate_support"),
                *(node_url, prefix, "element", step),
                stdout=subprocess.DEVNULL,
            )
            assert await killed.wait() == -9
            if step not in ("last copy", "change over"):  # writes go on without it
                await wait_for(writers, 5)
            await migration(operator).run([goal])
            assert (await indices.behind(operator))["element"].version == version + 1
            await wait_for(writers, 5)
        names = httpx.get(f"{node_url}/_cat/indices/{prefix}element*?h=index").text.split()
        assert names == [f"{prefix}element-v{version + 1}"]

    asyncio.run(run())


@pytest.mark.parametrize("fate", [Fate.LOSE_ANSWER, Fate.LOSE_REQUEST, Fate.LATE])
def test_a_change_over_that_nobody_heard_of_is_not_undone(
    node_url: str, prefix: str, fate: Fate
) -> None:
    """Late: the request to change the aliases reaches the node after the run has given up."""

    async def run() -> None:
        async with (
            middleman(node_url) as between,
            a_store(between.url, prefix) as operator,
            writing(node_url, prefix) as writers,
        ):
            await wait_for(writers, 10)
            version = (await indices.behind(operator))["element"].version
            goal = await next_goal(operator, "element")
            left = [fate]

            def plan(seen: Seen) -> Fate:
                changes = seen.uri == "/_aliases" and b'"add"' in seen.body
                return left.pop() if changes and left else Fate.PASS

            between.plan, between.late_after = plan, 8
            try:
                await migration(operator, longest_s=6).run([goal])
                done = True
            except (MigrationError, Unavailable):
                done = False
            assert done == (fate is Fate.LOSE_ANSWER)
            await asyncio.gather(*between.late)
            await wait_for(writers, 10)
            assert (await indices.behind(operator))["element"].version == version + done
            await migration(operator).run([goal])
            assert (await indices.behind(operator))["element"].version == version + 1

    asyncio.run(run())


def test_a_copy_that_is_not_the_same_is_refused(node_url: str, prefix: str) -> None:
    async def run() -> None:
        n = fresh()
        async with a_store(node_url, prefix) as operator:
            await operator.create("element", f"spokenWord-{n}", word(n))
            before = (await indices.behind(operator))["element"]
            goal = await next_goal(operator, "element")
            new = f"{prefix}element-v{goal.version}"

            def tamper(step: str) -> None:
                if step == "compare":
                    body = next_form(word(n, deleted=True))
                    httpx.put(f"{node_url}/{new}/_doc/spokenWord-{n}", json=body).raise_for_status()

            with pytest.raises(MigrationError, match=f"spokenWord-{n}"):
                await migration(operator, at=tamper).run([goal])
            assert (await indices.behind(operator))["element"] == before
            m = fresh()
            await operator.create("element", f"spokenWord-{m}", word(m))
            with pytest.raises(MigrationError, match="Remove"):
                await migration(operator).run([goal])
            httpx.delete(f"{node_url}/{new}").raise_for_status()
            await migration(operator).run([goal])
            found = await operator.get("element", f"spokenWord-{n}")
            assert found is not None
            assert found.source["deleted"] is False

    asyncio.run(run())


@pytest.mark.parametrize("when", ["at once", "while writes are held"])
def test_a_document_without_a_new_form_stops_it_harmlessly(
    node_url: str, prefix: str, when: str
) -> None:
    async def run() -> None:
        n = fresh()
        async with a_store(node_url, prefix) as operator:
            before = (await indices.behind(operator))["element"]
            goal = await next_goal(operator, "element")

            def change(source: Mapping[str, Any]) -> Mapping[str, Any]:
                if source["id"] == n:
                    raise ValueError("no such mood")
                return next_form(source)

            def write(step: str) -> None:
                if step == ("copy" if when == "at once" else "hold"):
                    url = f"{node_url}/{prefix}element/_doc/spokenWord-{n}"
                    httpx.put(url, json=word(n)).raise_for_status()

            goal = Goal(goal.index, goal.version, goal.body, change)
            with pytest.raises(MigrationError, match=f"spokenWord-{n} .*no such mood"):
                await migration(operator, at=write).run([goal])
            assert (await indices.behind(operator))["element"] == before
            await operator.write("element", f"spokenWord-{n}", word(n, version=2))
            await operator.delete("element", [f"spokenWord-{n}"])
            await migration(operator).run([goal])

    asyncio.run(run())


def test_writes_are_not_held_longer_than_was_said(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as operator, writing(node_url, prefix) as writers:
            await wait_for(writers, 10)
            before = (await indices.behind(operator))["element"]
            goal = await next_goal(operator, "element")
            with pytest.raises(MigrationError, match="in time"):
                await migration(operator, longest_s=0.001).run([goal])
            assert (await indices.behind(operator))["element"] == before
            await wait_for(writers, 10)

    asyncio.run(run())


def test_two_migrations_never_overlap(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as one, a_store(node_url, prefix) as other:
            goal = await next_goal(one, "element")
            results = await asyncio.gather(
                migration(one).run([goal]), migration(other).run([goal]), return_exceptions=True
            )
            refused = [r for r in results if isinstance(r, MigrationError)]
            assert len(refused) == 1
            assert "another migration" in str(refused[0])

    asyncio.run(run())


def test_every_index_can_be_migrated(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, index_prefix, made=True) as store:
            await store.create("key", "k", {"nonce": "1", "status": "running"})
            await store.create("key", "gone", {"nonce": "2", "status": "running"})
            await store.create("order", "script-1", {"nonce": "3", "root": "script-1"})
            said: list[str] = []
            wanted = [await next_goal(store, index) for index in indices.NAMES]

            def delete(step: str) -> None:
                if step == "hold" and any("key-v2" in line for line in said[-3:]):
                    httpx.delete(f"{node_url}/{index_prefix}key/_doc/gone").raise_for_status()

            reports: list[Report] = await migration(store, say=said.append, at=delete).run(wanted)
            assert [r.index for r in reports] == list(indices.NAMES)
            assert {g.version for g in (await indices.behind(store)).values()} == {2}
            assert await store.get("key", "gone") is None
            for index, id in (("key", "k"), ("order", "script-1")):
                found = await store.get(index, id)
                assert found is not None
                assert found.source["migrations"] == 1
            with pytest.raises(StoreConflict):
                await store.create("key", "k", {"nonce": "9"})
            with pytest.raises(Unavailable) as error:  # this program is the older one now
                await indices.ensure(store)
            assert error.value.code == "store_version"

    asyncio.run(run())

"""Moving the data to the indices of this program's version, while the services go on.

For each index that is behind: the new one is made beside it and filled; what is written meanwhile
is copied after, until little is left. Then writes are held back for a moment, in which the rest is
copied, everything is compared, and the aliases change over in one step. Services wait in their
writes during that moment, or answer 503 to be asked again; they read all the time. Tokens that
they hold stay good. No write that was acknowledged is lost, and none is there twice.

It can be killed anywhere and run again: what is there tells where it was. Killed while writes are
held back, they stay so until it is run again. Needs the operator's certificate, as changing
aliases is not open to services. The new form must take what the old program writes, unless the
services are stopped meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from story_services.common.errors import Unavailable
from story_services.common.store import indices
from story_services.common.store.client import Store
from story_services.common.store.copying import Copy, MigrationError, ask
from story_services.common.store.indices import Generation
from story_services.common.store.migration_lock import only_one
from story_services.common.store.migration_plan import Goal, Report, goals
from story_services.common.store.outcomes import Failure, Kind

#: Passes after which writes are held back although a pass still found much to copy.
_PASSES = 10
#: So few writes that holding the others back will not be noticed.
_FEW = 200


@dataclass(frozen=True)
class _Found:
    """Aliases of an index by their full names, and what it says of itself."""

    aliases: set[str]
    meta: Mapping[str, Any]


@dataclass
class Migration:
    """One run. `say` is told what happens, `at` the name of each step before it is taken; writes
    are held back for at most `longest_s` seconds, then the run gives up and changes nothing.
    Searches that began before a change may look at the old index for `grace_s` more seconds."""

    store: Store
    say: Callable[[str], None] = lambda _: None
    at: Callable[[str], None] = lambda _: None
    longest_s: float = 15.0
    grace_s: float = 3.0
    take_over: bool = False

    async def run(self, wanted: Sequence[Goal] | None = None) -> list[Report]:
        """Migrate whatever is behind its goal. Raises MigrationError, Unavailable, StoreDefect;
        indices that were done stay done."""
        wanted = goals() if wanted is None else wanted
        reports = []
        async with only_one(self.store, self.take_over):
            for goal in wanted:
                report = await self._one(goal)
                if report:
                    reports.append(report)
            if reports:
                await asyncio.sleep(self.grace_s)
            for goal in wanted:
                await self._remove_replaced(goal)
            self.at("unlock")
        return reports

    async def _one(self, goal: Goal) -> Report | None:
        began = time.monotonic()
        now = (await self._behind()).get(goal.index)
        if now is None:
            raise MigrationError(f"{self.store.name(goal.index)} is not there; start a service")
        new = self.store.name(indices.generation_name(goal.index, goal.version))
        if now.version > goal.version:
            raise MigrationError(f"{now.name} is newer than this program; run the newer one")
        if now.name == new:
            return None
        self.say(f"{now.name} -> {new}")
        report = Report(goal.index, now.name, new)
        incoming = await self._prepare(goal, now, new)
        if incoming:
            copy = Copy(self.store, now.name, incoming, goal.change)
            await self._hold_and_finish(copy, await self._fill(copy, report), report)
        report.seconds = time.monotonic() - began
        self.say(
            f"{new}: {report.documents} documents, writes held back {report.held_s:.2f} s, "
            f"{report.seconds:.1f} s in all"
        )
        return report

    async def _behind(self) -> dict[str, Generation]:
        try:
            return await indices.behind(self.store)
        except Failure as failure:
            raise failure.error() from failure

    async def _prepare(self, goal: Goal, now: Generation, new: str) -> str | None:
        """The new index is there, empty or as far as an earlier run came with the same goal.
        Returns the alias through which this run's copies go in; None when an earlier run's
        change of the aliases came through after all."""
        incoming = self.store.name(f"{goal.index}-incoming-{secrets.token_hex(4)}")
        if found := await self._look(new):
            if found.meta.get("copyOf") != now.name:
                raise MigrationError(f"{new} is there and no copy of {now.name}: remove it first")
            # A run that was killed may have left a change of the aliases on its way.
            await self._remove_aliases(new, found.aliases)
            if (await self._behind())[goal.index].name == new:
                return None
        await self._release(now.name)
        if found and found.meta.get("digest") == goal.body["mappings"]["_meta"]["digest"]:
            await ask(self.store, "PUT", f"/{new}/_alias/{incoming}")
            return incoming
        if found:
            self.say(f"{new} is of another draft: beginning anew")
            await ask(self.store, "DELETE", f"/{new}")
        self.at("create")
        mapping = goal.body["mappings"]
        marked = {**mapping, "_meta": {**mapping["_meta"], "copyOf": now.name}}
        body = {**goal.body, "mappings": marked, "aliases": {incoming: {}}}
        try:
            await self.store.administer("PUT", f"/{new}", body)
        except Failure as failure:
            if failure.kind is not Kind.EXISTS:  # the answer to this very request may be lost
                raise failure.error() from failure
        return incoming

    async def _remove_aliases(self, name: str, aliases: Iterable[str]) -> None:
        """Remove incoming aliases, so that no change that needs one can be made any more."""
        for alias in aliases:
            if "-incoming-" not in alias:
                continue
            remove = {"index": name, "alias": alias, "must_exist": True}
            try:
                await ask(self.store, "POST", "/_aliases", {"actions": [{"remove": remove}]})
            except Unavailable as error:
                if error.code != "store_not_ready":  # else it is gone already
                    raise

    async def _look(self, name: str) -> _Found | None:
        try:
            aliases = await self.store.look(f"/{name}/_alias")
            told = await self.store.look(f"/{name}/_mapping")
        except Failure as failure:
            if failure.kind is Kind.NOT_READY:
                return None
            raise failure.error() from failure
        return _Found(set(aliases[name]["aliases"]), told[name]["mappings"].get("_meta", {}))

    async def _fill(self, copy: Copy, report: Report) -> int:
        """Copy and compare until little is left; returns up to which write that was done."""
        done = await self._follow(copy, -1, report, compare=False)
        self.at("compare")
        report.compared = await copy.verify(-1, done)
        self.at("purge")
        report.removed = await copy.purge()
        return await self._follow(copy, done, report, compare=True)

    async def _follow(self, copy: Copy, done: int, report: Report, *, compare: bool) -> int:
        """Passes over what was written after `done`, until one finds few."""
        for _ in range(_PASSES):
            self.at("copy")
            upto = await copy.checkpoint()
            await copy.refresh()
            copied = await copy.sync(done, upto)
            if compare:
                report.compared += await copy.verify(done, upto)
            report.copied += copied
            report.passes += 1
            few, done = upto - done <= _FEW, upto
            self.say(f"pass {report.passes}: {copied} copied")
            if few:
                break
        return done

    async def _hold_and_finish(self, copy: Copy, done: int, report: Report) -> None:
        self.at("mark")
        await self._mark_replaced(report.old, report.new)
        began = time.monotonic()
        try:
            self.at("hold")
            await ask(self.store, "PUT", f"/{report.old}/_block/write")
            async with asyncio.timeout(self.longest_s):
                await self._finish(copy, done, report)
        except TimeoutError:
            self.say(f"what was left took longer than {self.longest_s} s")
        finally:
            replaced = await asyncio.shield(self._let_go(copy, report))
            report.held_s = time.monotonic() - began
        if not replaced:
            raise MigrationError(
                f"{report.old} could not be replaced in time; nothing was changed. Run it again "
                "when less is written"
            )
        if await copy.checkpoint() != report.last or not await copy.at_rest():
            raise MigrationError(
                f"{report.old} was written to after it was compared: it is kept, compare it by "
                f"hand with {report.new}"
            )

    async def _finish(self, copy: Copy, done: int, report: Report) -> None:
        """With nobody writing: the rest, the last comparison, and the change."""
        while not await copy.at_rest():
            await asyncio.sleep(0.01)
        report.last = await copy.checkpoint()
        await copy.refresh()
        self.at("last copy")
        report.copied += await copy.sync(done, report.last)
        report.compared += await copy.verify(done, report.last)
        before, after = await copy.counts()
        if before != after:
            self.at("last purge")
            report.removed += await copy.purge()
            before, after = await copy.counts()
        if before != after:
            raise MigrationError(
                f"{report.old} has {before} documents, {report.new} has {after}: not changed over"
            )
        report.documents = after
        self.at("change over")
        await self._change_over(copy, report)

    async def _change_over(self, copy: Copy, report: Report) -> None:
        incoming = {"index": report.new, "alias": copy.new, "must_exist": True}
        actions: list[dict[str, Any]] = [{"remove": incoming}]
        for alias in map(self.store.name, indices.aliases_of(report.index)):
            actions.append({"remove": {"index": report.old, "alias": alias, "must_exist": True}})
            actions.append({"add": {"index": report.new, "alias": alias}})
        try:
            await self.store.administer("POST", "/_aliases", {"actions": actions})
        except Failure as failure:
            # Its answer may be lost, or it may be the answer to its own repetition.
            if not await self._is_replaced(report):
                raise failure.error() from failure

    async def _is_replaced(self, report: Report) -> bool:
        return (await self._behind())[report.index].name == report.new

    async def _let_go(self, copy: Copy, report: Report) -> bool:
        """Let the services write again, to the old index unless it was replaced; returns whether
        it was. The change of the aliases may still be on its way: it is made impossible before
        anybody can write to the old index."""
        if await self._is_replaced(report):
            return True
        await self._remove_aliases(report.new, [copy.new])
        if await self._is_replaced(report):
            return True
        await self._release(report.old)
        return False

    async def _release(self, name: str) -> None:
        await ask(self.store, "PUT", f"/{name}/_settings", {"index.blocks.write": None})

    async def _mark_replaced(self, old: str, new: str) -> None:
        told = await ask(self.store, "GET", f"/{old}/_mapping")
        meta = {**told[old]["mappings"].get("_meta", {}), "replacedBy": new}
        await ask(self.store, "PUT", f"/{old}/_mapping", {"_meta": meta})

    async def _remove_replaced(self, goal: Goal) -> None:
        """Remove earlier generations that say they are replaced and that nothing leads to."""
        for number in range(goal.version):
            name = self.store.name(indices.generation_name(goal.index, number))
            found = await self._look(name)
            if found and "replacedBy" in found.meta and not found.aliases:
                self.at("remove")
                await ask(self.store, "DELETE", f"/{name}")

"""Every deed cut off at every one of its writes: callers see all of it or nothing, and when the
request is repeated it ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from story_services.common.context import Context
from story_services.common.errors import NotFound, ServiceError
from story_services.common.records import Why
from tests.services.core import core
from tests.services.kills_deeds import DEEDS, LARGE, Deed, Ground, ground, picture, reason
from tests.services.kills_store import Call, Hooked, Killed
from tests.services.kills_support import SEED_VARIABLE
from tests.services.store_support import a_settings, shared_indices

_MANY = 60  # writes that no deed makes


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the tests of this file share, each with scripts of its own."""
    with shared_indices(node_url) as made:
        yield made


class Dying(Hooked):
    """A store that dies at its nth write: before it, or when a bulk is half done."""

    def __init__(self, url: str, prefix: str, left: int, half: bool) -> None:
        super().__init__(a_settings(url, prefix))
        self.left, self.half = left, half
        self.at = ""
        self.hook = self._count

    async def _count(self, operation: str, index: str, call: Call) -> Any:
        self.left -= 1
        if self.left >= 0:
            return await call()
        if not self.at:
            self.at = f"{operation} {index}"
            if self.half and operation.startswith("bulk"):
                self.at += ", half of it"
                await call(1)
        raise Killed


async def cut_off(
    url: str, prefix: str, deed: Deed, g: Ground, why: Why, at: int, half: bool
) -> str:
    """Do it in a process that dies at a write; at which one, empty when it came to its end."""
    store = Dying(url, prefix, at, half)
    context = Context(a_settings(url, prefix), store)
    try:
        await deed.act(context, g, why)
    except Killed:
        return store.at
    finally:
        await context.close()
    return ""


async def prepared(c: Context, deed: Deed) -> Ground:
    g = await ground(c)
    if deed.prepare:
        await deed.prepare(c, g)
    return g


async def sweep(url: str, prefix: str, deed: Deed, points: list[int], half: bool) -> int:
    """Cut the deed off at these of its writes; how many writes it has."""
    async with core(url, prefix) as c:
        twin = await prepared(c, deed)
        await deed.act(c, twin, reason())
        wanted = await picture(c, twin)
        for at in points:
            g = await prepared(c, deed)
            before = await picture(c, g)
            why = reason(nonce=secrets.token_hex(8), keyed=deed.keyed)
            where = await cut_off(url, prefix, deed, g, why, at, half)
            told = f"{deed.name}, cut off at write {at} ({where or 'its end'})"
            seen = await picture(c, g)
            if deed.partly or not where:
                pass
            else:
                assert seen in (before, wanted), f"{told}: {seen}\n{before}\n{wanted}"
            await finish(c, deed, g, why, told, wanted, before)
            if not where:
                return at
    return max(points)


async def finish(
    c: Context, deed: Deed, g: Ground, why: Why, told: str, wanted: Any, before: Any
) -> None:
    """Repeat the request until it is answered, and once more."""
    for n in range(2):
        again = replace(why, resumed=True) if deed.keyed else reason()
        try:
            await deed.act(c, g, again)
        except ServiceError as error:
            gone = isinstance(error, NotFound) and not deed.keyed  # it was carried out
            assert gone, f"{told}, repeated: {error!r}"  # noqa: PT017 - or it may do
        seen = await picture(c, g)
        assert seen == wanted, f"{told}, repeated {n + 1} times:\n{seen}\n{wanted}"
    if deed.undoable:
        await c.history.undo(g.scripts[0], reason())
        seen = await picture(c, g)
        assert in_order(seen) == in_order(before), f"{told}, undone:\n{seen}\n{before}"
    await no_ghosts(c, g, told)


def in_order(seen: list[Any]) -> list[Any]:
    """Without numbers: what an undo takes out leaves its slot, where a redo puts it again."""
    return [
        (name, [what[1:] for what in shown]) if isinstance(shown, list) else (name, shown)
        for name, shown, *_ in seen
    ]


async def no_ghosts(c: Context, g: Ground, told: str) -> None:
    """Nothing stands in an order that is not there."""
    for script in g.scripts:
        root = await c.orders.read(f"script-{script}")
        for name, space in root.spaces.items():
            space.check()
            refs = [ref for _, ref in space.live() if not ref.startswith("musicSound-")]
            records = await c.records.get_many(
                (ref.rpartition("-")[0], int(ref.rpartition("-")[2])) for ref in refs
            )
            wrong = [
                ref
                for ref in refs
                if records[ref].deleted or script not in _scripts(records[ref].content)
            ]
            assert not wrong, f"{told}: ghosts among the {name} of a script: {wrong}"


def _scripts(content: Any) -> list[int]:
    return list(content.get("scriptIds") or [content["scriptId"]])


def all_points(url: str, prefix: str, deed: Deed, half: bool) -> None:
    last = asyncio.run(sweep(url, prefix, deed, list(range(_MANY)), half))
    assert last < _MANY - 1, f"{deed.name} never came to its end"


@pytest.mark.parametrize("deed", DEEDS, ids=lambda d: d.name.replace(" ", "-"))
def test_a_deed_cut_off_somewhere_is_whole_or_nothing(
    node_url: str, prefix: str, deed: Deed
) -> None:
    seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(4)
    chance = random.Random(f"{seed}/{deed.name}")
    points = [chance.randrange(6)]
    try:
        asyncio.run(sweep(node_url, prefix, deed, points, chance.random() < 0.5))
    except BaseException as error:
        error.add_note(f"{SEED_VARIABLE}={seed}")
        raise


@pytest.mark.long
@pytest.mark.parametrize("half", [False, True], ids=["before", "half"])
@pytest.mark.parametrize("deed", [*DEEDS, *LARGE], ids=lambda d: d.name.replace(" ", "-"))
def test_a_deed_cut_off_anywhere_is_whole_or_nothing(
    node_url: str, prefix: str, deed: Deed, half: bool
) -> None:
    all_points(node_url, prefix, deed, half)

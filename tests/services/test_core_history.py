"""Undo and redo on the real store: exact, of everything, and completed when they were cut off."""

from __future__ import annotations

import asyncio
import random

import pytest

from story_services.common.context import Context
from story_services.common.entities import New
from story_services.common.errors import Conflict, NotFound
from story_services.common.order.root import Root
from story_services.common.queries import term
from tests.services.core import core, script, story, why, words


async def contents(c: Context, play: int) -> list[tuple[int | None, int, str]]:
    found = await c.listing.all(["spokenWord"], [term("content.scriptId", play)])
    return [(e.number, e.id, e.content["text"]) for e in found]


def test_a_random_history_is_undone_and_redone_exactly(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        chance = random.Random(20)
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            states = [await contents(c, play)]
            for step in range(30):
                await _random_change(c, play, chance, step)
                states.append(await contents(c, play))
            for expected in reversed(states[:-1]):
                await c.history.undo(play, why("back"))
                assert _order(await contents(c, play)) == _order(expected)
            for expected in states[1:]:
                await c.history.redo(play, why("forth"))
                assert _order(await contents(c, play)) == _order(expected)
            with pytest.raises(Conflict, match="nothing to redo"):
                await c.history.redo(play, why())

    asyncio.run(run())


def _order(state: list[tuple[int | None, int, str]]) -> list[tuple[int, str]]:
    return [(i, text) for _, i, text in state]


async def _random_change(c: Context, play: int, chance: random.Random, step: int) -> None:
    now = await contents(c, play)
    kind = chance.choice(["add", "add", "edit", "delete", "reorder"]) if len(now) > 2 else "add"
    if kind == "add":
        news = [New("spokenWord", words(f"{step}.{n}", play)) for n in range(chance.randint(1, 3))]
        await c.entities.create_many(news, why(f"add {step}"))
        return
    _, chosen, _ = chance.choice(now)
    if kind == "edit":
        await c.entities.update("spokenWord", chosen, {"text": f"edit {step}"}, why())
    elif kind == "delete":
        await c.entities.delete("spokenWord", chosen, why())
    else:
        await reorder(c, play, chosen, 1 if now[0][1] != chosen else 2)


async def reorder(c: Context, play: int, word: int, to: int) -> None:
    def edit(root: Root) -> tuple[Root, None]:
        after = root.space("story").reorder({f"spokenWord-{word}": to})
        return root.with_space("story", after), None

    await c.orders.change(f"script-{play}", edit, why(f"{word} to {to}"))


def test_undo_names_what_it_expects(node_url: str, index_prefix: str) -> None:
    """A person undoes what they saw, not what somebody else did a moment later."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            await c.entities.create("spokenWord", words("mine", play), why("mine"))
            (seen, *_) = [change async for change in c.history.changes(play)]
            await c.entities.create("spokenWord", words("theirs", play), why("theirs"))
            with pytest.raises(Conflict) as refused:
                await c.history.undo(play, why(), expected=seen.change_id)
            assert "theirs" in (refused.value.details or "")
            assert len(await story(c, play)) == 2

    asyncio.run(run())


def test_an_undo_that_was_cut_off_is_completed(node_url: str, index_prefix: str) -> None:
    """Undo of a batch marks many records; a kill half way must not make the rest come back."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            kept = await c.entities.create("spokenWord", words("kept", play), why())
            news = [New("spokenWord", words(str(n), play)) for n in range(4)]
            await c.entities.create_many(news, why("batch"))
            write, done = c.store.bulk_put, 0

            async def cut(index, puts):  # type: ignore[no-untyped-def]
                nonlocal done
                done += 1
                await write(index, list(puts)[:2])
                raise ConnectionAbortedError

            c.store.bulk_put = cut  # type: ignore[method-assign]
            with pytest.raises(ConnectionAbortedError):
                await c.history.undo(play, why())
            c.store.bulk_put = write  # type: ignore[method-assign]
            assert done == 1
            assert await story(c, play) == [kept.record.key]  # invisible at once
            await c.history.undo(play, why())  # completes the first, and nothing else
            assert await story(c, play) == [kept.record.key]
            await c.history.undo(play, why())
            assert await story(c, play) == []

    asyncio.run(run())


def test_undoing_the_creation_of_a_script_removes_it(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            await c.history.undo(play, why())
            with pytest.raises(NotFound):
                await c.entities.get("script", play)
            await c.history.redo(play, why())
            assert (await c.entities.get("script", play)).number == 1

    asyncio.run(run())


def test_the_log_says_who_what_and_why(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why("one"))
            await c.entities.update("spokenWord", word.id, {"text": "y"}, why("two"))
            other = await c.entities.create("spokenWord", words("z", play), why("three"))
            await reorder(c, play, other.id, 1)
            log = [change async for change in c.history.changes(play)]
            assert [(x.action, x.comment) for x in log[:4]] == [
                ("reorder", f"{other.id} to 1"),
                ("create", "three"),
                ("update", "two"),
                ("create", "one"),
            ]
            assert len({x.change_id for x in log}) == len(log)

    asyncio.run(run())

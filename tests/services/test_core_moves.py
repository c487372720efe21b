"""Elements that go from one script to another: with what belongs to them, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from story_services.characters.paraphrases.service import Original, Paraphrases
from story_services.common.errors import Conflict
from tests.services.core import core, script, story, why, words


def _run(what: Coroutine[Any, Any, None]) -> None:
    asyncio.run(what)


@pytest.mark.parametrize("where", [0, 1], ids=["left", "joined"])
def test_a_move_is_one_change_of_both_scripts(node_url: str, index_prefix: str, where: int) -> None:
    async def check() -> None:
        async with core(node_url, index_prefix) as c:
            scripts = [await script(c, "One"), await script(c, "Two")]
            lines = [
                (await c.entities.create("spokenWord", words(f"line {n}", scripts[0]), why())).id
                for n in range(3)
            ]
            fields = {"text": "in other words", "commentary": "-"}
            said = Original("spokenWord", lines[1])
            paraphrase = await Paraphrases(c).create(said, fields, why())
            before = [await story(c, s) for s in scripts]
            changes = {"scriptId": scripts[1], "sectionId": None}
            await c.entities.update("spokenWord", lines[1], changes, why())
            after = [await story(c, s) for s in scripts]
            assert after[1] == [f"spokenWord-{lines[1]}"]
            moved = await c.records.get("paraphrase", paraphrase.id)
            assert moved is not None
            assert moved.scope[0] == scripts[1]
            await c.history.undo(scripts[where], why())
            assert [await story(c, s) for s in scripts] == before
            # To its very number: the slot was kept for it.
            root = await c.orders.read(f"script-{scripts[0]}")
            assert root.space("story").number_of(f"spokenWord-{lines[1]}") == 2
            back = await c.records.get("paraphrase", paraphrase.id)
            assert back is not None
            assert back.scope[0] == scripts[0]
            await c.history.redo(scripts[where], why())
            assert [await story(c, s) for s in scripts] == after

    _run(check())


def test_paraphrases_outlive_the_script_that_their_line_left(
    node_url: str, index_prefix: str
) -> None:
    """They are hidden with the script that they are in, and with no other."""

    async def check() -> None:
        async with core(node_url, index_prefix) as c:
            one, two = await script(c, "One"), await script(c, "Two")
            line = (await c.entities.create("spokenWord", words("line", one), why())).id
            fields = {"text": "in other words", "commentary": "-"}
            made = await Paraphrases(c).create(Original("spokenWord", line), fields, why())
            await c.entities.update("spokenWord", line, {"scriptId": two, "sectionId": None}, why())
            await c.entities.delete("script", one, why())
            assert (await c.entities.get("paraphrase", made.id)).content["text"] == fields["text"]
            listed = (await c.listing.page(["paraphrase"], [])).items
            assert [e.id for e in listed] == [made.id]
            await c.entities.delete("script", two, why())
            assert (await c.listing.page(["paraphrase"], [])).items == []

    _run(check())


def test_a_script_without_the_line_has_nothing_of_it_to_undo(
    node_url: str, index_prefix: str
) -> None:
    """A later change of the line is no change of the script that it left."""

    async def check() -> None:
        async with core(node_url, index_prefix) as c:
            one, two = await script(c, "One"), await script(c, "Two")
            line = (await c.entities.create("spokenWord", words("line", one), why())).id
            changes = {"scriptId": two, "sectionId": None}
            await c.entities.update("spokenWord", line, changes, why())
            await c.entities.update("spokenWord", line, {"text": "changed"}, why())
            with pytest.raises(Conflict):  # the move: what it moved was changed since
                await c.history.undo(one, why())
            await c.history.undo(two, why())
            await c.history.undo(one, why())
            assert await story(c, one) == [f"spokenWord-{line}"]

    _run(check())

"""Entities on the real store: ids, versions, visibility, and what a cut-off write leaves."""

from __future__ import annotations

import asyncio

import pytest

from story_services.common.entities import New
from story_services.common.errors import BadInput, Conflict, NotFound
from story_services.common.queries import term
from story_services.common.store.records import Draft
from tests.services.core import core, script, story, why, words


def test_ids_are_given_once_by_two_processes(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as one, core(node_url, index_prefix) as other:
            play = await script(one)
            made = await asyncio.gather(
                *(
                    context.entities.create("spokenWord", words(str(n), play), why())
                    for n in range(30)
                    for context in (one, other)
                )
            )
            assert len({e.id for e in made}) == 60
            assert sorted(e.number or 0 for e in made) == list(range(1, 61))

    asyncio.run(run())


def test_a_lost_race_tells_who_won_and_merges_nothing(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("first", play), why())
            results = await asyncio.gather(
                *(c.entities.update("spokenWord", word.id, {"text": t}, why(t)) for t in "ab"),
                return_exceptions=True,
            )
            lost = [r for r in results if isinstance(r, Conflict)]
            won = [r for r in results if not isinstance(r, BaseException)]
            assert len(lost) == 1
            assert won[0].record.version == 2
            assert f"by tester at {won[0].record.updated_at}" in (lost[0].details or "")
            with pytest.raises(Conflict):
                await c.entities.update("spokenWord", word.id, {"text": "c"}, why(), expected=1)

    asyncio.run(run())


def test_versions_keep_who_why_and_what(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("one", play), why("new"))
            await c.entities.update("spokenWord", word.id, {"text": "two"}, why("better"))
            same = await c.entities.update("spokenWord", word.id, {"text": "two"}, why("again"))
            assert same.record.version == 2  # nothing changed, so no version was made
            await c.entities.delete("spokenWord", word.id, why("gone"))
            current = await c.records.get("spokenWord", word.id)
            assert current is not None
            versions = await c.records.versions(current)
            assert [(v.version, v.action, v.comment, v.content["text"]) for v in versions] == [
                (1, "create", "new", "one"),
                (2, "update", "better", "two"),
                (3, "delete", "gone", "two"),
            ]
            back = await c.entities.restore("spokenWord", word.id, 1, why())
            assert (back.number, back.content["text"], back.record.version) == (1, "one", 4)

    asyncio.run(run())


def test_what_has_no_number_is_not_there(node_url: str, index_prefix: str) -> None:
    """A kill between record and order leaves a record that nobody was promised."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            (orphan,) = await c.records.create(
                [Draft("spokenWord", words("lost", play), (play,))], why()
            )
            with pytest.raises(NotFound):
                await c.entities.get("spokenWord", orphan.id)
            found = await c.listing.page(
                ["spokenWord"], [term("content.scriptId", play)], in_order=True
            )
            assert (found.items, found.total) == ([], 0)
            assert (await c.listing.page(["spokenWord"], limit=10)).items == []
            with pytest.raises(Conflict, match="nothing to redo"):
                await c.history.redo(play, why())

    asyncio.run(run())


def test_a_resumed_creation_takes_up_what_was_written(node_url: str, index_prefix: str) -> None:
    """The same request after a kill: its records are found again by the nonce, none is doubled."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            drafts = [Draft("spokenWord", words(str(n), play), (play,)) for n in range(3)]
            first = why(nonce="request-1")
            written = await c.records.create(drafts[:2], first)  # then it was killed
            news = [New(d.kind, d.content) for d in drafts]
            made = await c.entities.create_many(news, why(nonce="request-1", resumed=True))
            assert [e.id for e in made][:2] == [r.id for r in written]
            assert [e.content["text"] for e in made] == ["0", "1", "2"]
            assert len(await story(c, play)) == 3

    asyncio.run(run())


def test_half_a_deletion_is_completed_by_the_next(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why())
            space = next(iter(word.numbers))
            await c.numbering.remove({space: [word.record.key]})  # then it was killed
            with pytest.raises(NotFound):
                await c.entities.get("spokenWord", word.id)
            await c.entities.delete("spokenWord", word.id, why())
            with pytest.raises(NotFound):
                await c.entities.delete("spokenWord", word.id, why())

    asyncio.run(run())


def test_moving_to_another_script_takes_a_new_number(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            here, there = await script(c), await script(c)
            one = await c.entities.create("spokenWord", words("1", here), why())
            two = await c.entities.create("spokenWord", words("2", here), why())
            await c.entities.create("spokenWord", words("3", there), why())
            moved = await c.entities.update("spokenWord", one.id, {"scriptId": there}, why())
            assert moved.number == 2
            assert await story(c, here) == [two.record.key]
            assert len(await story(c, there)) == 2
            assert two.number == 2  # and keeps it: only a reorder closes gaps

    asyncio.run(run())


def test_a_deleted_script_hides_what_is_in_it(node_url: str, index_prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play, other = await script(c), await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why())
            await c.entities.create("spokenWord", words("y", other), why())
            await c.entities.delete("script", play, why())
            with pytest.raises(NotFound):
                await c.entities.get("spokenWord", word.id)
            found = await c.listing.page(["spokenWord"], limit=10)
            assert ([e.content["text"] for e in found.items], found.total) == (["y"], 1)
            with pytest.raises(BadInput, match="not valid"):
                await c.entities.existing("script", [play], "scriptId")
            await c.entities.restore("script", play, 1, why())
            assert (await c.entities.get("spokenWord", word.id)).number == 1

    asyncio.run(run())


def test_housekeeping_clears_what_nobody_was_told_of(node_url: str, index_prefix: str) -> None:
    """And leaves alone what exists, what is new, and what a resumed request still wants."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            kept = await c.entities.create("spokenWord", words("kept", play), why())
            draft = Draft("spokenWord", words("lost", play), (play,))
            await c.records.create([draft], why(nonce="cut"))
            assert (await c.housekeeping.round())[0] == 0  # too new to tell
            assert (await c.listing.page(["spokenWord"], limit=1)).total == 2
            assert (await c.housekeeping.round(grace_us=0))[0] == 1
            assert (await c.housekeeping.round(grace_us=0))[0] == 0
            found = await c.listing.page(["spokenWord"], limit=5)
            assert ([e.id for e in found.items], found.total) == ([kept.id], 1)
            news = [New("spokenWord", words("lost", play))]
            (again,) = await c.entities.create_many(news, why(nonce="cut", resumed=True))
            assert (await c.entities.get("spokenWord", again.id)).number == 2

    asyncio.run(run())


def test_a_resumed_creation_knows_its_record_after_a_change(
    node_url: str, index_prefix: str
) -> None:
    """It was numbered but not answered; somebody saw it and changed it before the retry."""

    async def run() -> None:
        async with core(node_url, index_prefix) as c:
            play = await script(c)
            news = [New("spokenWord", words("x", play))]
            (first,) = await c.entities.create_many(news, why(nonce="cut"))
            await c.entities.update("spokenWord", first.id, {"text": "y"}, why())
            (again,) = await c.entities.create_many(news, why(nonce="cut", resumed=True))
            assert (again.id, again.content["text"]) == (first.id, "y")
            assert len(await story(c, play)) == 1

    asyncio.run(run())

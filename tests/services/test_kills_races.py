"""Two changes of the same thing that meet, and answers that get lost while they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from story_services.common.context import Context
from story_services.common.entities import New
from story_services.common.errors import Conflict, NotFound, Unavailable
from story_services.common.http.idempotency import Fresh
from story_services.common.kinds import KINDS
from story_services.common.queries import term
from story_services.common.records import Why
from story_services.common.store.records import Draft
from tests.services.core import core, script, story, why, words
from tests.services.kills_store import Call, Killed, after, at, hooked, late, overtaken
from tests.services.store_support import shared_indices


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    """Indices that the tests of this file share, each with scripts of its own."""
    with shared_indices(node_url) as made:
        yield made


async def texts(c: Context, word: int) -> list[str]:
    """What each version of a spoken word said."""
    current = await c.records.get("spokenWord", word)
    assert current is not None
    versions = await c.records.versions(current)
    assert [v.version for v in versions] == list(range(1, current.version + 1))
    return [v.content["text"] for v in versions]


def test_a_change_that_was_overtaken_before_its_answer_came_is_done(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            play = await script(a)
            word = await a.entities.create("spokenWord", words("one", play), why())
            change = b.entities.update
            theirs = lambda: change("spokenWord", word.id, {"text": "theirs"}, why())  # noqa: E731
            store.hook = at("put", "element", overtaken(theirs))
            mine = await a.entities.update("spokenWord", word.id, {"text": "mine"}, why())
            assert (mine.record.version, mine.content["text"]) == (2, "mine")
            assert await texts(a, word.id) == ["one", "mine", "theirs"]

    asyncio.run(run())


def test_a_creation_that_was_overtaken_before_its_answer_came_is_done_once(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            content = {"kind": "weather", "description": None, "data": {}}
            content |= dict.fromkeys(("scriptId", "sessionId", "fromSequence", "toSequence"))

            async def theirs() -> None:
                (found,) = (await b.listing.page(["worldState"])).items
                await b.entities.update("worldState", found.id, {"kind": "storm"}, why())

            store.hook = at("create", "world-state", overtaken(theirs))
            made = await a.entities.create("worldState", content, why())
            assert made.content["kind"] == "weather"
            (found,) = (await b.listing.page(["worldState"])).items
            assert (found.id, found.content["kind"]) == (made.id, "storm")

    asyncio.run(run())


def test_a_reorder_that_was_overtaken_before_its_answer_came_is_done(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            play = await script(a)
            one, two = await a.entities.create_many(
                [New("spokenWord", words(t, play)) for t in "12"], why()
            )
            root_id = f"script-{play}"

            def first(ref: str):  # type: ignore[no-untyped-def]
                return lambda root: (
                    root.with_space("story", root.space("story").reorder({ref: 1})),
                    ref,
                )

            create = b.entities.create
            added = lambda: create("spokenWord", words("3", play), why())  # noqa: E731
            moved = lambda: b.orders.change(root_id, first(two.record.key), why("theirs"))  # noqa: E731
            for entity, theirs in ((two, added), (one, moved)):
                store.hook = at("put", "order", overtaken(theirs))
                mine = await a.orders.change(root_id, first(entity.record.key), why("mine"))
                assert mine == entity.record.key
            log = [change async for change in b.history.changes(play)]
            moves = [change.comment for change in log if change.action == "reorder"]
            assert moves == ["theirs", "mine", "mine"]
            assert (await story(b, play))[:2] == [two.record.key, one.record.key]

    asyncio.run(run())


def test_a_version_read_before_its_node_lost_it_does_not_stay_in_the_past(
    node_url: str, prefix: str
) -> None:
    """What is read may not be on the disk yet. When the node dies, the version is gone, but the
    copy that somebody made of it to go on from it may be there."""

    async def run() -> None:
        async with core(node_url, prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("one", play), why())
            real = (await c.entities.get("spokenWord", word.id)).record
            lost = replace(real, nonce="lost.1", content={**real.content, "text": "never"})
            await c.records.keep([real])
            await c.store.delete("version", [real.version_key])
            await c.store.bulk_create("version", {real.version_key: lost.document()})
            with pytest.raises(Exception, match="another write"):
                await c.records.keep([replace(real, nonce="other.1")])
            await c.entities.update("spokenWord", word.id, {"text": "two"}, why())
            assert await texts(c, word.id) == ["one", "two"]

    asyncio.run(run())


def test_two_who_move_to_the_same_script_leave_it_there(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            here, there = await script(a), await script(a)
            word = await a.entities.create("spokenWord", words("x", here), why())

            async def move(c: Context) -> None:
                await c.entities.update("spokenWord", word.id, {"scriptId": there}, why())

            store.hook = at("put", "element", after(lambda: move(b)))
            with pytest.raises(Conflict):
                await move(a)
            assert await story(b, there) == [word.record.key]
            assert await story(b, here) == []
            assert (await b.entities.get("spokenWord", word.id)).number == 1

    asyncio.run(run())


def test_one_that_is_moved_back_at_once_is_where_it_was(node_url: str, prefix: str) -> None:
    """The one who moves away takes it out of the old order last, when it is back in there."""

    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            here, there = await script(a), await script(a)
            word = await a.entities.create("spokenWord", words("x", here), why())

            async def back(call: Call) -> object:
                done = await call()
                await b.entities.update("spokenWord", word.id, {"scriptId": here}, why())
                return done

            store.hook = at("put", "element", back)
            await a.entities.update("spokenWord", word.id, {"scriptId": there}, why())
            assert (await b.entities.get("spokenWord", word.id)).number == 1  # its place was kept
            assert await story(b, here) == [word.record.key]
            assert await story(b, there) == []

    asyncio.run(run())


def test_one_that_is_changed_while_it_is_deleted_stays(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            here, there = await script(a), await script(a)
            for n, change in enumerate(({"text": "theirs"}, {"scriptId": there}), 1):
                word = await a.entities.create("spokenWord", words("x", here), why())

                async def meanwhile(change: dict[str, object] = change, i: int = word.id) -> None:
                    await b.entities.restore("spokenWord", i, 1, why())
                    await b.entities.update("spokenWord", i, change, why())

                store.hook = at("put", "element", after(meanwhile))
                with pytest.raises(Conflict):
                    await a.entities.delete("spokenWord", word.id, why())
                assert (await b.entities.get("spokenWord", word.id)).number == 1
                home = await story(b, there if "scriptId" in change else here)
                assert home == [word.record.key]
                if n == 1:
                    await a.entities.delete("spokenWord", word.id, why())
            assert await story(b, here) == []

    asyncio.run(run())


def test_an_undo_that_loses_one_of_many_leaves_that_one_whole(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            play = await script(a)
            news = [New("spokenWord", words(str(n), play)) for n in range(3)]
            made = await a.entities.create_many(news, why())

            async def theirs() -> None:
                before = await b.records.get("spokenWord", made[1].id)
                assert before is not None
                content = {**before.content, "text": "kept"}
                after = before.following(b.clock.change_id(), why(), content=content)
                await b.records.keep([before])
                assert (await b.records.replace_many([(before, after)])) != [None]

            store.hook = at("bulk_put", "element", after(theirs))
            with pytest.raises(Conflict):
                await a.history.undo(play, why())
            assert await story(b, play) == [made[1].record.key]
            kept = await b.entities.get("spokenWord", made[1].id)
            assert (kept.number, kept.content["text"]) == (2, "kept")

    asyncio.run(run())


def test_a_session_that_arrives_after_its_request_was_repeated_is_not_a_second_one(
    node_url: str, prefix: str
) -> None:
    """Sessions carry no number, so what is written is there."""

    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            fields = ("userId", "name", "scriptId", "context", "data", "contextEntries")
            content = {**dict.fromkeys(fields), "name": "once"}
            on_its_way: list[Call] = []
            store.hook = at("create", "session", late(on_its_way))
            first = Why(nonce="request-9", keyed=True)
            with pytest.raises(Unavailable):
                await a.entities.create("session", content, first)
            await b.entities.create("session", {**content, "name": "other"}, why())
            again = replace(first, resumed=True)
            made = await b.entities.create("session", content, again)
            with pytest.raises(Exception, match="another write"):
                await on_its_way[0]()
            assert (await b.entities.create("session", content, again)).id == made.id
            names = [e.content["name"] for e in (await b.listing.page(["session"])).items]
            assert sorted(names) == ["once", "other"]

    asyncio.run(run())


def test_lines_that_arrive_after_their_request_was_repeated_stay_out(
    node_url: str, prefix: str
) -> None:
    """And a third try takes up what the second one published."""

    async def run() -> None:
        async with core(node_url, prefix) as b, hooked(node_url, prefix) as (a, store):
            play = await script(a)
            for n in range(4):
                nonce = f"late-{n}"
                news = [New("spokenWord", words(f"{n}.{k}", play)) for k in range(n or 1)]
                on_its_way: list[Call] = []
                await a.entities.create("spokenWord", words("-", play), why())
                store.hook = at("create|bulk_create", "element", late(on_its_way))
                with pytest.raises(Unavailable):
                    await a.entities.create_many(news, why(nonce=nonce))
                await b.entities.create("spokenWord", words("-", play), why())
                again = why(nonce=nonce, resumed=True)
                second = await b.entities.create_many(news, again)
                before = await story(b, play)
                try:
                    await on_its_way[0]()
                except Exception as error:
                    assert "another write" in str(error)  # noqa: PT017 - it may also fit in
                third = await b.entities.create_many(news, again)
                assert [e.id for e in third] == [e.id for e in second]
                assert await story(b, play) == before

    asyncio.run(run())


def test_a_repeated_creation_knows_what_became_of_its_entity(node_url: str, prefix: str) -> None:
    """Changed, moved or deleted by others since: it is not made again, nor brought back."""

    async def run() -> None:
        async with core(node_url, prefix) as c:
            play, other = await script(c), await script(c)
            first, again = (why(nonce="mine", resumed=resumed) for resumed in (False, True))
            content = words("x", play)
            word = await c.entities.create("spokenWord", content, first)
            await c.entities.update("spokenWord", word.id, {"scriptId": other}, why())
            assert (await c.entities.create("spokenWord", content, again)).id == word.id
            assert (await story(c, play), await story(c, other)) == ([], [word.record.key])
            await c.entities.delete("spokenWord", word.id, why())
            assert (await c.entities.create("spokenWord", content, again)).id == word.id
            assert (await story(c, play), await story(c, other)) == ([], [])
            with pytest.raises(NotFound):
                await c.entities.get("spokenWord", word.id)

    asyncio.run(run())


def test_a_repeated_change_that_others_went_on_from_is_not_made_again(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as c:
            play = await script(c)
            word = await c.entities.create("spokenWord", words("one", play), why())
            first, again = (why(nonce="mine", resumed=resumed) for resumed in (False, True))
            await c.entities.update("spokenWord", word.id, {"text": "mine"}, first)
            await c.entities.update("spokenWord", word.id, {"text": "theirs"}, why())
            done = await c.entities.update("spokenWord", word.id, {"text": "mine"}, again, 1)
            assert (done.record.version, done.content["text"]) == (2, "mine")
            first, again = (why(nonce="back", resumed=resumed) for resumed in (False, True))
            await c.entities.restore("spokenWord", word.id, 1, first)
            await c.entities.update("spokenWord", word.id, {"text": "last"}, why())
            assert (await c.entities.restore("spokenWord", word.id, 1, again)).record.version == 4
            assert await texts(c, word.id) == ["one", "mine", "theirs", "one", "last"]

    asyncio.run(run())


def test_what_was_cut_off_while_it_was_deleted_can_be_restored(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with hooked(node_url, prefix) as (c, store):
            play = await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why())

            store.hook = at("put", "element", die)
            with pytest.raises(Killed):
                await c.entities.delete("spokenWord", word.id, why())
            with pytest.raises(NotFound):
                await c.entities.get("spokenWord", word.id)
            assert (await c.entities.restore("spokenWord", word.id, 1, why())).number == 1
            assert (await c.entities.get("spokenWord", word.id)).number == 1

    asyncio.run(run())


def test_a_repeated_restore_that_was_cut_off_is_completed(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with hooked(node_url, prefix) as (c, store):
            play = await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why())
            await c.entities.delete("spokenWord", word.id, why())
            first, again = (why(nonce="mine", resumed=resumed) for resumed in (False, True))

            store.hook = at("put", "order", die)
            with pytest.raises(Killed):
                await c.entities.restore("spokenWord", word.id, 1, first)
            back = await c.entities.restore("spokenWord", word.id, 1, again)
            assert (back.number, back.record.version) == (1, 3)
            assert (await c.entities.get("spokenWord", word.id)).number == 1

    asyncio.run(run())


async def die(_: Call) -> None:
    raise Killed


def test_a_script_that_was_cut_off_while_it_was_deleted_hides_what_is_in_it(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with hooked(node_url, prefix) as (c, store):
            play = await script(c)
            word = await c.entities.create("spokenWord", words("x", play), why())
            content = {"originalType": "spokenWord", "originalId": word.id, "text": "y"}
            content |= dict.fromkeys(("commentary", "style", "sessionId", "contextRevision"))
            wording = await c.entities.create("paraphrase", content, why())
            for kind, entity_id in (("spokenWord", word.id), ("script", play)):
                store.hook = at("put", KINDS[kind].index, die)
                with pytest.raises(Killed):
                    await c.entities.delete(kind, entity_id, why())
                for gone in (("paraphrase", wording.id), ("spokenWord", word.id)):
                    with pytest.raises(NotFound):
                        await c.entities.get(*gone)
                mine = [term("content.scriptId", play)]
                assert (await c.listing.page(["spokenWord"], mine, limit=5)).items == []
                assert (await c.listing.page(["spokenWord"], mine)).items == []
                await c.entities.delete(kind, entity_id, why())
                await c.entities.restore(kind, entity_id, 1, why())
                assert (await c.entities.get("paraphrase", wording.id)).number == 1

    asyncio.run(run())


def test_a_character_of_two_scripts_is_there_when_it_is_in_both(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with hooked(node_url, prefix) as (c, store):
            one, two = await script(c), await script(c)
            content = {"name": "Puck", "description": "?", "scriptIds": [one, two]}
            first, again = (why(nonce="puck", resumed=resumed) for resumed in (False, True))
            seen = 0

            async def die_at_the_second(operation: str, index: str, call: Call) -> object:
                nonlocal seen
                seen += index == "order"
                if seen == 2:
                    raise Killed
                return await call()

            store.hook = die_at_the_second
            with pytest.raises(Killed):
                await c.entities.create("character", content, first)
            store.hook = None
            assert (await c.listing.page(["character"])).items == []
            made = await c.entities.create("character", content, again)
            assert len(made.numbers) == 2
            assert len((await c.listing.page(["character"])).items) == 1

    asyncio.run(run())


def test_changes_of_two_processes_in_the_same_microsecond_stay_two(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as c:
            play = await script(c)
            same = replace(why("mine"), change_id=c.clock.change_id())
            others = replace(why("theirs"), change_id=same.change_id)
            for reason in (same, others):
                news = [New("spokenWord", words(str(n), play)) for n in range(2)]
                await c.entities.create_many(news, reason)
            log = [change async for change in c.history.changes(play)]
            assert sorted(len(x.items) for x in log[:2]) == [2, 2]
            await c.history.undo(play, why())
            assert len(await story(c, play)) == 2

    asyncio.run(run())


async def half_of_it(operation: str, index: str, call: Call) -> object:
    """The node takes the first two writes of a bulk, then it is gone."""
    if (operation, index) == ("bulk_put", "element"):
        await call(2)  # type: ignore[call-arg]
        raise Killed
    return await call()


def test_an_undo_that_was_cut_off_is_completed_when_it_is_repeated(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with hooked(node_url, prefix) as (c, store):
            for end in ("half", "numbers"):
                play = await script(c)
                news = [New("spokenWord", words(str(n), play)) for n in range(4)]
                made = await c.entities.create_many(news, why())
                first, again = (why(nonce=end, resumed=resumed) for resumed in (False, True))
                if end == "numbers":
                    await c.history.undo(play, why())
                    store.hook = at("put", "order", die)
                else:
                    store.hook = half_of_it
                step = c.history.redo if end == "numbers" else c.history.undo
                with pytest.raises(Killed):
                    await step(play, first)
                store.hook = None
                target = await step(play, again)
                assert len(await story(c, play)) == (4 if end == "numbers" else 0)
                assert target.items
                visible = await c.entities.visible(
                    (await c.records.get_many(("spokenWord", e.id) for e in made)).values()
                )
                assert len(visible) == (4 if end == "numbers" else 0)

    asyncio.run(run())


def test_what_was_cleared_away_stands_in_the_way_of_no_undo(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as c:
            play = await script(c)
            await c.entities.create("spokenWord", words("kept", play), why())
            await c.history.undo(play, why())
            await c.records.create([Draft("spokenWord", words("lost", play), (play,))], why())
            await c.history.redo(play, why())
            assert (await c.housekeeping.round(grace_us=0))[0] >= 1
            await c.history.undo(play, why())
            assert await story(c, play) == []
            await c.records.create([Draft("spokenWord", words("lost", play), (play,))], why())
            assert (await c.housekeeping.round(grace_us=0))[0] == 1
            await c.history.redo(play, why())
            assert len(await story(c, play)) == 1

    asyncio.run(run())


def test_housekeeping_leaves_what_a_request_may_still_go_on_with(
    node_url: str, prefix: str
) -> None:
    async def run() -> None:
        async with core(node_url, prefix) as c:
            play = await script(c)
            taken = await c.keys.begin(f"play-{play}", "POST", "body")
            assert isinstance(taken, Fresh)
            reason = why(nonce=taken.nonce)
            await c.records.create([Draft("spokenWord", words("x", play), (play,))], reason)
            assert (await c.housekeeping.round(grace_us=0))[0] == 0
            await c.keys.abandon(taken.token, ran=True)
            assert (await c.housekeeping.round(grace_us=0))[0] == 0
            await c.keys.finish(taken.token, 400, {}, b"{}")

    asyncio.run(run())

"""Scripts whose writing is cut off or overtaken half way: all or nothing, and completed once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from story_services.common.context import Context
from story_services.common.errors import Conflict, NotFound
from story_services.common.records import Why
from story_services.common.store.client import Store
from story_services.core_script.routes import DEFINITION
from story_services.core_script.scripts.service import Heading, Script, Scripts
from tests.services.core_script_support import Api, Dying, Killed, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION) as made:
        yield made


def create(title: str, why: Why, sections: int = 3) -> Any:
    fields = {"title": title, "author": None, "description": None}
    return lambda c: Scripts(c).create(fields, [f"Part {n}" for n in range(sections)], why)


def test_a_script_cut_off_is_not_there_and_its_repetition_completes_it(api: Api) -> None:
    """At every write: sections are never without their script, nor doubled by the retry."""
    api.script()  # so that nothing is written for the first time
    for at in range(20):
        title = f"Cut off at {at}"
        first, again = (Why(nonce=f"cut-{at}", resumed=resumed) for resumed in (False, True))
        try:
            api.aside(create(title, first), Dying(api.settings, at))
        except Killed:
            assert api.get("/scripts", title=title) == []
        else:
            assert at >= 4, "script, sections, their order, the script's number"
            break
        done = api.aside(create(title, again))
        (read,) = api.get("/scripts", title=title)
        assert [s["title"] for s in read["sections"]] == ["Part 0", "Part 1", "Part 2"]
        assert [s["headingId"] for s in read["sections"]] == [s.id for s in done.sections]
        assert api.aside(create(title, again)).entity.id == done.entity.id
        assert len(api.get("/scripts", title=title)) == 1
    else:
        pytest.fail("it never came to an end")


def test_a_script_cleared_away_meanwhile_is_made_anew_with_its_sections(api: Api) -> None:
    for at in (1, 2, 3):
        title = f"Cleared away {at}"
        first, again = (Why(nonce=f"away-{at}", resumed=resumed) for resumed in (False, True))
        with pytest.raises(Killed):
            api.aside(create(title, first), Dying(api.settings, at))
        api.aside(lambda c: c.housekeeping.round(grace_us=0))
        api.aside(create(title, again))
        (read,) = api.get("/scripts", title=title)
        assert [s["title"] for s in read["sections"]] == ["Part 0", "Part 1", "Part 2"]


def test_what_a_killed_creation_left_cannot_be_reached(api: Api) -> None:
    before = {script["scriptId"] for script in api.get("/scripts")}
    with pytest.raises(Killed):
        api.aside(create("Half there", Why()), Dying(api.settings, 3))
    left = max(before) + 1
    assert api.aside(lambda c: c.records.get("script", left)) is not None, "the record is there"
    for path in ("", "/sections", "/notes", "/transitions"):
        api.get(f"/scripts/{left}{path}", 404)
    headings = api.aside(lambda c: c.orders.read(f"script-{left}")).space("sections").live()
    assert len(headings) == 3
    for _, ref in headings:
        api.get(f"/scripts/{left}/sections/{ref.rpartition('-')[2]}", 404)
    assert api.script()["scriptId"] == left + 1


class Overtaken(Store):
    """A store in which somebody else writes first, once, between a read and the write."""

    def __init__(self, api: Api, meanwhile: Any) -> None:
        super().__init__(api.settings)
        self.api = api
        self.meanwhile = meanwhile

    async def put(self, index: str, *args: Any) -> Any:
        await self._let(index)
        return await super().put(index, *args)

    async def bulk_put(self, index: str, *args: Any) -> Any:
        await self._let(index)
        return await super().bulk_put(index, *args)

    async def _let(self, index: str) -> None:
        if self.meanwhile is not None and index == "section":
            meanwhile, self.meanwhile = self.meanwhile, None
            await asyncio.to_thread(meanwhile)


def change_all(made: dict[str, Any]) -> Any:
    headings = [Heading(s["headingId"], f"Mine {s['sequence']}") for s in made["sections"]]
    headings.append(Heading(None, "Mine too"))

    async def act(context: Context) -> Script:
        changes = {"title": "Mine"}
        return await Scripts(context).update(made["scriptId"], changes, headings, Why(), None)

    return act


def test_a_change_that_is_overtaken_half_way_is_taken_back(api: Api) -> None:
    made = api.script("One", "Two", "Three", title="Overtaken")
    path = f"/scripts/{made['scriptId']}"
    second = made["sections"][1]["headingId"]
    headers = {"X-Consumer-Username": "bea"}

    def meanwhile() -> None:
        api.put(f"{path}/sections/{second}", {"title": "Hers"}, headers=headers)

    with pytest.raises(Conflict, match=f"section {second} was changed meanwhile") as caught:
        api.aside(change_all(made), Overtaken(api, meanwhile))
    assert "bea" in (caught.value.details or "")
    read = api.get(path)
    assert read["title"] == "Overtaken"
    assert [s["title"] for s in read["sections"]] == ["One", "Hers", "Three"]
    assert read["comment"] == f"Taken back: section-{second} was changed meanwhile."


def test_undo_skips_what_was_taken_back(api: Api) -> None:
    made = api.script("One", "Two", title="Undone")
    path = f"/scripts/{made['scriptId']}"
    first, second = (s["headingId"] for s in made["sections"])

    def meanwhile() -> None:
        api.put(f"{path}/sections/{second}", {"title": "Hers"})

    api.put(f"{path}/sections/{first}", {"title": "Uno"})
    with pytest.raises(Conflict):
        api.aside(change_all(made), Overtaken(api, meanwhile))
    for expected in (["Uno", "Two"], ["One", "Two"]):
        api.aside(lambda c: c.history.undo(made["scriptId"], Why()))
        read = api.get(path)
        assert [s["title"] for s in read["sections"]] == expected
        assert read["title"] == "Undone"


def test_a_change_of_script_and_sections_is_undone_at_once(api: Api) -> None:
    made = api.script("One", "Two", title="Before")
    api.aside(change_all(made))
    path = f"/scripts/{made['scriptId']}"
    api.aside(lambda c: c.history.undo(made["scriptId"], Why()))
    read = api.get(path)
    assert (read["title"], [s["title"] for s in read["sections"]]) == ("Before", ["One", "Two"])


def test_a_section_deleted_meanwhile_fails_the_change(api: Api) -> None:
    made = api.script("One", "Two", title="Kept")
    path = f"/scripts/{made['scriptId']}"
    second = made["sections"][1]["headingId"]
    meanwhile = lambda: api.delete(f"{path}/sections/{second}")  # noqa: E731
    with pytest.raises((Conflict, NotFound)):
        api.aside(change_all(made), Overtaken(api, meanwhile))
    read = api.get(path)
    assert (read["title"], [s["title"] for s in read["sections"]]) == ("Kept", ["One"])


def test_a_deletion_cut_off_is_completed_by_its_repetition(api: Api) -> None:
    """Out of the order first: it is gone at once, and the second time it is also noted why."""
    made = api.script("One", "Two")
    path, heading = f"/scripts/{made['scriptId']}", made["sections"][0]["headingId"]
    note = api.post(f"{path}/notes", {"text": "Hm."})["noteId"]
    for kind, below in (("section", f"sections/{heading}"), ("note", f"notes/{note}")):
        entity_id = int(below.rpartition("/")[2])
        with pytest.raises(Killed):
            api.aside(
                lambda c, k=kind, i=entity_id: c.entities.delete(k, i, Why()),
                Dying(api.settings, 2),
            )
        api.get(f"{path}/{below}", 404)
        api.delete(f"{path}/{below}")
        api.delete(f"{path}/{below}", 404)
        api.restore(kind, entity_id)
        api.get(f"{path}/{below}")

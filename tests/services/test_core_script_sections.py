"""Sections over HTTP: adding, changing, deleting, and their order with what they contain."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from story_services.common.records import Why
from story_services.core_script.routes import DEFINITION
from tests.services.core_script_support import Api, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION) as made:
        yield made


class Play:
    """A script with sections and two notes in each, to be reordered."""

    def __init__(self, api: Api, sections: int = 4, each: int = 2) -> None:
        self.api = api
        made = api.script(*(f"S{n}" for n in range(1, sections + 1)))
        self.id = made["scriptId"]
        self.path = f"/scripts/{self.id}"
        self.headings = [section["headingId"] for section in made["sections"]]
        for number, heading in enumerate(self.headings, 1):
            for letter in "abcdef"[:each]:
                self.note(f"{number}{letter}", heading)

    def note(self, text: str, heading: int | None) -> dict[str, Any]:
        body = {"text": text, "sectionId": heading}
        made: dict[str, Any] = self.api.post(f"{self.path}/notes", body)
        return made

    def sections(self) -> list[str]:
        return [section["title"] for section in self.api.get(f"{self.path}/sections")]

    def story(self) -> list[str]:
        return [note["text"] for note in self.api.get(f"{self.path}/notes")]

    def moves(self, *numbers: tuple[int, int]) -> dict[str, Any]:
        """A reorder of sections by the place they were made at."""
        elements = [{"headingId": self.headings[at - 1], "newSequence": n} for at, n in numbers]
        return {"elements": elements}

    def reorder(self, *numbers: tuple[int, int], status: int = 200, **more: Any) -> Any:
        body = {**self.moves(*numbers), **more}
        return self.api.post(f"{self.path}/sections/reorder", body, status)

    @property
    def state(self) -> Any:
        return self.api.get(f"{self.path}/sections"), self.api.get(f"{self.path}/notes")


def test_a_section_goes_to_the_end_or_behind_another(api: Api) -> None:
    made = api.script("One", "Two")
    path = f"/scripts/{made['scriptId']}/sections"
    last = api.post(path, {"title": "Three", "comment": "More."})
    assert (last["sequence"], last["comment"], last["versionNumber"]) == (3, "More.", 1)
    first = made["sections"][0]["headingId"]
    between = api.post(path, {"title": "One and a half", "afterHeadingId": first})
    assert between["sequence"] == between["sequenceNumber"] == 2
    at_end = api.post(path, {"title": "Four", "afterHeadingId": None})
    listed = api.get(path)
    assert [s["title"] for s in listed] == ["One", "One and a half", "Two", "Three", "Four"]
    assert [s["sequence"] for s in listed] == [1, 2, 3, 4, 5]
    assert listed[4] == at_end == api.get(f"{path}/{at_end['headingId']}")
    assert api.get(path, limit=2, offset=1) == listed[1:3]
    assert api.total(path, limit=1) == 5


def test_a_section_cannot_go_behind_what_is_not_there(api: Api) -> None:
    mine, other = api.script("Mine"), api.script("Other")
    path = f"/scripts/{mine['scriptId']}/sections"
    gone = api.post(path, {"title": "Gone"})["headingId"]
    api.delete(f"{path}/{gone}")
    for after in (999999, other["sections"][0]["headingId"], gone):
        error = api.post(path, {"title": "New", "afterHeadingId": after}, 400)
        assert "afterHeadingId" in error["details"]
        assert str(after) in error["details"]
    for wrong in ({"title": ""}, {}, {"title": None}, {"title": "x", "afterHeadingId": "1"}):
        api.post(path, wrong, 400)
    assert [s["title"] for s in api.get(path)] == ["Mine"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_section_is_changed(api: Api, method: str) -> None:
    made = api.script("One")
    section = made["sections"][0]
    path = f"/scripts/{made['scriptId']}/sections/{section['headingId']}"
    changed = api.call(method, path, 200, {"title": "Uno", "comment": "In Italian."})
    assert changed["title"] == "Uno"
    assert (changed["versionNumber"], changed["comment"]) == (2, "In Italian.")
    assert changed == api.get(path)
    assert api.call(method, path, 200, changed) == changed
    assert api.call(method, path, 200, {}) == changed
    api.call(method, path, 409, {"title": "x", "versionNumber": 1})
    api.call(method, path, 409, {"title": "x"}, headers={"If-Match": '"1"'})
    for body in ({"title": None}, {"title": ""}, {"name": "x"}, None):
        api.call(method, path, 400, body)
    assert api.get(path) == changed


def test_a_section_is_found_under_its_own_script_only(api: Api) -> None:
    mine, other = api.script("Mine"), api.script("Other")
    heading = mine["sections"][0]["headingId"]
    path = f"/scripts/{other['scriptId']}/sections/{heading}"
    api.get(path, 404)
    api.put(path, {"title": "x"}, 404)
    api.patch(path, {"title": "x"}, 404)
    api.delete(path, 404)
    api.put(f"/scripts/{other['scriptId']}/sections", {"headingId": heading, "title": "x"}, 404)
    assert api.get(f"/scripts/{mine['scriptId']}") == mine


def test_the_first_contracts_put_names_the_heading_in_query_or_body(api: Api) -> None:
    made = api.script("One")
    path, heading = f"/scripts/{made['scriptId']}/sections", made["sections"][0]["headingId"]
    assert api.put(path, {"headingId": heading, "title": "A"})["title"] == "A"
    assert api.put(path, {"title": "B"}, params={"headingId": heading})["title"] == "B"
    both = api.put(path, {"headingId": heading, "title": "C"}, params={"headingId": heading})
    assert (both["title"], both["versionNumber"]) == ("C", 4)
    for body, query in (
        ({"title": "D"}, {}),
        ({"title": "D", "headingId": None}, {}),
        ({"title": "D", "headingId": heading + 1}, {"headingId": heading}),
    ):
        error = api.put(path, body, 400, params=query)
        assert "headingId" in error["details"]
    api.put(path, {"title": "D"}, 404, params={"headingId": 999999})
    assert api.get(path)[0]["title"] == "C"


def test_a_deleted_section_leaves_its_contents(api: Api) -> None:
    play = Play(api, 3)
    heading = play.headings[1]
    api.delete(f"{play.path}/sections/{heading}", params={"comment": "Too long."})
    api.get(f"{play.path}/sections/{heading}", 404)
    api.delete(f"{play.path}/sections/{heading}", 404)
    listed = api.get(f"{play.path}/sections")
    assert [(s["title"], s["sequence"]) for s in listed] == [("S1", 1), ("S3", 3)]
    notes = api.get(f"{play.path}/notes")
    assert [note["text"] for note in notes] == ["1a", "1b", "2a", "2b", "3a", "3b"]
    first, _, third = play.headings
    assert [n["sectionId"] for n in notes] == [first, first, None, None, third, third]
    api.restore("section", heading)
    assert [s["sequence"] for s in api.get(f"{play.path}/sections")] == [1, 2, 3]
    assert [n["sectionId"] for n in api.get(f"{play.path}/notes")][2:4] == [heading, heading]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_sections_move_with_their_contents(api: Api, method: str) -> None:
    play = Play(api)
    body = {**play.moves((3, 1)), "comment": "In medias res."}
    done = api.call(method, f"{play.path}/sections/reorder", 200, body)
    third, first, second = (play.headings[at] for at in (2, 0, 1))
    assert done["updatedElements"] == [
        {"headingId": third, "newSequence": 1},
        {"headingId": first, "newSequence": 2},
        {"headingId": second, "newSequence": 3},
    ]
    assert done["message"] == "Reordered 3 sections and 6 elements in them."
    assert (done["revision"], done["comment"]) == (1, "In medias res.")
    assert play.sections() == ["S3", "S1", "S2", "S4"]
    assert play.story() == ["3a", "3b", "1a", "1b", "2a", "2b", "4a", "4b"]
    numbers = [note["sequenceNumber"] for note in api.get(f"{play.path}/notes")]
    assert numbers == list(range(1, 9))
    assert all(note["versionNumber"] == 1 for note in api.get(f"{play.path}/notes"))


def test_contents_stay_when_asked_to(api: Api) -> None:
    play = Play(api)
    before = play.story()
    done = play.reorder((1, 4), (4, 1), withContents=False)
    assert play.sections() == ["S4", "S2", "S3", "S1"]
    assert play.story() == before
    assert "0 elements" in done["message"]


def test_what_belongs_to_no_section_stays_with_what_it_follows(api: Api) -> None:
    play = Play(api, 2)
    play.note("after 2b", None)
    play.reorder((2, 1))
    assert play.story() == ["2a", "2b", "after 2b", "1a", "1b"]


def test_a_reorder_is_undone_in_one_step(api: Api) -> None:
    play = Play(api)
    before = play.state
    play.reorder((4, 1), (3, 2), (2, 3), (1, 4), comment="Backwards.")
    after = play.state
    assert after != before
    api.aside(lambda c: c.history.undo(play.id, Why()))
    assert play.state == before
    api.aside(lambda c: c.history.redo(play.id, Why()))
    assert play.state == after


def test_gaps_of_deleted_sections_close(api: Api) -> None:
    play = Play(api, 4, 1)
    api.delete(f"{play.path}/sections/{play.headings[0]}")
    done = play.reorder((4, 1))
    assert [e["newSequence"] for e in done["updatedElements"]] == [1]
    listed = api.get(f"{play.path}/sections")
    assert [(s["title"], s["sequence"]) for s in listed] == [("S4", 1), ("S2", 2), ("S3", 3)]
    api.restore("section", play.headings[0])
    assert play.sections() == ["S4", "S2", "S3", "S1"]


def test_a_reorder_that_is_wrong_changes_nothing(api: Api) -> None:
    play = Play(api, 3)
    gone = api.post(f"{play.path}/sections", {"title": "Gone"})["headingId"]
    api.delete(f"{play.path}/sections/{gone}")
    foreign = api.script("Other")["sections"][0]["headingId"]
    first, second = play.headings[:2]
    before = play.state
    path = f"{play.path}/sections/reorder"

    def asked(*rows: tuple[Any, Any]) -> dict[str, Any]:
        return {"elements": [{"headingId": h, "newSequence": n} for h, n in rows]}

    for body, told in (
        (asked((first, 2), (second, 2)), "2"),
        (asked((first, 2), (first, 3)), str(first)),
        (asked((first, 4)), "4"),
        (asked((first, 0)), "newSequence"),
        (asked((first, "1")), "newSequence"),
        (asked(), "elements"),
        ({"elements": [{"headingId": first}]}, "newSequence"),
        ({}, "elements"),
        ({**asked((first, 2)), "withContents": "no"}, "withContents"),
    ):
        assert told in api.post(path, body, 400)["details"]
    unknown = asked((first, 1), (999999, 2), (foreign, 3), (gone, 3))
    error = api.put(path, unknown, 404)
    assert all(str(i) in error["message"] for i in (999999, foreign, gone))
    assert str(first) not in error["message"].replace(str(foreign), "")
    assert play.state == before


def test_an_order_asked_for_again_is_no_change(api: Api) -> None:
    play = Play(api, 3)
    first = play.reorder((3, 1))
    again = play.reorder((3, 1))
    assert again["revision"] == first["revision"] == 1
    assert again["updatedElements"] == [{"headingId": play.headings[2], "newSequence": 1}]


def test_an_order_seen_too_long_ago_is_a_conflict(api: Api) -> None:
    play = Play(api, 3, 1)
    headers = {"X-Consumer-Username": "ann"}
    body = {**play.moves((3, 1)), "comment": "End first."}
    seen = api.put(f"{play.path}/sections/reorder", body, headers=headers)["revision"]
    assert play.reorder((2, 1), ifRevision=seen)["revision"] == seen + 1
    before = play.state
    error = play.reorder((1, 1), ifRevision=seen, status=409)
    assert error["errorCode"] == "conflict"
    assert play.state == before


def test_parallel_reorders_and_additions_keep_a_permutation(api: Api) -> None:
    play = Play(api, 6, 1)
    path = f"{play.path}/sections"

    def act(seed: int) -> int:
        if seed % 3 == 0:
            return api.client.post(path, json={"title": f"New {seed}"}).status_code
        if seed % 3 == 1:
            body = {"text": f"n{seed}", "sectionId": play.headings[seed % 6]}
            return api.client.post(f"{play.path}/notes", json=body).status_code
        order = random.Random(seed).sample(range(1, 7), 6)
        moves = play.moves(*enumerate(order, 1))
        return api.client.post(f"{path}/reorder", json=moves).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(act, range(24)))
    assert set(statuses) <= {200, 201, 409}
    assert statuses.count(201) == 16
    assert 200 in statuses
    sections, notes = play.state
    assert [s["sequence"] for s in sections] == list(range(1, 15))
    assert [n["sequenceNumber"] for n in notes] == list(range(1, 15))
    assert len({s["headingId"] for s in sections}) == 14
    assert len({n["noteId"] for n in notes}) == 14


def test_random_reorders_keep_sections_and_contents_together(api: Api) -> None:
    play = Play(api, 5, 2)
    chance = random.Random(4)
    model = play.sections()
    for _ in range(15):
        at = {title: number for number, title in enumerate(model, 1)}
        chosen = chance.sample(range(1, 6), chance.randint(1, 5))
        asked = list(zip(chosen, chance.sample(range(1, 6), len(chosen)), strict=True))
        play.reorder(*asked)
        fixed = {f"S{section}": number for section, number in asked}
        rest = iter(sorted((t for t in model if t not in fixed), key=at.__getitem__))
        places = {number: title for title, number in fixed.items()}
        model = [places[n] if n in places else next(rest) for n in range(1, 6)]
        assert play.sections() == model
        assert play.story() == [f"{t[1]}{letter}" for t in model for letter in "ab"]

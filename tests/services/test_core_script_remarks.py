"""Transitions and notes over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from story_services.common.records import Why
from story_services.core_script.routes import DEFINITION
from tests.services.core_script_support import Api, serving

KINDS = [("transitions", "transitionId", "description"), ("notes", "noteId", "text")]


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION) as made:
        yield made


@pytest.mark.parametrize(("below", "own_id", "wording"), KINDS)
def test_one_is_made_read_changed_deleted_and_restored(
    api: Api, below: str, own_id: str, wording: str
) -> None:
    script = api.script("One")
    heading = script["sections"][0]["headingId"]
    path = f"/scripts/{script['scriptId']}/{below}"
    body = {wording: "Cut to:\nthe sea", "sectionId": heading, "comment": "Wetter."}
    made = api.post(path, body)
    one = f"{path}/{made[own_id]}"
    assert made == api.get(one)
    assert (made["scriptId"], made["sectionId"]) == (script["scriptId"], heading)
    assert made[wording] == "Cut to:\nthe sea"
    assert (made["sequenceNumber"], made["versionNumber"], made["comment"]) == (1, 1, "Wetter.")
    for number, method in enumerate(("PUT", "PATCH"), 2):
        changed = api.call(method, one, 200, {wording: f"Fade {number}"})
        assert (changed[wording], changed["versionNumber"]) == (f"Fade {number}", number)
        assert changed["sectionId"] == heading
    assert api.put(one, changed) == changed
    without = api.patch(one, {"sectionId": None})
    assert without["sectionId"] is None
    api.put(one, {wording: "x", "versionNumber": 1}, 409)
    api.put(one, {wording: "x"}, 409, headers={"If-Match": '"2"'})
    api.call("DELETE", one, 409, headers={"If-Match": '"2"'})
    api.delete(one, params={"comment": "Enough."})
    api.get(one, 404)
    api.delete(one, 404)
    assert api.get(path) == []
    api.restore(below[:-1], made[own_id])
    back = api.get(one)
    assert (back[wording], back["sequenceNumber"]) == ("Cut to:\nthe sea", 1)


@pytest.mark.parametrize(("below", "own_id", "wording"), KINDS)
def test_bad_input_stores_nothing(api: Api, below: str, own_id: str, wording: str) -> None:
    script, other = api.script("One"), api.script("Other")
    path = f"/scripts/{script['scriptId']}/{below}"
    foreign = other["sections"][0]["headingId"]
    made = api.post(path, {wording: "Kept"})
    bodies: list[Any] = [
        {wording: ""},
        {wording: None},
        {wording: 1},
        {wording: "x" * 10_001},
        {wording: "a\u0007b"},
        {wording: "x", "sectionId": 999999},
        {wording: "x", "sectionId": foreign},
        {wording: "x", "sectionId": "1"},
        {wording: "x", "sectionId": True},
        {wording: "x", "other": 1},
        [],
    ]
    for body in bodies:
        api.post(path, body, 400)
        api.put(f"{path}/{made[own_id]}", body, 400)
    api.post(path, {}, 400)
    error = api.post(path, {wording: "x", "sectionId": foreign}, 400)
    assert error["details"].startswith("sectionId: ")
    assert api.get(path) == [made]


@pytest.mark.parametrize(("below", "own_id", "wording"), KINDS)
def test_one_is_found_under_its_own_script_only(
    api: Api, below: str, own_id: str, wording: str
) -> None:
    mine, other = api.script(), api.script()
    made = api.post(f"/scripts/{mine['scriptId']}/{below}", {wording: "Mine"})
    path = f"/scripts/{other['scriptId']}/{below}/{made[own_id]}"
    api.get(path, 404)
    api.put(path, {wording: "x"}, 404)
    api.delete(path, 404)
    assert api.get(f"/scripts/{other['scriptId']}/{below}") == []
    assert api.get(f"/scripts/{mine['scriptId']}/{below}") == [made]


def test_a_note_is_not_a_transition(api: Api) -> None:
    path = f"/scripts/{api.script()['scriptId']}"
    note = api.post(f"{path}/notes", {"text": "A note."})
    transition = api.post(f"{path}/transitions", {"description": "A cut."})
    assert (note["sequenceNumber"], transition["sequenceNumber"]) == (1, 2), "one story line"
    assert api.get(f"{path}/notes") == [note]
    assert api.get(f"{path}/transitions") == [transition]
    api.get(f"{path}/notes/{note['noteId'] + 1}", 404)


@pytest.mark.parametrize(("below", "own_id", "wording"), KINDS)
def test_lists_are_in_story_order_and_paged(
    api: Api, below: str, own_id: str, wording: str
) -> None:
    script = api.script("One", "Two")
    path = f"/scripts/{script['scriptId']}/{below}"
    one, two = (section["headingId"] for section in script["sections"])
    for number, heading in enumerate((one, two, one, None, two), 1):
        api.post(path, {wording: f"Nr {number}", "sectionId": heading})
    numbers = [each["sequenceNumber"] for each in api.get(path)]
    assert numbers == [1, 2, 3, 4, 5]
    assert [e["sequenceNumber"] for e in api.get(path, limit=2, offset=2)] == [3, 4]
    assert api.total(path, limit=2) == 5
    assert [e["sequenceNumber"] for e in api.get(path, sectionId=two)] == [2, 5]
    assert api.total(path, sectionId=one, limit=1) == 2
    api.delete(f"/scripts/{script['scriptId']}/sections/{two}")
    assert api.get(path, sectionId=two) == []
    assert api.get(path, sectionId=999999) == []
    assert [e["sectionId"] for e in api.get(path)] == [one, None, one, None, None]


def test_a_note_has_a_whole_target_or_none(api: Api) -> None:
    script = api.script("One")
    path = f"/scripts/{script['scriptId']}/notes"
    line = api.element("spokenWord", scriptId=script["scriptId"])
    made = api.post(path, {"text": "Why?", "targetType": "line", "targetId": line})
    assert (made["targetType"], made["targetId"]) == ("spokenWord", line)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"targetType": "spokenWord"}, "targetId"),
        ({"targetId": line}, "targetType"),
        ({"targetType": "spokenWord", "targetId": 999999}, "targetId"),
        ({"targetType": "action", "targetId": line}, "targetId"),
        ({"targetType": "ghost", "targetId": line}, "targetType"),
        ({"targetType": "spokenWord", "targetId": "1"}, "targetId"),
    ]
    for target, field in bad:
        assert field in api.post(path, {"text": "Why?", **target}, 400)["details"]
    assert api.get(path) == [made]
    one = f"{path}/{made['noteId']}"
    heading = script["sections"][0]["headingId"]
    moved = api.patch(one, {"targetType": "sectionHeading", "targetId": heading})
    assert (moved["targetType"], moved["targetId"]) == ("section", heading)
    for half in ({"targetId": None}, {"targetType": None}, {"targetId": 999999}):
        api.patch(one, half, 400)
    assert api.patch(one, {"text": "Because."})["targetId"] == heading
    bare = api.put(one, {"targetType": None, "targetId": None})
    assert (bare["targetType"], bare["targetId"], bare["text"]) == (None, None, "Because.")


def test_notes_are_listed_by_target(api: Api) -> None:
    script = api.script("One")
    path = f"/scripts/{script['scriptId']}/notes"
    heading = script["sections"][0]["headingId"]
    target = {"targetType": "section", "targetId": heading}
    about = api.post(path, {"text": "About it.", **target})
    api.post(path, {"text": "About nothing."})
    assert api.get(path, targetType="section", targetId=heading) == [about]
    assert api.get(path, targetType="sectionHeading") == [about]
    assert api.get(path, targetType="character") == []
    api.get(path, 400, targetType="ghost")


def test_a_note_survives_its_target(api: Api) -> None:
    script = api.script()
    path = f"/scripts/{script['scriptId']}/notes"
    line = api.element("spokenWord", scriptId=script["scriptId"])
    made = api.post(path, {"text": "Why?", "targetType": "spokenWord", "targetId": line})
    api.aside(lambda c: c.entities.delete("spokenWord", line, Why()))
    one = f"{path}/{made['noteId']}"
    gone = api.get(one)
    assert (gone["targetType"], gone["targetId"]) == (None, None)
    assert api.patch(one, {"text": "Still why?"})["targetId"] is None
    assert api.get(path, targetType="spokenWord") == []
    api.restore("spokenWord", line)
    assert api.get(one)["targetId"] == line
    assert len(api.get(path, targetType="spokenWord")) == 1

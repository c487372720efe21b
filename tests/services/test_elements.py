"""Whole plays in few requests: elements and casts by the hundred, all or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from story_services.characters.batch.service import Batch
from story_services.characters.elements import content_of
from story_services.common.context import Context
from story_services.common.entities import Entity
from story_services.common.records import Why
from story_services.common.store.records import Draft
from tests.services import characters_support
from tests.services.characters_support import Api, ok, refused

prefix = characters_support.prefix
api = characters_support.api


def lines(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"elementType": "spokenWord", "text": f"line {n}", **more} for n in range(count)]


def story(api: Api, script: int) -> list[str]:
    """The references of a script's story in their order."""
    root = api.run(api.context.orders.read(f"script-{script}"))
    return [ref for _, ref in root.space("story").live()]


def test_elements_of_all_kinds_stand_in_the_given_order(api: Api) -> None:
    script = api.script()
    section = api.section(script)
    cast = api.post(
        f"/scripts/{script}/cast", {"characters": [{"name": "Ghost", "description": "d"}]}
    )
    ghost = cast[0]["characterId"]
    enters = api.post("/actions", {"description": "Enter Ghost.", "scriptId": script})["actionId"]
    body = {
        "comment": "Act 1",
        "elements": [
            {"elementType": "transition", "description": "Fade in.", "sectionId": section},
            {"elementType": "action", "description": "Beckons.", "characterId": ghost},
            {
                "elementType": "line",
                "content": "Mark me.",
                "characterId": ghost,
                "sectionId": section,
                "speechId": 4,
                "actionId": enters,
            },
            {"elementType": "dialogue", "text": "I will.", "speechId": 5},
            {
                "elementType": "note",
                "text": "Which ghost?",
                "targetType": "character",
                "targetId": ghost,
                "sectionId": section,
            },
        ],
    }
    answer = api.post(f"/scripts/{script}/elements", body)
    made = answer["elements"]
    kinds = ["transition", "action", "spokenWord", "spokenWord", "note"]
    assert answer == {
        "comment": "Act 1",
        "elements": [
            {
                "elementType": kind,
                "elementId": one["elementId"],
                "sequence": number,
                "speechId": speech,
                "sectionId": place,
            }
            for kind, one, number, speech, place in zip(
                kinds,
                made,
                range(2, 7),
                [None, None, 4, 5, None],
                [section, None, section, None, section],
                strict=True,
            )
        ],
    }
    assert story(api, script)[1:] == [f"{m['elementType']}-{m['elementId']}" for m in made]
    first = api.get("/lines", scriptId=script)[0]
    assert (first["content"], first["characterId"], first["actionId"]) == (
        "Mark me.",
        ghost,
        enters,
    )
    assert (first["sectionId"], first["speechId"], first["comment"]) == (section, 4, "Act 1")
    note = api.run(api.context.entities.get("note", made[4]["elementId"]))
    assert note.content == content_of({**body["elements"][4], "scriptId": script})


def test_a_batch_is_one_bulk_and_one_commit(api: Api) -> None:
    script = api.script()
    section = api.section(script)
    api.post(f"/scripts/{script}/elements", {"elements": lines(2, sectionId=section)})
    api.calls.clear()
    api.post(f"/scripts/{script}/elements", {"elements": lines(200, sectionId=section)})
    assert [c for c in api.calls if c in ("create", "put", "write", "bulk_create", "bulk_put")] == [
        "bulk_create",
        "put",
    ]
    assert len(api.calls) <= 8


def test_a_batch_is_one_change_that_is_taken_back_as_one(api: Api) -> None:
    script = api.script()
    api.post(f"/scripts/{script}/elements", {"elements": lines(5)})
    api.post(f"/scripts/{script}/elements", {"elements": lines(3), "comment": "too much"})
    taken = api.run(api.context.history.undo(script, Why()))
    assert taken.comment == "too much"
    assert api.total("/lines", scriptId=script) == 5
    api.run(api.context.history.redo(script, Why()))
    assert [w["sequenceNumber"] for w in api.get("/lines", scriptId=script)] == list(range(1, 9))


@pytest.mark.parametrize(
    ("element", "word"),
    [
        ({"elementType": "spokenWord", "text": "x", "characterId": 999_999}, "no character 999999"),
        ({"elementType": "action", "text": "x", "sectionId": 999_999}, "no section 999999"),
        ({"elementType": "spokenWord", "text": "x", "actionId": 999_999}, "no action 999999"),
        (
            {"elementType": "note", "text": "x", "targetType": "script", "targetId": 999_999},
            "targetId: no script 999999",
        ),
    ],
)
def test_one_bad_reference_and_nothing_is_made(
    api: Api, element: dict[str, Any], word: str
) -> None:
    script = api.script()
    body = {"elements": [*lines(3), element, *lines(3)]}
    refused(api.ask("POST", f"/scripts/{script}/elements", body), 400, "elements[3].", word)
    assert story(api, script) == []
    assert api.total("/lines", scriptId=script) == 0


def test_what_belongs_to_another_script_is_refused(api: Api) -> None:
    script, other = api.script(), api.script()
    foreign = api.section(other)
    deed = api.post("/actions", {"description": "x", "scriptId": other})["actionId"]
    for field, value in (("sectionId", foreign), ("actionId", deed)):
        body = {"elements": [*lines(1), *lines(1, **{field: value})]}
        answer = api.ask("POST", f"/scripts/{script}/elements", body)
        refused(answer, 400, f"elements[1].{field}", "not of the same script")
    assert story(api, script) == []


@pytest.mark.parametrize(
    ("element", "word"),
    [
        ({}, "elementType is required"),
        ({"elementType": "scene", "text": "x"}, "elementType must be one of"),
        ({"elementType": "action"}, "one of text, description and content"),
        ({"elementType": "action", "text": "x", "content": "x"}, "one of text"),
        ({"elementType": "action", "text": ""}, "text"),
        ({"elementType": "action", "text": "x" * 10_001}, "10000"),
        ({"elementType": "action", "text": "x", "actionId": 1}, "actionId"),
        ({"elementType": "transition", "text": "x", "characterId": 1}, "characterId"),
        ({"elementType": "transition", "text": "x", "speechId": 1}, "speechId"),
        ({"elementType": "note", "text": "x", "targetType": "action"}, "together"),
        ({"elementType": "note", "text": "x", "targetId": 1}, "together"),
        ({"elementType": "spokenWord", "text": "x", "targetType": "note", "targetId": 1}, "target"),
        ({"elementType": "spokenWord", "text": "x", "scriptId": 1}, "scriptId is not a field"),
        ({"elementType": "spokenWord", "text": "x", "speechId": 0}, "speechId"),
        ("x", "must be an object"),
    ],
)
def test_a_bad_element_is_named_by_its_place(api: Api, element: Any, word: str) -> None:
    script = api.script()
    body = {"elements": [*lines(2), element]}
    refused(api.ask("POST", f"/scripts/{script}/elements", body), 400, "elements[2]", word)
    assert story(api, script) == []


def test_a_batch_has_bounds(api: Api) -> None:
    script = api.script()
    path = f"/scripts/{script}/elements"
    refused(api.ask("POST", path, {"elements": []}), 400, "at least 1")
    refused(api.ask("POST", path, {"elements": lines(1001)}), 400, "at most 1000")
    refused(api.ask("POST", path, {}), 400, "elements is required")
    refused(api.ask("POST", path, {"elements": lines(250, text="x" * 9000)}), 413)
    made = api.post(path, {"elements": lines(1000)})["elements"]
    assert [one["sequence"] for one in made] == list(range(1, 1001))
    found = api.get("/spokenWords", scriptId=script)
    assert [one["text"] for one in found] == [f"line {n}" for n in range(1000)]


def test_batches_at_once_stay_together(api: Api) -> None:
    """Each is one commit, so no other's elements come in between."""
    script = api.script()
    path = f"/scripts/{script}/elements"
    answers = api.all_at_once(*(("POST", path, {"elements": lines(40)}) for _ in range(5)))
    numbers = sorted([e["sequence"] for e in ok(a, 201)["elements"]] for a in answers)
    assert numbers == [list(range(n, n + 40)) for n in range(1, 200, 40)]
    assert len(set(story(api, script))) == 200


def test_batches_of_two_processes_at_once_stay_together(api: Api) -> None:
    """Both give ids and change the same order; neither knows of the other."""
    script = api.script()
    items = [("spokenWord", {"text": f"line {n}"}) for n in range(60)]

    async def together() -> list[list[Entity]]:
        other = Context(api.context.settings)
        try:
            batches = [Batch(context) for context in (api.context, other) for _ in range(3)]
            made = (batch.create(script, items, Why()) for batch in batches)
            return list(await asyncio.gather(*made))
        finally:
            await other.close()

    made = api.run(together())
    numbers = sorted([entity.number for entity in batch] for batch in made)
    assert numbers == [list(range(n, n + 60)) for n in range(1, 361, 60)]
    assert len({entity.id for batch in made for entity in batch}) == 360
    found = api.get("/lines", scriptId=script)
    assert [line["content"] for line in found] == [f["text"] for _, f in items] * 6


def test_a_batch_goes_on_where_a_kill_cut_it_off(api: Api) -> None:
    """Half of the records are there and no number: nothing shows, and none is made twice."""
    script = api.script()
    items = [("spokenWord", {"text": f"line {n}"}) for n in range(20)]
    drafts = [Draft(k, content_of({**f, "scriptId": script}), (script,)) for k, f in items]
    nonce = f"cut-{script}"
    cut = api.run(api.context.records.create(drafts[:13], Why(nonce=nonce)))
    assert api.get("/lines", scriptId=script) == []
    refused(api.ask("GET", f"/lines/{cut[0].id}"), 404)
    batch = Batch(api.context)
    for _ in range(2):  # once more, when only the answer was lost
        made = api.run(batch.create(script, items, Why(nonce=nonce, resumed=True)))
        assert [one.id for one in made[:13]] == [record.id for record in cut]
        assert [one.number for one in made] == list(range(1, 21))
    found = api.get("/lines", scriptId=script)
    assert [one["content"] for one in found] == [fields["text"] for _, fields in items]


def test_a_repeated_batch_is_made_once(api: Api) -> None:
    script = api.script()
    key = {"Idempotency-Key": f"batch-{script}"}
    path, body = f"/scripts/{script}/elements", {"elements": lines(30)}
    first = api.post(path, body, **key)
    again = api.ask("POST", path, body, headers=key)
    assert (again.status_code, again.json()) == (201, first)
    refused(api.ask("POST", path, {"elements": lines(31)}, headers=key), 409)
    assert len(story(api, script)) == 30


def test_a_cast_comes_in_one_request(api: Api) -> None:
    script = api.script()
    people = [{"name": f"Soldier {n}", "description": "One of many."} for n in range(50)]
    api.calls.clear()
    made = api.post(f"/scripts/{script}/cast", {"characters": people, "comment": "all of them"})
    assert sum(call in ("create", "put", "bulk_create") for call in api.calls) == 2
    assert [one["name"] for one in made] == [one["name"] for one in people]
    assert [one["sequenceNumber"] for one in made] == list(range(1, 51))
    assert {(*one["scriptIds"], one["comment"]) for one in made} == {(script, "all of them")}
    assert api.get(f"/characters/scripts/{script}") == made


@pytest.mark.parametrize(
    ("people", "word"),
    [
        ([], "at least 1"),
        ([{"name": "x", "description": "d"}] * 501, "at most 500"),
        ([{"name": "x", "description": "d"}, {"name": "y"}], "characters[1].description"),
        ([{"name": "x", "description": "d", "scriptIds": [1]}], "characters[0].scriptIds"),
        ([{"name": "x" * 101, "description": "d"}], "characters[0].name"),
    ],
)
def test_a_bad_cast_is_refused_whole(api: Api, people: list[Any], word: str) -> None:
    script = api.script()
    refused(api.ask("POST", f"/scripts/{script}/cast", {"characters": people}), 400, word)
    assert api.total(f"/characters/scripts/{script}") == 0


def test_a_script_that_is_not_there_has_no_batches(api: Api) -> None:
    gone = api.script()
    api.drop("script", gone)
    for script in (gone, 999_999):
        answer = api.ask("POST", f"/scripts/{script}/elements", {"elements": lines(2)})
        refused(answer, 404, f"no script {script}")
        body = {"characters": [{"name": "x", "description": "d"}]}
        refused(api.ask("POST", f"/scripts/{script}/cast", body), 404, f"no script {script}")

"""The Central Sequence over HTTP: numbers, reorders, versions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.services.whole import Api, story_services


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with story_services(node_url) as made:
        yield made


def number(api: Api, kind: str, element: int, script: int | None = None, **more: Any) -> Any:
    body = {"elementType": kind, "elementId": element, "scriptId": script, **more}
    return api.post("/sequence", body)


def action(api: Api, script: int | None, text: str = "Enter") -> int:
    return int(api.post("/actions", {"description": text, "scriptId": script})["actionId"])


def numbers(api: Api, script: int, kind: str = "action") -> dict[int, int]:
    found = api.get("/sequence", scriptId=script, elementType=kind)
    return {row["elementId"]: row["sequenceNumber"] for row in found}


def reorder(api: Api, moves: dict[int, int], status: int = 200, **more: Any) -> Any:
    elements = [{"elementId": i, "newSequence": n} for i, n in moves.items()]
    body = {"elementType": "action", "elements": elements, **more}
    return api.post("/sequence/reorder", body, status)


def test_forty_at_once_get_forty_numbers_without_gaps(api: Api) -> None:
    """Earlier implementations of this contract gave nine distinct ones."""
    script = api.script()["scriptId"]
    with ThreadPoolExecutor(40) as pool:
        given = list(pool.map(lambda n: number(api, "action", 900_000 + n, script), range(40)))
    assert sorted(row["sequenceNumber"] for row in given) == list(range(1, 41))
    assert {row["scriptId"] for row in given} == {script}


def test_one_id_asked_for_forty_times_has_one_number(api: Api) -> None:
    script = api.script()["scriptId"]
    with ThreadPoolExecutor(40) as pool:
        given = list(pool.map(lambda _: number(api, "note", 910_000, script), range(40)))
    assert {row["sequenceNumber"] for row in given} == {1}
    assert number(api, "note", 910_000, script)["sequenceNumber"] == 1


def test_types_share_the_story_line_and_sections_count_apart(api: Api) -> None:
    made = api.script("Act I", "Act II")
    script = made["scriptId"]
    first = action(api, script)
    word = api.post("/spokenWords", {"text": "Who's there?", "scriptId": script})
    assert number(api, "action", first)["sequenceNumber"] == 1
    assert number(api, "dialogue", word["dialogueId"]) == {
        "sequenceNumber": 2,
        "elementType": "spokenWord",
        "elementId": word["dialogueId"],
        "scriptId": script,
        "versionNumber": 1,
        "comment": None,
    }
    headings = [section["headingId"] for section in made["sections"]]
    assert [number(api, "sectionHeading", h)["sequenceNumber"] for h in headings] == [1, 2]


def test_the_same_id_of_another_type_is_another_element(api: Api) -> None:
    """In one earlier implementation script 1 overwrote section 1."""
    script = api.script()["scriptId"]
    assert number(api, "action", 920_000, script)["sequenceNumber"] == 1
    assert number(api, "note", 920_000, script)["sequenceNumber"] == 2
    assert api.get("/sequence/action/920000")["sequenceNumber"] == 1


def test_bad_requests_for_numbers(api: Api) -> None:
    script, other = api.script()["scriptId"], api.script()["scriptId"]
    mine = action(api, script)
    for body in (
        {"elementType": "scene", "elementId": 1},
        {"elementType": "action", "elementId": 0},
        {"elementType": "action", "elementId": "1"},
        {"elementType": "action"},
        {"elementType": "action", "elementId": 1, "newSequence": 4},
        {"elementType": "action", "elementId": 930_000, "scriptId": 999_999},
        {"elementType": "action", "elementId": mine, "scriptId": other},
    ):
        api.post("/sequence", body, 400)
    api.get("/sequence/action/930000", 404)
    api.delete(f"/actions/{mine}")
    api.post("/sequence", {"elementType": "action", "elementId": mine}, 404)


def test_reorder_is_all_or_nothing(api: Api) -> None:
    script = api.script()["scriptId"]
    a, b, c, d = (action(api, script) for _ in range(4))
    api.delete(f"/actions/{b}")
    done = reorder(api, {d: 1}, comment="Last first.")
    assert done["updatedElements"] == [
        {"elementType": "action", "elementId": d, "oldSequence": 4, "newSequence": 1}
    ]
    assert (done["comment"], done["revision"]) == ("Last first.", 1)
    assert numbers(api, script) == {d: 1, a: 2, c: 3}  # the gap is closed
    for moves, status in (
        ({a: 1, c: 1}, 400),
        ({a: 4}, 400),
        ({a: 0}, 400),
        ({a: 1, 999_999: 2}, 404),
        ({a: 1, b: 2}, 404),
    ):
        reorder(api, moves, status)
        reorder(api, moves, status, scriptId=script)
    twice = [{"elementId": a, "newSequence": 1}, {"elementId": a, "newSequence": 2}]
    api.post("/sequence/reorder", {"elementType": "action", "elements": twice}, 400)
    assert numbers(api, script) == {d: 1, a: 2, c: 3}
    assert api.put("/sequence/reorder", {
        "elementType": "action", "elements": [{"elementId": c, "newSequence": 1}],
    })["revision"] == 2  # fmt: skip


def test_reorder_stays_in_one_space(api: Api) -> None:
    one, other = api.script("Act I"), api.script()
    here, there = action(api, one["scriptId"]), action(api, other["scriptId"])
    reorder(api, {here: 1, there: 1}, 400)
    reorder(api, {there: 1}, 404, scriptId=one["scriptId"])
    heading = one["sections"][0]["headingId"]
    mixed = [
        {"elementId": here, "newSequence": 1},
        {"elementId": heading, "newSequence": 1, "elementType": "section"},
    ]
    body = {"elementType": "action", "elements": mixed, "scriptId": one["scriptId"]}
    api.post("/sequence/reorder", body, 400)


def test_a_stale_reorder_is_refused_and_says_why(api: Api) -> None:
    script = api.script()["scriptId"]
    a, b = action(api, script), action(api, script)
    seen = reorder(api, {b: 1})["revision"]
    reorder(api, {a: 1}, comment="No, this one.")
    refused = reorder(api, {b: 1}, 409, ifRevision=seen)
    assert "No, this one." in refused["details"]
    assert numbers(api, script) == {a: 1, b: 2}


def test_versions_of_an_element(api: Api) -> None:
    script = api.script()["scriptId"]
    mine = action(api, script, "Exit Ghost")
    made = api.post(
        "/sequence/version",
        {
            "elementType": "action",
            "elementId": mine,
            "newVersionData": {"description": "Exit Ghost, slowly"},
            "comment": "Slower.",
        },
    )
    assert (made["versionNumber"], made["sequenceNumber"]) == (2, 1)
    assert api.get(f"/actions/{mine}")["description"] == "Exit Ghost, slowly"
    listed = api.get("/sequence/version", elementType="action", elementId=mine)
    assert [(v["versionNumber"], v["comment"]) for v in listed] == [(1, None), (2, "Slower.")]
    shown = api.get(f"/sequence/version/action/{mine}/2", diff=1)
    assert shown["data"]["description"] == "Exit Ghost, slowly"
    assert shown["diff"] == {"description": {"from": "Exit Ghost", "to": "Exit Ghost, slowly"}}
    back = api.post(f"/sequence/version/action/{mine}/1/restore", {"comment": "Quicker."})
    assert back["versionNumber"] == 3
    assert api.get(f"/actions/{mine}")["description"] == "Exit Ghost"
    api.get(f"/sequence/version/action/{mine}/9", 404)
    api.get("/sequence/version/action/999999/1", 404)
    api.get("/sequence/version", 404, elementType="action", elementId=999_999)


def test_a_version_is_checked_like_a_change(api: Api) -> None:
    script = api.script()["scriptId"]
    mine = action(api, script)
    for data in ({"title": "x"}, {"description": None}, {"sectionId": 999_999}, {"comment": "x"}):
        body = {"elementType": "action", "elementId": mine, "newVersionData": data}
        assert "newVersionData" in api.post("/sequence/version", body, 400)["details"] or data == {
            "sectionId": 999_999
        }
    body = {"elementType": "action", "elementId": mine, "newVersionData": {"description": "b"}}
    api.post("/sequence/version", {**body, "versionNumber": 7}, 409)
    assert api.get(f"/actions/{mine}")["versionNumber"] == 1


def test_an_id_without_an_entity_has_versions_too(api: Api) -> None:
    """The first clients number an id, give it data, and create nothing else."""
    number(api, "musicSound", 77)
    body = {"elementType": "musicSound", "elementId": 77, "newVersionData": {"tempo": 92}}
    assert api.post("/sequence/version", body)["versionNumber"] == 2
    body["newVersionData"] = {"mode": "dorian"}
    assert api.post("/sequence/version", body)["versionNumber"] == 3
    assert api.get("/sequence/version/musicSound/77/3")["data"] == {"tempo": 92, "mode": "dorian"}
    assert api.get("/sequence/version/musicSound/77/1")["data"] == {}
    api.post("/sequence/version/musicSound/77/2/restore", {})
    assert api.get("/sequence/version/musicSound/77/4")["data"] == {"tempo": 92}
    body["elementId"] = 78
    api.post("/sequence/version", body, 404)


KINDS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "script": ("/scripts", {"title": "T"}, "scriptId", {"title": "U"}),
    "section": ("/scripts/{script}/sections", {"title": "T"}, "headingId", {"title": "U"}),
    "transition": (
        "/scripts/{script}/transitions", {"description": "t"}, "transitionId",
        {"description": "u"},
    ),
    "note": ("/scripts/{script}/notes", {"text": "t"}, "noteId", {"text": "u"}),
    "character": (
        "/characters", {"name": "N", "description": "d"}, "characterId", {"description": "e"},
    ),
    "spokenWord": ("/spokenWords", {"text": "t"}, "dialogueId", {"text": "u"}),
    "performer": ("/performers", {"name": "P"}, "performerId", {"name": "Q"}),
    "session": ("/sessions", {"context": "rain"}, "sessionId", {"context": ["snow", "wind"]}),
    "worldState": (
        "/worldStates", {"kind": "weather", "data": {"sky": "clear"}}, "worldStateId",
        {"data": {"sky": "grey"}},
    ),
    "context": (
        "/contexts", {"characterId": 0, "data": {"mood": "grim"}}, "contextId",
        {"data": {"mood": "gay"}},
    ),
    "paraphrase": (
        "/characters/{character}/paraphrases", {"text": "t", "commentary": "c"},
        "paraphraseId", {"text": "u"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_versions_and_comes_back(api: Api, kind: str) -> None:
    """List, content, difference, restore, and return from a soft delete, whatever it is."""
    path, body, id_field, change = KINDS[kind]
    script = api.script()["scriptId"]
    character = api.post("/characters", {"name": "Ghost", "description": "Of a king"})
    body = {**body, **({"characterId": character["characterId"]} if kind == "context" else {})}
    made = api.post(path.format(script=script, character=character["characterId"]), body)
    own = made[id_field]
    request = {"elementType": kind, "elementId": own, "newVersionData": change}
    assert api.post("/sequence/version", request)["versionNumber"] == 2
    diff = api.get(f"/sequence/version/{kind}/{own}/2", diff=1)["diff"]
    assert set(diff) == set(change)
    home = f"/scripts/{script}/{kind}s" if kind in ("section", "transition", "note") else None
    where = f"{home or _collection(kind)}/{own}"
    assert api.get(where)["versionNumber"] == 2
    api.delete(where, params={"comment": "Out."})
    api.get(where, 404)
    listed = api.get("/sequence/version", elementType=kind, elementId=own)
    assert [v["action"] for v in listed] == ["create", "update", "delete"]
    api.post(f"/sequence/version/{kind}/{own}/1/restore", {})
    back = api.get(where)
    assert {**back, **dict.fromkeys(_CHANGING)} == {**made, **dict.fromkeys(_CHANGING)}


_CHANGING = ("versionNumber", "updatedAt", "comment", "revision")


def _collection(kind: str) -> str:
    return "/paraphrases" if kind == "paraphrase" else f"/{kind}s"


def test_undo_and_redo_over_http(api: Api) -> None:
    script = api.script("Act I")["scriptId"]
    a, b = action(api, script, "one"), action(api, script, "two")
    api.patch(f"/actions/{a}", {"description": "uno", "comment": "In Italian."})
    reorder(api, {b: 1}, comment="Second first.")
    log = api.get(f"/scripts/{script}/changes", limit=2)
    assert [(c["action"], c["comment"]) for c in log] == [
        ("reorder", "Second first."),
        ("update", "In Italian."),
    ]
    undone = api.post(f"/scripts/{script}/undo", {"comment": "No."}, 200)
    assert undone["change"]["comment"] == "Second first."
    assert numbers(api, script) == {a: 1, b: 2}
    stale = {"changeId": log[0]["changeId"]}
    assert "In Italian." in api.post(f"/scripts/{script}/undo", stale, 409)["details"]
    api.post(f"/scripts/{script}/undo", {"changeId": log[1]["changeId"]}, 200)
    assert api.get(f"/actions/{a}")["description"] == "one"
    api.post(f"/scripts/{script}/redo", None, 200)
    api.post(f"/scripts/{script}/redo", None, 200)
    assert (api.get(f"/actions/{a}")["description"], numbers(api, script)) == ("uno", {b: 1, a: 2})
    assert api.post(f"/scripts/{script}/redo", None, 409)["errorCode"] == "nothing_to_redo"
    api.post("/scripts/999999/undo", None, 404)


def test_sections_move_with_their_contents_and_back(api: Api) -> None:
    made = api.script("Act I", "Act II")
    script = made["scriptId"]
    one, two = (section["headingId"] for section in made["sections"])
    first = api.post("/actions", {"description": "a", "scriptId": script, "sectionId": one})
    second = api.post("/actions", {"description": "b", "scriptId": script, "sectionId": two})
    body = {"elements": [{"headingId": two, "newSequence": 1}]}
    api.post(f"/scripts/{script}/sections/reorder", body, 200)
    assert numbers(api, script) == {second["actionId"]: 1, first["actionId"]: 2}
    assert numbers(api, script, "section") == {two: 1, one: 2}
    api.post(f"/scripts/{script}/undo", {}, 200)  # one change, taken back as one
    assert numbers(api, script) == {first["actionId"]: 1, second["actionId"]: 2}
    assert numbers(api, script, "section") == {one: 1, two: 2}


def test_the_list_of_numbers_pages(api: Api) -> None:
    script = api.script("Act I")["scriptId"]
    made = [action(api, script) for _ in range(3)]
    assert api.total("/sequence", scriptId=script) == 4
    found = api.get("/sequence", scriptId=script, elementType="action", limit=2, offset=1)
    assert [row["elementId"] for row in found] == made[1:]
    everything = api.get("/sequence", elementType="script")
    assert script in {row["elementId"] for row in everything}
    assert {row["elementType"] for row in everything} == {"script"}


def test_a_script_with_its_sections_is_one_change(api: Api) -> None:
    """Whoever undoes what they did last means all of it."""
    made = api.script("Act I", "Act II")
    script, one = made["scriptId"], made["sections"][0]["headingId"]
    edit = [{"headingId": one, "title": "Act One"}, {"title": "Act III"}]
    api.put(f"/scripts/{script}", {"title": "New", "sections": edit})
    log = api.get(f"/scripts/{script}/changes")
    assert [(change["action"], change["total"]) for change in log] == [("update", 3), ("create", 3)]
    api.post(f"/scripts/{script}/undo", {}, 200)
    back = api.get(f"/scripts/{script}")
    assert (back["title"], [s["title"] for s in back["sections"]]) == (
        "Hamlet", ["Act I", "Act II"],
    )  # fmt: skip
    api.post(f"/scripts/{script}/redo", {}, 200)
    titles = [s["title"] for s in api.get(f"/scripts/{script}")["sections"]]
    assert titles == ["Act One", "Act II", "Act III"]
    api.post(f"/scripts/{script}/undo", {}, 200)
    api.post(f"/scripts/{script}/undo", {}, 200)
    api.get(f"/scripts/{script}", 404)

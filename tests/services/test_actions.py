"""Actions, and what holds for every element of a story: place, references, filters, order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services import characters_support
from tests.services.characters_support import Api, ok, refused

prefix = characters_support.prefix
api = characters_support.api


def action(api: Api, text: str = "Exit.", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/actions", {"description": text, **more})
    return made


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [one["description"] for one in found]


def person(api: Api, script: int) -> int:
    body = {"name": "Ghost", "description": "Of a king.", "scriptId": script}
    return int(api.post("/characters", body)["characterId"])


def test_a_new_action_is_whole_and_found_everywhere_at_once(api: Api) -> None:
    script = api.script()
    section, ghost = api.section(script), person(api, script)
    body = {
        "description": "Enter Ghost, armed.",
        "characterId": ghost,
        "scriptId": script,
        "sectionId": section,
        "speechId": 3,
    }
    made = action(api, **body)
    assert made == {
        "actionId": made["actionId"],
        **body,
        "sequenceNumber": 1,
        "versionNumber": 1,
        "indexed": True,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "comment": None,
    }
    assert api.get(f"/actions/{made['actionId']}") == made
    for name in ("characterId", "scriptId", "sectionId"):
        assert api.get("/actions", **{name: body[name]}) == [made]
    assert api.get("/actions", scriptId=script, speechId=3, keyword="ghost armed") == [made]
    assert api.get("/actions", scriptId=script, speechId=4) == []


def test_an_action_needs_no_more_than_its_description(api: Api) -> None:
    made = action(api)
    assert {made[n] for n in ("characterId", "scriptId", "sectionId", "speechId")} == {None}
    assert action(api)["sequenceNumber"] == made["sequenceNumber"] + 1


def test_an_action_comes_into_the_script_of_its_section(api: Api) -> None:
    script = api.script()
    made = action(api, sectionId=api.section(script))
    assert (made["scriptId"], made["sequenceNumber"]) == (script, 1)
    loose = action(api)
    placed = api.patch(f"/actions/{loose['actionId']}", sectionId=made["sectionId"])
    assert (placed["scriptId"], placed["sequenceNumber"]) == (script, 2)


def test_lists_of_a_script_follow_the_story(api: Api) -> None:
    script = api.script()
    made = [action(api, text, scriptId=script)["actionId"] for text in ("one", "two", "three")]
    wanted = {f"action-{made[2]}": 1}
    api.run(
        api.context.orders.change(
            f"script-{script}",
            lambda root: (root.with_space("story", root.space("story").reorder(wanted)), None),
        )
    )
    assert texts(api.get("/actions", scriptId=script)) == ["three", "one", "two"]
    assert texts(api.get("/actions", scriptId=script, limit=1, offset=1)) == ["one"]
    assert api.total("/actions", scriptId=script, limit=1) == 3


def test_a_filter_never_shows_what_is_of_another_script(api: Api) -> None:
    one, two = api.script(), api.script()
    ghost = person(api, one)
    for script in (one, two):
        action(api, f"of {script}", scriptId=script, characterId=ghost, speechId=77)
    assert texts(api.get("/actions", scriptId=two, characterId=ghost)) == [f"of {two}"]
    assert texts(api.get("/actions", scriptId=one, speechId=77)) == [f"of {one}"]
    assert len(api.get("/actions", characterId=ghost)) == 2
    api.drop("script", one)
    assert texts(api.get("/actions", characterId=ghost)) == [f"of {two}"]
    assert api.get("/actions", scriptId=one) == []
    assert api.total("/actions", speechId=77) == 1


def test_references_must_be_there(api: Api) -> None:
    for field, kind in (("scriptId", "script"), ("sectionId", "section")):
        answer = api.ask("POST", "/actions", {"description": "x", field: 999_999})
        refused(answer, 400, f"{field}: no {kind} 999999")
    gone = person(api, api.script())
    api.drop("character", gone)
    answer = api.ask("POST", "/actions", {"description": "x", "characterId": gone})
    refused(answer, 400, f"characterId: no character {gone}")


def test_a_section_must_be_of_the_script(api: Api) -> None:
    one, two = api.script(), api.script()
    section = api.section(one)
    body = {"description": "x", "scriptId": two, "sectionId": section}
    refused(api.ask("POST", "/actions", body), 400, "sectionId", "not of the same script")
    made = action(api, scriptId=two)
    path = f"/actions/{made['actionId']}"
    refused(api.ask("PATCH", path, {"sectionId": section}), 400, "sectionId")
    placed = action(api, sectionId=section)
    path = f"/actions/{placed['actionId']}"
    refused(api.ask("PATCH", path, {"scriptId": two}), 400, "sectionId")
    refused(api.ask("PATCH", path, {"scriptId": None}), 400, "sectionId")
    moved = api.patch(path, scriptId=two, sectionId=None)
    assert (moved["scriptId"], moved["sequenceNumber"]) == (two, 2)
    assert api.get("/actions", scriptId=one) == []


def test_an_action_can_leave_its_script(api: Api) -> None:
    script = api.script()
    first, _ = (action(api, scriptId=script) for _ in range(2))
    loose = api.patch(f"/actions/{first['actionId']}", scriptId=None)
    assert loose["scriptId"] is None
    assert loose["sequenceNumber"] is not None
    assert api.get("/actions", scriptId=script)[0]["sequenceNumber"] == 2
    # Its place was kept, as that of a deleted one is: no reorder has closed the gap meanwhile.
    back = api.patch(f"/actions/{first['actionId']}", scriptId=script)
    assert back["sequenceNumber"] == first["sequenceNumber"]


def test_an_action_that_comes_with_lines_stays_in_their_script(api: Api) -> None:
    one, two = api.script(), api.script()
    made = action(api, scriptId=one)
    body = {"text": "Mark me.", "scriptId": one, "actionId": made["actionId"]}
    line = api.post("/spokenWords", body)["dialogueId"]
    path = f"/actions/{made['actionId']}"
    answer = api.ask("PATCH", path, {"scriptId": two})
    refused(answer, 409, "action_in_use", f"spokenWord {line}")
    api.patch(f"/spokenWords/{line}", actionId=None)
    assert api.patch(path, scriptId=two)["scriptId"] == two


def test_a_deleted_section_is_none_until_it_is_back(api: Api) -> None:
    script = api.script()
    section = api.section(script)
    made = action(api, sectionId=section)
    path = f"/actions/{made['actionId']}"
    api.drop("section", section)
    assert api.get(path)["sectionId"] is None
    assert api.get("/actions", scriptId=script)[0]["sectionId"] is None
    assert api.get("/actions", sectionId=section) == []
    assert api.patch(path, description="Exit slowly.")["sectionId"] is None
    answer = api.ask("POST", "/actions", {"description": "x", "sectionId": section})
    refused(answer, 400, "sectionId")
    api.restore("section", section)
    assert api.get(path)["sectionId"] == section


def test_an_action_leaves_a_deleted_section_behind_when_it_moves(api: Api) -> None:
    """Else it would be in a section of another script once that one is restored."""
    one, two = api.script(), api.script()
    section = api.section(one)
    path = f"/actions/{action(api, sectionId=section)['actionId']}"
    api.drop("section", section)
    assert api.patch(path, scriptId=two)["scriptId"] == two
    api.restore("section", section)
    assert api.get(path)["sectionId"] is None


def test_put_and_patch_change_only_what_is_given(api: Api) -> None:
    script = api.script()
    made = action(api, scriptId=script, characterId=person(api, script), speechId=5)
    path = f"/actions/{made['actionId']}"
    changed = ok(api.ask("PUT", path, {**made, "description": "Vanishes.", "comment": "why"}))
    expected = {"description": "Vanishes.", "comment": "why", "versionNumber": 2}
    assert changed == {**made, **expected, "updatedAt": changed["updatedAt"]}
    cleared = api.patch(path, characterId=None, speechId=None)
    assert (cleared["characterId"], cleared["speechId"]) == (None, None)
    refused(api.ask("PATCH", path, {"description": None}), 400, "description")
    refused(api.ask("PATCH", path, {"text": "x"}), 400, "text is not a field")
    refused(api.ask("PATCH", path, {"speechId": 1, "versionNumber": 1}), 409, "version 3")
    refused(api.ask("PATCH", path, {"scriptId": None, "versionNumber": 1}), 409, "version 3")


def test_nothing_new_is_no_new_version(api: Api) -> None:
    made = action(api)
    assert ok(api.ask("PUT", f"/actions/{made['actionId']}", made)) == made


def test_of_two_who_move_it_at_once_one_wins(api: Api) -> None:
    scripts = [api.script() for _ in range(4)]
    path = f"/actions/{action(api)['actionId']}"
    answers = api.all_at_once(*(("PATCH", path, {"scriptId": s}) for s in scripts))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert len(won) == 1
    assert len(lost) == 3
    assert api.get(path) == won[0]
    found = {script: api.total("/actions", scriptId=script) for script in scripts}
    assert found == {script: int(script == won[0]["scriptId"]) for script in scripts}
    # Nothing is left of the losers where they wanted to go.
    for script in scripts:
        root = api.run(api.context.orders.read(f"script-{script}"))
        assert len(root.space("story")) == int(script == won[0]["scriptId"])


def test_what_is_deleted_is_gone_until_it_is_restored(api: Api) -> None:
    script = api.script()
    made = [action(api, text, scriptId=script) for text in ("one", "two", "three")]
    path = f"/actions/{made[1]['actionId']}"
    api.delete(path, comment="cut")
    refused(api.ask("GET", path), 404, "There is no action")
    refused(api.ask("DELETE", path), 404)
    assert texts(api.get("/actions", scriptId=script)) == ["one", "three"]
    api.restore("action", made[1]["actionId"])
    assert [a["sequenceNumber"] for a in api.get("/actions", scriptId=script)] == [1, 2, 3]


def test_an_action_is_no_spoken_word(api: Api) -> None:
    made = action(api)["actionId"]
    refused(api.ask("GET", f"/spokenWords/{made + 1000}"), 404)
    word = api.post("/spokenWords", {"text": "x"})["dialogueId"]
    assert all("dialogueId" not in one for one in api.get("/actions"))
    assert all(one["dialogueId"] >= word for one in api.get("/spokenWords", offset=word - 1))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"description": ""}, "description"),
        ({"description": "d" * 10_001}, "10000"),
        ({"description": "a\x00b"}, "U+0000"),
        ({"speechId": 0}, "speechId"),
        ({"speechId": 1.5}, "speechId"),
        ({"speechId": "1"}, "speechId"),
        ({"characterId": 2**53}, "9007199254740991"),
        ({"actionId": None, "dialogueId": 1}, "dialogueId"),
        ({"text": "x"}, "text"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_stored(
    api: Api, change: dict[str, Any], word: str
) -> None:
    before = api.total("/actions")
    refused(api.ask("POST", "/actions", {"description": "Good.", **change}), 400, word)
    assert api.total("/actions") == before


def test_query_language_in_a_keyword_is_only_words(api: Api) -> None:
    script = api.script()
    action(api, "Exit *", scriptId=script)
    for keyword in ('{"match_all":{}}', "_exists_:kind", "*", "exit OR enter", "/.*/", "ex*"):
        assert api.get("/actions", scriptId=script, keyword=keyword) == []
    assert len(api.get("/actions", scriptId=script, keyword="EXIT")) == 1
    refused(api.ask("GET", "/actions", params={"keyword": ""}), 400, "keyword")
    refused(api.ask("GET", "/actions", params={"keyword": "k" * 201}), 400, "keyword")

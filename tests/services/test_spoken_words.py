"""Spoken words, and the same under the names of /lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services import characters_support
from tests.services.characters_support import Api, ok, refused

prefix = characters_support.prefix
api = characters_support.api

#: Path, id and wording of the two views.
VIEWS = [("/spokenWords", "dialogueId", "text"), ("/lines", "lineId", "content")]
views = pytest.mark.parametrize(("path", "id_name", "wording"), VIEWS)


def word(api: Api, text: str = "Who's there?", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/spokenWords", {"text": text, **more})
    return made


@views
def test_a_new_line_is_whole_and_found_everywhere_at_once(
    api: Api, path: str, id_name: str, wording: str
) -> None:
    script = api.script()
    section = api.section(script)
    who = api.post("/characters", {"name": "B", "description": "d", "scriptId": script})
    deed = api.post("/actions", {"description": "Starts.", "scriptId": script})
    body = {
        wording: "Who's there?",
        "characterId": who["characterId"],
        "scriptId": script,
        "sectionId": section,
        "speechId": 1,
        "actionId": deed["actionId"],
    }
    made = api.post(path, {**body, "comment": "first"})
    assert made == {
        id_name: made[id_name],
        **body,
        "sequenceNumber": 2,  # after the action: they share one line
        "versionNumber": 1,
        "indexed": True,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "comment": "first",
    }
    assert api.get(f"{path}/{made[id_name]}") == made
    for name in ("characterId", "sectionId", "actionId"):
        assert api.get(path, **{name: body[name]}) == [made]
    assert api.get(path, scriptId=script, speechId=1, keyword="there") == [made]
    assert api.get(path, scriptId=script, speechId=1, keyword="where") == []


def test_both_views_show_one_entity(api: Api) -> None:
    script = api.script()
    made = word(api, scriptId=script, speechId=9)
    line = api.get(f"/lines/{made['dialogueId']}")
    renamed = {**line, "dialogueId": line["lineId"], "text": line["content"]}
    del renamed["lineId"], renamed["content"]
    assert renamed == made
    api.patch(f"/lines/{line['lineId']}", content="Nay, answer me.")
    assert api.get("/spokenWords", scriptId=script)[0]["text"] == "Nay, answer me."
    api.delete(f"/spokenWords/{made['dialogueId']}")
    assert api.get("/lines", scriptId=script) == []


@views
def test_a_wording_has_one_name_in_each_view(
    api: Api, path: str, id_name: str, wording: str
) -> None:
    other = "content" if wording == "text" else "text"
    refused(api.ask("POST", path, {other: "x"}), 400, f"{wording} is required")
    made = api.post(path, {wording: "x"})
    refused(api.ask("PATCH", f"{path}/{made[id_name]}", {other: "y"}), 400, other)
    refused(api.ask("PATCH", f"{path}/{made[id_name]}", {wording: None}), 400, wording)


@views
def test_lines_of_a_script_follow_the_story(
    api: Api, path: str, id_name: str, wording: str
) -> None:
    script = api.script()
    made = [word(api, text, scriptId=script)["dialogueId"] for text in "abcd"]
    wanted = {f"spokenWord-{made[3]}": 1}
    api.run(
        api.context.orders.change(
            f"script-{script}",
            lambda root: (root.with_space("story", root.space("story").reorder(wanted)), None),
        )
    )
    assert [w[wording] for w in api.get(path, scriptId=script)] == ["d", "a", "b", "c"]
    assert [w[wording] for w in api.get(path, scriptId=script, limit=2, offset=1)] == ["a", "b"]
    assert api.total(path, scriptId=script, limit=2, offset=1) == 4
    refused(api.ask("GET", path, params={"scriptId": "x"}), 400, "scriptId")


def test_lists_over_all_scripts_come_in_pages_by_id(api: Api) -> None:
    mine = [word(api, f"t{n}", speechId=4321)["dialogueId"] for n in range(5)]
    found = api.get("/spokenWords", speechId=4321, limit=2, offset=2)
    assert [w["dialogueId"] for w in found] == mine[2:4]
    assert api.total("/spokenWords", speechId=4321, limit=2, offset=2) == 5
    assert api.total("/spokenWords", speechId=4321) == 5


def test_the_action_of_a_line_must_be_of_its_script(api: Api) -> None:
    one, two = api.script(), api.script()
    deed = api.post("/actions", {"description": "x", "scriptId": one})["actionId"]
    loose = api.post("/actions", {"description": "x"})["actionId"]
    for body in ({"scriptId": two, "actionId": deed}, {"actionId": deed}):
        answer = api.ask("POST", "/spokenWords", {"text": "x", **body})
        refused(answer, 400, "actionId", "not of the same script")
    answer = api.ask("POST", "/spokenWords", {"text": "x", "scriptId": one, "actionId": loose})
    refused(answer, 400, "actionId")
    refused(
        api.ask("POST", "/lines", {"content": "x", "actionId": 999_999}),
        400,
        "actionId: no action 999999",
    )
    assert word(api, actionId=loose)["actionId"] == loose
    path = f"/spokenWords/{word(api, scriptId=one, actionId=deed)['dialogueId']}"
    refused(api.ask("PATCH", path, {"scriptId": two}), 400, "actionId")
    refused(api.ask("PATCH", path, {"actionId": loose}), 400, "actionId")
    moved = api.patch(path, scriptId=two, actionId=None)
    assert (moved["scriptId"], moved["actionId"]) == (two, None)


def test_a_line_is_never_taken_for_an_action(api: Api) -> None:
    """Both live in one index; ids are per kind."""
    script = api.script()
    made = word(api, scriptId=script)
    while made["dialogueId"] <= max([a["actionId"] for a in api.get("/actions")], default=0):
        made = word(api, scriptId=script)
    answer = api.ask("POST", "/spokenWords", {"text": "x", "actionId": made["dialogueId"]})
    refused(answer, 400, "no action")


@views
def test_a_deleted_line_is_gone_until_it_is_restored(
    api: Api, path: str, id_name: str, wording: str
) -> None:
    script = api.script()
    made = api.post(path, {wording: "x", "scriptId": script})
    one = f"{path}/{made[id_name]}"
    refused(api.ask("DELETE", one, headers={"If-Match": '"2"'}), 409, "version 1")
    refused(api.ask("DELETE", one, headers={"If-Match": "x"}), 400, "If-Match")
    api.delete(one, comment="cut")
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {}), ("PUT", {})):
        refused(api.ask(method, one, body), 404, "There is no spokenWord")
    assert api.get(path, scriptId=script) == []
    api.restore("spokenWord", made[id_name])
    assert api.get(one)[wording] == "x"


@views
def test_put_and_patch_behave_alike(api: Api, path: str, id_name: str, wording: str) -> None:
    made = api.post(path, {wording: "x", "speechId": 2})
    for n, method in enumerate(("PUT", "PATCH"), 2):
        one = ok(api.ask(method, f"{path}/{made[id_name]}", {wording: f"v{n}", "comment": "c"}))
        assert (one[wording], one["speechId"], one["versionNumber"]) == (f"v{n}", 2, n)
        body = {wording: "late", "versionNumber": n - 1}
        refused(api.ask(method, f"{path}/{made[id_name]}", body), 409, f"version {n}", ": c")


def test_a_repeated_request_makes_one_line(api: Api) -> None:
    script = api.script()
    body = {"text": "Once.", "scriptId": script}
    key = {"Idempotency-Key": f"line-{script}"}
    first = api.post("/spokenWords", body, **key)
    assert api.post("/spokenWords", body, **key) == first
    refused(api.ask("POST", "/spokenWords", {**body, "text": "2"}, headers=key), 409)
    assert api.total("/lines", scriptId=script) == 1


def test_many_at_once_share_one_story_without_a_gap(api: Api) -> None:
    script = api.script()
    section = api.section(script)
    requests = [("POST", "/spokenWords", {"text": f"{n}", "sectionId": section}) for n in range(15)]
    requests += [
        ("POST", "/actions", {"description": f"{n}", "scriptId": script}) for n in range(15)
    ]
    made = [ok(answer, 201) for answer in api.all_at_once(*requests)]
    assert sorted(one["sequenceNumber"] for one in made) == list(range(1, 31))


@pytest.mark.parametrize(
    "text",
    ["O, that this too too solid flesh would melt,\n\tThaw", "אמת", "To be 🕯️", "x" * 10_000, " "],
)
def test_wordings_are_kept_as_they_are(api: Api, text: str) -> None:
    made = word(api, text)
    assert made["text"] == text
    assert api.get(f"/lines/{made['dialogueId']}")["content"] == text


@views
@pytest.mark.parametrize("bad", ["", "x" * 10_001, 7, None, ["x"]])
def test_a_bad_wording_is_refused(
    api: Api, path: str, id_name: str, wording: str, bad: Any
) -> None:
    before = api.total(path)
    refused(api.ask("POST", path, {wording: bad}), 400, wording)
    assert api.total(path) == before


@views
@pytest.mark.parametrize("character", ["\x00", "\x1b", "\r", "\x7f", "\x9f", "\ud800"])
def test_control_characters_are_refused(
    api: Api, path: str, id_name: str, wording: str, character: str
) -> None:
    before = api.total(path)
    content = json.dumps({wording: f"a{character}b"})
    headers = {"content-type": "application/json"}
    refused(api.run(api.client.post(path, content=content, headers=headers)), 400)
    assert api.total(path) == before


def test_a_body_must_be_json(api: Api) -> None:
    answer = api.run(api.client.post("/lines", content=b"content=x"))
    refused(answer, 415)
    plain = {"content-type": "application/json"}
    refused(api.run(api.client.post("/lines", content=b"{", headers=plain)), 400)
    refused(api.run(api.client.post("/lines", content=b"", headers=plain)), 400)
    refused(api.run(api.client.post("/lines", content=b"[]", headers=plain)), 400)
    twice = b'{"content":"a","content":"b"}'
    refused(api.run(api.client.post("/lines", content=twice, headers=plain)), 400, "twice")

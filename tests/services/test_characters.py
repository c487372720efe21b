"""Characters: created, cast in scripts, changed, deleted and found again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services import characters_support
from tests.services.characters_support import Api, ok, refused

prefix = characters_support.prefix
api = characters_support.api


def character(api: Api, name: str = "Francisco", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/characters", {"name": name, "description": "One.", **more})
    return made


def names(found: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in found]


def test_a_new_character_is_whole_and_found_everywhere_at_once(api: Api) -> None:
    script = api.script()
    body = {"name": "Barnardo", "description": "A sentinel.", "scriptId": script, "comment": "why"}
    made = ok(api.ask("POST", "/characters", body), 201)
    assert made == {
        "characterId": made["characterId"],
        "name": "Barnardo",
        "description": "A sentinel.",
        "scriptIds": [script],
        "sequenceNumber": 1,
        "versionNumber": 1,
        "indexed": True,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "comment": "why",
    }
    assert api.get(f"/characters/{made['characterId']}") == made
    assert api.get("/characters", scriptId=script) == [made]
    assert api.get(f"/characters/scripts/{script}") == [made]
    assert api.get("/characters", q="barnardo sentinel") == []
    assert made in api.get("/characters", q="SENTINEL")


def test_the_short_form_of_the_first_contract_is_enough(api: Api) -> None:
    first, second = character(api, "Gravedigger"), character(api, "Other")
    assert first["scriptIds"] == []
    assert second["sequenceNumber"] == first["sequenceNumber"] + 1  # a space of their own


def test_a_cast_has_an_order_of_its_own_in_each_script(api: Api) -> None:
    """The number shown in a cast is the one that this cast gives."""
    one, two = api.script("One"), api.script("Two")
    for name in ("A", "B"):
        character(api, name, scriptId=one)
    both = character(api, "C", scriptIds=[one, two, one])
    late = character(api, "D", scriptIds=[two])
    assert both["scriptIds"] == [one, two]
    assert both["sequenceNumber"] == 3
    of_two = api.get(f"/characters/scripts/{two}")
    assert [(c["name"], c["sequenceNumber"]) for c in of_two] == [("C", 1), ("D", 2)]
    joined = api.patch(f"/characters/{late['characterId']}", scriptIds=[one, one])
    assert (joined["scriptIds"], joined["sequenceNumber"]) == ([one], 4)
    assert names(api.get(f"/characters/scripts/{one}")) == ["A", "B", "C", "D"]
    assert names(api.get(f"/characters/scripts/{two}")) == ["C"]


def test_lists_come_in_pages_with_their_total(api: Api) -> None:
    script = api.script()
    for name in "abcde":
        character(api, name, scriptId=script)
    path = f"/characters/scripts/{script}"
    for where in (path, f"/characters?scriptId={script}"):
        assert names(ok(api.ask("GET", where))) == list("abcde")
    assert names(api.get(path, limit=2, offset=3)) == ["d", "e"]
    assert api.total(path, limit=2, offset=3) == 5
    assert api.get(path, offset=9) == []
    refused(api.ask("GET", path, params={"limit": 0}), 400, "limit")
    refused(api.ask("GET", path, params={"limit": 1001}), 400, "limit")
    refused(api.ask("GET", path, params={"offset": -1}), 400, "offset")
    refused(api.ask("GET", path, params={"page": 1}), 400, "page is not a parameter")


def test_put_and_patch_change_only_what_is_given(api: Api) -> None:
    path = f"/characters/{character(api, scriptId=api.script())['characterId']}"
    before = api.get(path)
    changed = ok(api.ask("PUT", path, {"name": "Francesco"}))
    assert changed["versionNumber"] == 2
    assert changed == {
        **before,
        **{k: changed[k] for k in ("name", "versionNumber", "updatedAt")},
    }
    assert changed["updatedAt"] > before["updatedAt"]
    again = ok(api.ask("PATCH", path, {**changed, "description": "Another.", "comment": "why"}))
    assert (again["description"], again["comment"], again["versionNumber"]) == (
        "Another.",
        "why",
        3,
    )
    assert api.get(path) == again


@pytest.mark.parametrize("field", ["name", "description", "scriptIds"])
def test_null_is_refused_where_a_value_must_be(api: Api, field: str) -> None:
    path = f"/characters/{character(api)['characterId']}"
    refused(api.ask("PATCH", path, {field: None}), 400, field)
    assert api.get(path)["versionNumber"] == 1


def test_a_stale_version_loses_and_is_told_to_whom(api: Api) -> None:
    path = f"/characters/{character(api)['characterId']}"
    first = api.ask("PATCH", path, {"name": "First", "versionNumber": 1, "comment": "mine"})
    assert first.headers["ETag"] == '"2"'
    refused(api.ask("PATCH", path, {"name": "Second", "versionNumber": 1}), 409, "2", "mine")
    stale = {"If-Match": '"1"'}
    refused(api.ask("PUT", path, {"name": "Second"}, headers=stale), 409, "version 2")
    refused(api.ask("DELETE", path, headers=stale), 409, "version 2")
    assert api.get(path)["name"] == "First"
    assert ok(api.ask("PUT", path, {"name": "Second"}, headers={"If-Match": '"2"'}))


def test_of_two_who_change_the_same_at_once_one_wins(api: Api) -> None:
    path = f"/characters/{character(api)['characterId']}"
    answers = api.all_at_once(
        *(("PATCH", path, {"name": f"Name {n}", "versionNumber": 1}) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert api.get(path) == winner


def test_what_is_deleted_is_gone_until_it_is_restored(api: Api) -> None:
    script = api.script()
    made = [character(api, name, scriptId=script) for name in "abc"]
    path = f"/characters/{made[1]['characterId']}"
    api.delete(path, comment="not needed")
    refused(api.ask("GET", path), 404, "There is no character")
    refused(api.ask("DELETE", path), 404)
    refused(api.ask("PATCH", path, {"name": "x"}), 404)
    cast = api.get(f"/characters/scripts/{script}")
    assert [(c["name"], c["sequenceNumber"]) for c in cast] == [("a", 1), ("c", 3)]
    api.restore("character", made[1]["characterId"])
    assert names(api.get(f"/characters/scripts/{script}")) == ["a", "b", "c"]
    assert api.get(path)["sequenceNumber"] == 2


def test_a_deleted_script_has_no_cast_but_its_characters_stay(api: Api) -> None:
    script = api.script()
    made = character(api, "Stays", scriptId=script)
    api.drop("script", script)
    refused(api.ask("GET", f"/characters/scripts/{script}"), 404, f"no script {script}")
    assert api.get("/characters", scriptId=script) == []
    assert api.get(f"/characters/{made['characterId']}")["name"] == "Stays"
    # As it was read, it can be sent back, deleted script and all.
    whole = api.get(f"/characters/{made['characterId']}")
    assert ok(api.ask("PUT", f"/characters/{made['characterId']}", {**whole, "name": "Stayed"}))
    api.restore("script", script)
    assert names(api.get(f"/characters/scripts/{script}")) == ["Stayed"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 101}, "100"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u202eb"}, "U+202E"),
        ({"name": " "}, "blank"),
        ({"name": 7}, "name"),
        ({"description": ""}, "description"),
        ({"description": "d" * 2001}, "2000"),
        ({"description": "a\x07b"}, "U+0007"),
        ({"scriptId": 999_999}, "scriptIds: no script 999999"),
        ({"scriptIds": [1, 0]}, "scriptIds[1]"),
        ({"scriptIds": "1"}, "scriptIds"),
        ({"scriptId": True}, "scriptId"),
        ({"scriptId": 1, "scriptIds": [2]}, "not both"),
        ({"nickname": "x"}, "nickname"),
        ({"comment": "c" * 1001}, "comment"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_stored(
    api: Api, change: dict[str, Any], word: str
) -> None:
    before = api.total("/characters")
    body = {"name": "Good", "description": "Good.", **change}
    refused(api.ask("POST", "/characters", body), 400, word)
    assert api.total("/characters") == before


def test_names_of_any_language_are_kept_as_they_are(api: Api) -> None:
    for name in ("Ὠφηλία", "حافظ", "哈姆雷特", "Yorick 💀", "O'Nils; DROP {{7*7}}", '"*" OR 1'):
        assert character(api, name)["name"] == name
        assert name in names(api.get("/characters", q=name.split()[0]) or [{"name": name}])


@pytest.mark.parametrize("missing", ["name", "description"])
def test_name_and_description_are_required(api: Api, missing: str) -> None:
    body = {"name": "Good", "description": "Good."}
    del body[missing]
    refused(api.ask("POST", "/characters", body), 400, f"{missing} is required")


@pytest.mark.parametrize("bad", ["0", "-1", "x", "1.0", "9" * 17, "%00"])
def test_an_id_that_is_none_is_bad_input(api: Api, bad: str) -> None:
    refused(api.ask("GET", f"/characters/{bad}"), 400)
    refused(api.ask("GET", f"/characters/scripts/{bad}"), 400)


def test_a_repeated_request_makes_one_character(api: Api) -> None:
    script = api.script()
    body = {"name": "Once", "description": "Only.", "scriptId": script}
    first = api.post("/characters", body, **{"Idempotency-Key": f"once-{script}"})
    assert api.post("/characters", body, **{"Idempotency-Key": f"once-{script}"}) == first
    assert api.total(f"/characters/scripts/{script}") == 1


def test_many_at_once_get_ids_and_numbers_of_their_own(api: Api) -> None:
    script = api.script()
    body = {"name": "Soldier", "description": "One of many.", "scriptId": script}
    answers = api.all_at_once(*[("POST", "/characters", body)] * 20)
    made = [ok(answer, 201) for answer in answers]
    assert sorted(one["sequenceNumber"] for one in made) == list(range(1, 21))
    assert len({one["characterId"] for one in made}) == 20

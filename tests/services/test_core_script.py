"""Scripts over HTTP: what they are, lists and filters, changes, conflicts, deletion."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from story_services.common.records import Why
from story_services.core_script.remarks.schemas import Note, Transition
from story_services.core_script.routes import DEFINITION
from story_services.core_script.scripts.schemas import Script
from story_services.core_script.sections.schemas import Section, SectionsReordered
from tests.services.core_script_support import Api, fits, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION) as made:
        yield made


def titles(scripts: list[dict[str, Any]]) -> list[str]:
    return [script["title"] for script in scripts]


def test_a_script_comes_with_its_sections_in_order(api: Api) -> None:
    made = api.script("Act I", "Act II", author="W. Shakespeare", comment="From the folio.")
    assert made == api.get(f"/scripts/{made['scriptId']}")
    assert made["author"] == "W. Shakespeare"
    assert made["description"] is None
    assert (made["versionNumber"], made["indexed"]) == (1, True)
    assert made["comment"] == "From the folio."
    assert made["createdAt"] == made["updatedAt"]
    sections = made["sections"]
    assert [(s["title"], s["sequence"], s["sequenceNumber"]) for s in sections] == [
        ("Act I", 1, 1),
        ("Act II", 2, 2),
    ]
    assert all(s["headingId"] == s["sectionId"] for s in sections)
    assert {s["scriptId"] for s in sections} == {made["scriptId"]}


def test_the_version_is_the_etag(api: Api) -> None:
    made = api.script()
    answer = api.client.get(f"/scripts/{made['scriptId']}")
    assert answer.headers["ETag"] == '"1"'


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.0", "99999999999999999999", "%00"])
def test_an_id_that_is_none_is_bad_input(api: Api, wrong: str) -> None:
    assert api.get(f"/scripts/{wrong}", 400)["errorCode"] == "bad_input"


def test_an_unknown_script_is_not_found(api: Api) -> None:
    for method, path in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/sections"),
        ("GET", "/sections/1"),
        ("GET", "/transitions"),
        ("GET", "/notes"),
    ]:
        error = api.call(method, f"/scripts/999999{path}", 404)
        assert error["message"] == "There is no script 999999."
    api.put("/scripts/999999", {"title": "x"}, 404)
    api.post("/scripts/999999/sections", {"title": "x"}, 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": " "},
        {"title": "x" * 201},
        {"title": None},
        {"title": 5},
        {"title": "a\u0000b"},
        {"title": "a\nb"},
        {"title": "\u202ecod"},
        {"title": "x", "author": ""},
        {"title": "x", "nothing": 1},
        {"title": "x", "sections": [{"title": ""}]},
        {"title": "x", "sections": [{}]},
        {"title": "x", "sections": "Act I"},
        {"title": "x", "comment": "x" * 1001},
        [],
    ],
)
def test_a_bad_body_stores_nothing(api: Api, body: Any) -> None:
    before = api.total("/scripts")
    error = api.post("/scripts", body, 400)
    assert error["errorCode"] == "bad_input"
    assert error["details"]
    assert api.total("/scripts") == before


def test_any_language_comes_back_as_it_was(api: Api) -> None:
    title, author = "המלט 🎭 ハムレット", "وليم شكسبير"
    made = api.script(title, title=title, author=author, description="a\nb\tc")
    read = api.get(f"/scripts/{made['scriptId']}")
    assert (read["title"], read["author"], read["description"]) == (title, author, "a\nb\tc")
    assert read["sections"][0]["title"] == title


def test_lists_ascend_by_number_and_sort_by_name(api: Api) -> None:
    by = {"author": "Sorted Zed"}
    for title in ("beta", "Alpha", "gamma"):
        api.script(title=title, **by)
    assert titles(api.get("/scripts", **by)) == ["beta", "Alpha", "gamma"]
    assert titles(api.get("/scripts", sortBy="sequence", **by)) == ["beta", "Alpha", "gamma"]
    assert titles(api.get("/scripts", sortBy="title", **by)) == ["Alpha", "beta", "gamma"]
    api.script(title="nobody's Zedition")
    api.script(title="yours Zedition", author="Young")
    found = titles(api.get("/scripts", sortBy="author", title="zedition"))
    assert found == ["yours Zedition", "nobody's Zedition"]
    api.get("/scripts", 400, sortBy="date")


def test_pages_say_how_many_there_are(api: Api) -> None:
    for number in range(5):
        api.script(title=f"Part {number}", author="Paged Author")
    for sort in ("sequence", "title"):
        query = {"author": "paged", "sortBy": sort, "limit": 2, "offset": 1}
        answer = api.client.get("/scripts", params=query)
        assert titles(answer.json()) == ["Part 1", "Part 2"]
        assert answer.headers["X-Total-Count"] == "5"
    assert api.get("/scripts", author="paged", offset=9) == []
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}, {"page": 1}):
        api.get("/scripts", 400, **wrong)


def test_filters_by_words(api: Api) -> None:
    api.script("The closet scene", title="Revenge of Laërtes", author="Kyd, Thomas")
    api.script("On the platform", title="Laertes alone", description="A revenge told twice.")
    assert titles(api.get("/scripts", title="laertes revenge")) == ["Revenge of Laërtes"]
    assert len(api.get("/scripts", title="LAERTES")) == 2
    assert titles(api.get("/scripts", author="thomas kyd")) == ["Revenge of Laërtes"]
    assert titles(api.get("/scripts", sectionTitle="closet")) == ["Revenge of Laërtes"]
    assert len(api.get("/scripts", q="laertes revenge")) == 2
    assert titles(api.get("/scripts", q="Laertes - Kyd!")) == ["Revenge of Laërtes"]
    assert api.get("/scripts", q="laertes denmark") == []
    assert titles(api.get("/scripts", title="laertes", sectionTitle="platform")) == [
        "Laertes alone"
    ]
    assert api.get("/scripts", title="revenge", sectionTitle="platform") == []
    api.get("/scripts", 400, q="")


@pytest.mark.parametrize("evil", ['"', "*", "title:*", "a OR b", "(", "{}", "?", "\\", "😈", "-"])
def test_words_are_never_a_language(api: Api, evil: str) -> None:
    api.script(title="Plain words")
    for name in ("q", "title", "author", "sectionTitle"):
        assert api.get("/scripts", **{name: evil}) == []


def test_a_change_is_found_at_once(api: Api) -> None:
    made = api.script("Prologue", title="Oldname")
    path = f"/scripts/{made['scriptId']}"
    for round_ in range(5):
        api.put(path, {"title": f"Newname{round_}"})
        assert titles(api.get("/scripts", title=f"newname{round_}")) == [f"Newname{round_}"]
        assert api.get("/scripts", title=f"newname{round_ - 1}") == []
    api.put(f"{path}/sections/{made['sections'][0]['headingId']}", {"title": "Epiloguish"})
    assert titles(api.get("/scripts", sectionTitle="epiloguish")) == ["Newname4"]


def test_filter_by_character_finds_cast_and_elements(api: Api) -> None:
    cast, does, other = (api.script(title=t)["scriptId"] for t in ("Cast", "Does", "Other"))
    fields = {"name": "Yorick", "description": "A jester.", "scriptIds": [cast]}
    yorick = api.aside(lambda c: c.entities.create("character", fields, Why())).id
    action = api.element("action", scriptId=does, characterId=yorick)
    api.element("spokenWord", scriptId=other)
    assert titles(api.get("/scripts", characterId=yorick)) == ["Cast", "Does"]
    assert titles(api.get("/scripts", actionId=action)) == ["Does"]
    assert titles(api.get("/scripts", characterId=yorick, actionId=action)) == ["Does"]
    assert api.get("/scripts", characterId=999999) == []
    assert api.get("/scripts", actionId=999999) == []
    api.aside(lambda c: c.entities.delete("action", action, Why()))
    assert titles(api.get("/scripts", characterId=yorick)) == ["Cast"]
    assert api.get("/scripts", actionId=action) == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_absent_fields_stay_and_null_empties(api: Api, method: str) -> None:
    made = api.script(author="Anon", description="Long ago")
    path = f"/scripts/{made['scriptId']}"
    changed = api.call(method, path, 200, {"title": "Lear", "comment": "Another play."})
    assert (changed["title"], changed["author"], changed["versionNumber"]) == ("Lear", "Anon", 2)
    assert changed["comment"] == "Another play."
    assert changed["sequenceNumber"] == made["sequenceNumber"]
    assert changed == api.get(path)
    changed = api.call(method, path, 200, {"author": None})
    assert (changed["author"], changed["description"]) == (None, "Long ago")
    for body in ({"title": None}, {"sections": None}, {"title": ""}, {"sections": [{}]}):
        api.call(method, path, 400, body)
    assert api.get(path) == changed


def test_what_was_read_can_be_sent_back(api: Api) -> None:
    made = api.script("One", "Two", author="Anon")
    path = f"/scripts/{made['scriptId']}"
    assert api.put(path, made) == made
    copy = api.post("/scripts", made)
    assert copy["scriptId"] != made["scriptId"]
    assert [s["title"] for s in copy["sections"]] == ["One", "Two"]


def test_sections_of_a_change_are_changed_or_appended(api: Api) -> None:
    made = api.script("One", "Two")
    path = f"/scripts/{made['scriptId']}"
    first, second = made["sections"]
    edits = [{"title": "Three"}, {"headingId": second["headingId"], "title": "Second"}]
    changed = api.put(path, {"title": "All new", "sections": edits})
    assert [s["title"] for s in changed["sections"]] == ["One", "Second", "Three"]
    assert [s["sequence"] for s in changed["sections"]] == [1, 2, 3]
    assert [s["versionNumber"] for s in changed["sections"]] == [1, 2, 1]
    assert changed == api.get(path)
    only = [{"headingId": first["headingId"], "title": "First"}]
    changed = api.patch(path, {"sections": only})
    assert changed["versionNumber"] == 2, "the script itself did not change"
    assert changed["sections"][0]["title"] == "First"


def test_sections_of_others_cannot_be_changed(api: Api) -> None:
    mine, other = api.script("Mine"), api.script("Other")
    path = f"/scripts/{mine['scriptId']}"
    foreign = other["sections"][0]["headingId"]
    own = mine["sections"][0]["headingId"]
    for edits in (
        [{"headingId": foreign, "title": "x"}],
        [{"headingId": 999999, "title": "x"}],
        [{"headingId": own, "title": "x"}, {"headingId": own, "title": "y"}],
    ):
        error = api.put(path, {"title": "Changed", "sections": edits}, 400)
        assert "sections" in error["details"]
    assert api.get(path) == mine
    assert api.get(f"/scripts/{other['scriptId']}") == other


def test_a_stale_version_changes_nothing(api: Api) -> None:
    made = api.script("One")
    path = f"/scripts/{made['scriptId']}"
    heading = made["sections"][0]["headingId"]
    headers = {"X-Consumer-Username": "ann"}
    now = api.put(path, {"title": "Newer", "comment": "Nicer."}, headers=headers)
    stale: list[dict[str, Any]] = [
        {"json": {"title": "Mine", "versionNumber": 1}},
        {"json": {"title": "Mine"}, "headers": {"If-Match": '"1"'}},
        {"json": {"title": "Mine", "sections": [{"title": "New"}], "versionNumber": 1}},
    ]
    for request in stale:
        error = api.call("PUT", path, 409, **request)
        assert error["errorCode"] == "conflict"
        for word in ("version 2", "update", "ann", "Nicer.", now["updatedAt"]):
            assert word in error["details"]
    api.call("DELETE", path, 409, headers={"If-Match": '"1"'})
    api.put(f"{path}/sections/{heading}", {"title": "Uno"})
    edit = {"headingId": heading, "title": "Eins", "versionNumber": 1}
    api.put(path, {"title": "Mine", "sections": [edit]}, 409)
    read = api.get(path)
    assert (read["title"], [s["title"] for s in read["sections"]]) == ("Newer", ["Uno"])
    api.put(path, {"title": "Mine", "versionNumber": 2}, headers={"If-Match": '"2"'})


def test_of_many_who_change_the_same_one_wins(api: Api) -> None:
    made = api.script()
    path = f"/scripts/{made['scriptId']}"

    def change(number: int) -> int:
        body = {"title": f"Version of {number}", "versionNumber": 1}
        return api.client.put(path, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(change, range(8)))
    assert statuses == [200] + [409] * 7
    assert api.get(path)["versionNumber"] == 2


def test_a_deleted_script_hides_all_that_is_in_it(api: Api) -> None:
    made = api.script("One", "Two", title="Vanishing")
    path = f"/scripts/{made['scriptId']}"
    note = api.post(f"{path}/notes", {"text": "Hm."})
    heading = made["sections"][0]["headingId"]
    api.delete(path, params={"comment": "A mistake."})
    for below in ("", "/sections", f"/sections/{heading}", "/notes", f"/notes/{note['noteId']}"):
        api.get(path + below, 404)
    api.delete(path, 404)
    api.put(path, {"title": "x"}, 404)
    api.post(f"{path}/sections", {"title": "x"}, 404)
    assert api.get("/scripts", title="vanishing") == []
    assert api.get("/scripts", sectionTitle="one", title="vanishing") == []
    api.restore("script", made["scriptId"])
    back = api.get(path)
    assert back["sections"] == made["sections"]
    assert (back["sequenceNumber"], back["versionNumber"]) == (made["sequenceNumber"], 3)
    assert api.get(f"{path}/notes") == [note]


def test_a_repeated_post_creates_once(api: Api) -> None:
    body = {"title": "Once only", "sections": [{"title": "One"}]}
    headers = {"Idempotency-Key": "once-only-1"}
    first = api.post("/scripts", body, headers=headers)
    assert api.post("/scripts", body, headers=headers) == first
    api.post("/scripts", {"title": "Once other"}, 409, headers=headers)
    assert len(api.get("/scripts", title="once only")) == 1


def test_answers_are_what_the_document_says(api: Api) -> None:
    made = api.script("One")
    path, heading = f"/scripts/{made['scriptId']}", made["sections"][0]["headingId"]
    fits(Script, made)
    fits(Script, api.get("/scripts", limit=1)[0])
    fits(Section, api.get(f"{path}/sections/{heading}"))
    fits(Transition, api.post(f"{path}/transitions", {"description": "A cut."}))
    fits(Note, api.post(f"{path}/notes", {"text": "Hm."}))
    body = {"elements": [{"headingId": heading, "newSequence": 1}]}
    fits(SectionsReordered, api.put(f"{path}/sections/reorder", body))


def test_operations_keep_their_names(api: Api) -> None:
    """Clients of the earlier contracts call them by these."""
    paths = api.get("/openapi.json")["paths"]
    names = {o["operationId"] for path in paths.values() for o in path.values()}
    assert names >= {
        "createScript", "listScripts", "updateScript", "addSectionHeading",
        "updateSectionHeading", "reorderSectionHeadings", "getScriptById",
    }  # fmt: skip

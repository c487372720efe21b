"""Paraphrases in three kinds, below their originals and all together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services import characters_support
from tests.services.characters_support import Api, ok, refused

prefix = characters_support.prefix
api = characters_support.api

#: Path of the originals, kind, body of one.
KINDS = [
    ("/characters", "character", {"name": "Ghost", "description": "Of a king."}),
    ("/actions", "action", {"description": "Exit Ghost."}),
    ("/spokenWords", "spokenWord", {"text": "Mark me."}),
]
kinds = pytest.mark.parametrize(("path", "kind", "original"), KINDS)
WORDING = {"text": "Listen.", "commentary": "Plainer."}


def new(api: Api, path: str, body: dict[str, Any]) -> int:
    made = api.post(path, body)
    return int(next(iter(made.values())))


def a_word(api: Api, **more: Any) -> int:
    return new(api, "/spokenWords", {"text": "Mark me.", **more})


def a_session(api: Api) -> int:
    return api.make(
        "session",
        userId=None,
        name=None,
        scriptId=None,
        context=None,
        contextEntries=[],
        data={},
    )


def reworded(api: Api, session: int, name: str) -> None:
    """Another revision of the session."""
    reason = characters_support.Why(comment="x")
    api.run(api.context.entities.update("session", session, {"name": name}, reason))


@kinds
def test_each_original_numbers_its_own(
    api: Api, path: str, kind: str, original: dict[str, Any]
) -> None:
    one, other = new(api, path, original), new(api, path, original)
    made = api.post(f"{path}/{one}/paraphrases", WORDING)
    assert made == {
        "paraphraseId": made["paraphraseId"],
        "originalId": one,
        "originalType": kind,
        **WORDING,
        "style": None,
        "sessionId": None,
        "contextRevision": None,
        "source": "human",
        "sequenceNumber": 1,
        "versionNumber": 1,
        "indexed": True,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "comment": None,
    }
    second = api.post(f"{path}/{one}/paraphrases", {**WORDING, "originalId": one})
    assert second["sequenceNumber"] == 2
    assert api.post(f"{path}/{other}/paraphrases", WORDING)["sequenceNumber"] == 1
    assert api.get(f"{path}/{one}/paraphrases") == [made, second]
    assert api.get(f"{path}/{one}/paraphrases", limit=1, offset=1) == [second]
    assert api.total(f"{path}/{one}/paraphrases", limit=1) == 2
    assert api.get(f"/paraphrases/{made['paraphraseId']}") == made
    assert api.get("/paraphrases", **{f"{kind}Id": one}) == [made, second]
    # The original itself is as it was.
    assert api.get(f"{path}/{one}")["versionNumber"] == 1


@kinds
def test_a_paraphrase_lives_and_dies_with_its_original(
    api: Api, path: str, kind: str, original: dict[str, Any]
) -> None:
    one = new(api, path, original)
    made = api.post(f"{path}/{one}/paraphrases", WORDING)["paraphraseId"]
    api.delete(f"{path}/{one}")
    refused(api.ask("GET", f"{path}/{one}/paraphrases"), 404, f"no {kind} {one}")
    refused(api.ask("POST", f"{path}/{one}/paraphrases", WORDING), 404)
    refused(api.ask("GET", f"/paraphrases/{made}"), 404)
    refused(api.ask("PATCH", f"/paraphrases/{made}", {"text": "x"}), 404)
    assert api.get("/paraphrases", **{f"{kind}Id": one}) == []
    flat = {**WORDING, "originalType": kind, "originalId": one}
    refused(api.ask("POST", "/paraphrases", flat), 400, f"originalId: no {kind} {one}")
    api.restore(kind, one)
    assert [p["paraphraseId"] for p in api.get(f"{path}/{one}/paraphrases")] == [made]


def test_kinds_are_never_mixed(api: Api) -> None:
    """The same id stands for a character, an action and a line."""
    made: dict[str, int] = {}
    ids = {kind: new(api, path, body) for path, kind, body in KINDS}
    for path, kind, body in KINDS:
        while ids[kind] < max(ids.values()):
            ids[kind] = new(api, path, body)
        made[kind] = api.post(f"{path}/{ids[kind]}/paraphrases", WORDING)["paraphraseId"]
    (same,) = set(ids.values())
    for path, kind, _ in KINDS:
        for found in (
            api.get(f"{path}/{same}/paraphrases"),
            api.get("/paraphrases", **{f"{kind}Id": same}),
        ):
            assert [p["paraphraseId"] for p in found] == [made[kind]]
    assert api.get("/paraphrases", characterId=same, actionId=same) == []


def test_the_body_cannot_name_another_original_than_the_path(api: Api) -> None:
    one = a_word(api)
    path = f"/spokenWords/{one}/paraphrases"
    refused(api.ask("POST", path, {**WORDING, "originalId": one + 1}), 400, "originalId")
    body = {**WORDING, "originalType": "action"}
    refused(api.ask("POST", path, body), 400, "originalType")
    assert api.post(path, {**WORDING, "originalType": "line", "originalId": one})
    assert api.total(path) == 1


def test_the_flat_route_needs_the_type_of_the_original(api: Api) -> None:
    one = a_word(api)
    body = {**WORDING, "originalId": one}
    refused(api.ask("POST", "/paraphrases", body), 400, "originalType is required")
    refused(api.ask("POST", "/paraphrases", {**body, "originalType": "note"}), 400, "originalType")
    made = api.post("/paraphrases", {**body, "originalType": "dialogue", "style": "plain"})
    assert (made["originalType"], made["style"]) == ("spokenWord", "plain")
    assert api.get(f"/spokenWords/{one}/paraphrases") == [made]


def test_lists_are_narrowed_by_every_filter(api: Api) -> None:
    one, session = a_word(api), a_session(api)
    path = f"/spokenWords/{one}/paraphrases"
    plain = api.post(path, {**WORDING, "style": "plain", "sessionId": session})
    api.post(path, {"text": "Hark!", "commentary": "Older words.", "style": "old"})
    assert api.get("/paraphrases", style="plain", spokenWordId=one) == [plain]
    assert api.get("/paraphrases", sessionId=session) == [plain]
    assert api.get("/paraphrases", keyword="listen", sessionId=session) == [plain]
    assert api.get("/paraphrases", keyword="plainer", sessionId=session) == [plain]
    assert api.get("/paraphrases", keyword="older", sessionId=session) == []
    assert api.get("/paraphrases", originalType="line", sessionId=session) == [plain]
    assert api.get("/paraphrases", originalType="character", sessionId=session) == []
    refused(api.ask("GET", "/paraphrases", params={"originalType": "x"}), 400, "originalType")


def test_a_paraphrase_keeps_the_revision_its_session_had(api: Api) -> None:
    """So it can be told later that the context has changed since."""
    early, late = a_session(api), a_session(api)
    reworded(api, late, "two")
    one = a_word(api)
    made = api.post(f"/spokenWords/{one}/paraphrases", {**WORDING, "sessionId": late})
    assert (made["sessionId"], made["contextRevision"]) == (late, 2)
    path = f"/paraphrases/{made['paraphraseId']}"
    reworded(api, late, "three")
    assert api.patch(path, text="Hear me.")["contextRevision"] == 2
    sent_back = ok(api.ask("PUT", path, api.get(path)))
    assert sent_back["contextRevision"] == 2
    moved = api.patch(path, sessionId=early)
    assert (moved["sessionId"], moved["contextRevision"]) == (early, 1)
    cleared = api.patch(path, sessionId=None, style=None)
    assert (cleared["sessionId"], cleared["contextRevision"]) == (None, None)
    refused(api.ask("PATCH", path, {"sessionId": 999_999}), 400, "sessionId: no session 999999")


def test_put_and_patch_change_only_what_is_given(api: Api) -> None:
    one = a_word(api)
    made = api.post(f"/spokenWords/{one}/paraphrases", {**WORDING, "style": "plain"})
    path = f"/paraphrases/{made['paraphraseId']}"
    changed = ok(api.ask("PUT", path, {"text": "Hear me.", "comment": "why"}))
    expected = {"text": "Hear me.", "versionNumber": 2, "comment": "why"}
    assert changed == {**made, **expected, "updatedAt": changed["updatedAt"]}
    refused(api.ask("PATCH", path, {"originalId": one + 1}), 400, "originalId")
    refused(api.ask("PATCH", path, {"originalType": "action"}), 400, "originalType")
    for field in ("text", "commentary", "originalId"):
        refused(api.ask("PATCH", path, {field: None}), 400, field)
    refused(api.ask("PATCH", path, {"text": "x", "versionNumber": 1}), 409, "version 2", "why")


def test_what_is_deleted_is_gone_until_it_is_restored(api: Api) -> None:
    one = a_word(api)
    first, second = (
        api.post(f"/spokenWords/{one}/paraphrases", WORDING)["paraphraseId"] for _ in range(2)
    )
    api.delete(f"/paraphrases/{first}", comment="worse")
    refused(api.ask("GET", f"/paraphrases/{first}"), 404)
    refused(api.ask("DELETE", f"/paraphrases/{first}"), 404)
    left = api.get(f"/spokenWords/{one}/paraphrases")
    assert [(p["paraphraseId"], p["sequenceNumber"]) for p in left] == [(second, 2)]
    api.restore("paraphrase", first)
    assert api.get(f"/paraphrases/{first}")["sequenceNumber"] == 1


def test_a_deleted_script_hides_the_paraphrases_of_its_lines(api: Api) -> None:
    script, session = api.script(), a_session(api)
    one = a_word(api, scriptId=script)
    body = {**WORDING, "sessionId": session}
    made = api.post(f"/spokenWords/{one}/paraphrases", body)
    api.drop("script", script)
    refused(api.ask("GET", f"/spokenWords/{one}/paraphrases"), 404)
    refused(api.ask("GET", f"/paraphrases/{made['paraphraseId']}"), 404)
    assert api.get("/paraphrases", sessionId=session) == []
    assert api.total("/paraphrases", sessionId=session, limit=5) == 0
    api.restore("script", script)
    assert api.get("/paraphrases", sessionId=session) == [made]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"commentary": ""}, "commentary"),
        ({"commentary": None}, "commentary"),
        ({"style": ""}, "style"),
        ({"style": "s" * 101}, "style"),
        ({"style": "a\u200bb"}, "U+200B"),
        ({"sessionId": 999_999}, "sessionId: no session 999999"),
        ({"instruction": "x"}, "instruction"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_stored(
    api: Api, change: dict[str, Any], word: str
) -> None:
    before = api.total("/paraphrases")
    path = f"/spokenWords/{a_word(api)}/paraphrases"
    refused(api.ask("POST", path, {**WORDING, **change}), 400, word)
    assert api.total("/paraphrases") == before


@pytest.mark.parametrize("path", [path for path, _, _ in KINDS])
def test_an_unknown_original_is_not_found(api: Api, path: str) -> None:
    refused(api.ask("GET", f"{path}/999999/paraphrases"), 404, "999999")
    refused(api.ask("POST", f"{path}/999999/paraphrases", WORDING), 404, "999999")
    refused(api.ask("GET", f"{path}/x/paraphrases"), 400)
    refused(api.ask("GET", "/paraphrases/999999"), 404)


def test_many_at_once_get_numbers_of_their_own(api: Api) -> None:
    path = f"/spokenWords/{a_word(api)}/paraphrases"
    answers = api.all_at_once(*[("POST", path, WORDING)] * 12)
    made = [ok(answer, 201) for answer in answers]
    assert sorted(p["sequenceNumber"] for p in made) == list(range(1, 13))

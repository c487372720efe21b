"""Bad values in every kind of field: refused with a sentence, and nothing is stored. What is only
unusual is kept to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.contract_store import Place, place
from tests.services.contract_world import COLLECTIONS, ID_FIELDS

MAX_ID = 2**53 - 1

HIDDEN = {
    "NUL": "\0", "bell": "\a", "escape": "\x1b[31m", "delete": "\x7f", "NEL": "\x85",
    "newline": "\n", "tab": "\t", "return": "\r", "zero width space": "\u200b",
    "soft hyphen": "\u00ad", "override": "\u202e", "embedding": "\u202a", "isolate": "\u2066",
    "mark": "\u200f", "arabic mark": "\u061c", "BOM": "\ufeff", "line separator": "\u2028",
    "tag": "\U000e0041", "high surrogate": "\ud800", "low surrogate": "\udfff",
}  # fmt: skip
#: Names that show nothing.
BLANK = ["", " ", "\u00a0\u3000", "\u2003", "\u200d", "\u200c\u200d"]
NOT_TEXT = [1, 1.5, True, [], ["Hamlet"], {}, {"match_all": {}}, {"$ne": None}]
#: (path, body, field, longest)
NAMES = [
    ("/scripts", {}, "title", 200),
    ("/scripts", {"title": "A"}, "author", 200),
    ("/scripts/{scriptId}/sections", {}, "title", 200),
    ("/characters", {"description": "D."}, "name", 100),
    ("/performers", {}, "name", 100),
    ("/sessions", {}, "name", 200),
    ("/worldStates", {}, "kind", 100),
    ("/paraphrases", {"originalType": "action", "originalId": 1, "text": "T", "commentary": "C"},
     "style", 100),
]  # fmt: skip
TEXTS = [
    ("/scripts", {"title": "A"}, "description", 10_000),
    ("/scripts/{scriptId}/transitions", {}, "description", 10_000),
    ("/scripts/{scriptId}/notes", {}, "text", 10_000),
    ("/characters", {"name": "N"}, "description", 2000),
    ("/actions", {}, "description", 10_000),
    ("/spokenWords", {}, "text", 10_000),
    ("/lines", {}, "content", 10_000),
    (
        "/paraphrases",
        {"originalType": "action", "originalId": 1, "text": "T"},
        "commentary",
        10_000,
    ),
    ("/sessions", {}, "context", 20_000),
    ("/scripts", {"title": "A"}, "comment", 1000),
]
#: Legal wherever a text is: nothing is trimmed, folded, interpreted or lost.
UNUSUAL = [
    "🎭👩‍👩‍👧‍👦🏴‍☠️ 💀", "שלום עליכם", "مرحبا بالعالم", "abc \u05d0\u05d1 def", "नमस्ते", "می‌خواهم",
    "e\u0301 and \u00e9", "ﬁ ſ ẞ İ ı", "\U0001d573\U0001d586\U0001d592", "  spaces  ", "a\u00a0b",
    "'; DROP TABLE scripts;--", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x/a}",
    "$(id)", "`id`", "../../etc/passwd", "-rf", "CON", "null", "true", "0", "%00%2e", "\\u0000",
    '{"match_all":{}}', "* OR 1=1", "\\", '"', "\U0010fffd\ufffd", "x" * 90,
]  # fmt: skip


@pytest.fixture(scope="module")
def at(node_url: str) -> Iterator[Place]:
    with place(node_url) as made:
        yield made


def _send(at: Place, path: str, body: dict[str, Any], method: str = "POST") -> Any:
    """The request with its body in ASCII, so that lone surrogates can be said at all."""
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    path = path.format(scriptId=at.world.script)
    return at.client.request(method, path, content=content, headers=headers)


@pytest.mark.parametrize(("path", "body", "field", "longest"), NAMES)
def test_names_are_one_line_that_shows_itself(
    at: Place, path: str, body: dict[str, Any], field: str, longest: int
) -> None:
    with at.unchanged():
        for value in [
            *[f"Ham{hidden}let" for hidden in HIDDEN.values()], *HIDDEN.values(), *BLANK,
            "x" * (longest + 1), "🎭" * (longest + 1), *NOT_TEXT,
        ]:  # fmt: skip
            answer = _send(at, path, {**body, field: value})
            assert answer.status_code == 400, (value, answer.text)
            assert answer.json().keys() == {"errorCode", "message", "details"}


@pytest.mark.parametrize(("path", "body", "field", "longest"), TEXTS)
def test_texts_hold_no_control_characters(
    at: Place, path: str, body: dict[str, Any], field: str, longest: int
) -> None:
    bad = [HIDDEN[n] for n in ("NUL", "bell", "escape", "delete", "NEL", "return")]
    bad += [HIDDEN["high surrogate"], HIDDEN["low surrogate"]]
    wrong = [v for v in NOT_TEXT if field != "context" or v in (1, 1.5, True)]
    with at.unchanged():
        for value in [*[f"Who{c}'s there?" for c in bad], "x" * (longest + 1), *wrong]:
            answer = _send(at, path, {**body, field: value})
            assert answer.status_code == 400, (value, answer.text)


def test_changes_are_refused_like_creations(at: Place) -> None:
    """PUT and PATCH of everything, with the worst of the above in every text of it."""
    with at.unchanged():
        for kind, path in COLLECTIONS.items():
            if kind == "casting":
                continue
            address = f"{path.format(scriptId=at.world.script)}/{at.world.targets[kind]}"
            fields = at.client.get(address).json()
            texts = [f for f, v in fields.items() if isinstance(v, str) and not f.endswith("At")]
            for field in [*texts, "comment"]:
                for method in ("PUT", "PATCH"):
                    for value in ("\0", "\ud800", 1, "x" * 20_001):
                        if field in ("source",):
                            continue
                        answer = _send(at, address, {field: value}, method)
                        assert answer.status_code == 400, (address, field, value, answer.text)


@pytest.mark.parametrize("text", UNUSUAL)
def test_what_is_only_unusual_is_kept_to_the_letter(at: Place, text: str) -> None:
    for kind, body in {
        "script": {"title": text, "author": text, "description": text},
        "character": {"name": text, "description": text},
        "spokenWord": {"text": text},
        "session": {"name": text, "context": [text, {text: text}], "data": {text: [text]}},
    }.items():
        made = _send(at, COLLECTIONS[kind], {**body, "comment": text})
        assert made.status_code == 201, made.text
        read = at.client.get(f"{COLLECTIONS[kind]}/{made.json()[ID_FIELDS[kind]]}").json()
        assert {**read, "comment": text} == {**read, **body, "comment": text}
        assert read["comment"] == text
    if any(c.isalnum() for c in text):
        found = at.client.get("/sessions", params={"context": text}).json()
        assert text in [entry for session in found for entry in session["contextEntries"]]


NOT_IDS = [0, -1, 1.5, MAX_ID + 1, 2**63, 2**64, "1", "1,2", "*", "script-1", True, [1], {"gte": 0}]
REFERENCES = [
    ("/actions", {"description": "D"}, "scriptId sectionId characterId speechId"),
    ("/spokenWords", {"text": "T"}, "scriptId sectionId characterId speechId actionId"),
    ("/characters", {"name": "N", "description": "D"}, "scriptId"),
    ("/sessions", {}, "scriptId userId"),
    ("/contexts", {"characterId": 1, "data": {}},
     "characterId scriptId sessionId fromSequence toSequence"),
    ("/worldStates", {"kind": "k"}, "scriptId sessionId fromSequence toSequence"),
    ("/castings", {"scriptId": 1, "characterId": 1, "performerId": 1},
     "scriptId characterId performerId"),
    ("/paraphrases", {"originalType": "action", "originalId": 1, "text": "T", "commentary": "C"},
     "originalId sessionId"),
    ("/sequence", {"elementType": "action", "elementId": 1}, "elementId scriptId"),
    ("/sequence/version", {"elementType": "action", "elementId": 1, "newVersionData": {}},
     "elementId versionNumber"),
    ("/scripts/{scriptId}/sections", {"title": "T"}, "afterHeadingId"),
    ("/scripts/{scriptId}/notes", {"text": "T"}, "sectionId"),
]  # fmt: skip


#: Fields that must name something that is there.
NAMING = {
    "scriptId", "sectionId", "characterId", "actionId", "sessionId", "performerId", "originalId",
    "afterHeadingId",
}  # fmt: skip


@pytest.mark.parametrize(("path", "body", "fields"), REFERENCES)
def test_ids_are_whole_numbers_that_every_reader_keeps(
    at: Place, path: str, body: dict[str, Any], fields: str
) -> None:
    with at.unchanged():
        for field in fields.split():
            for value in NOT_IDS:
                answer = _send(at, path, {**body, field: value})
                assert answer.status_code == 400, (field, value, answer.text)
            if field in NAMING or (field, path) == ("elementId", "/sequence/version"):
                answer = _send(at, path, {**body, field: MAX_ID})  # well formed, and not there
                assert answer.status_code in (400, 404), (field, answer.text)
                assert str(MAX_ID) in answer.text


def test_a_list_of_ids_is_checked_one_by_one(at: Place) -> None:
    body = {"name": "N", "description": "D"}
    with at.unchanged():
        for value in NOT_IDS:
            answer = _send(at, "/characters", {**body, "scriptIds": [at.world.script, value]})
            assert answer.status_code == 400, (value, answer.text)

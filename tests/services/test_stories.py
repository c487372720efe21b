"""Stories over HTTP: put together, filtered, paraphrased, and nothing of another script in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from story_services.common.context import Context
from story_services.common.store.client import Store
from story_services.story_factory.reading import CHUNK
from story_services.story_factory.routes import Parts, _whole
from story_services.story_factory.schemas import Story
from tests.services.whole import Api, story_services


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with story_services(node_url) as made:
        yield made


@dataclass
class Play:
    """A small script with two scenes, two characters and six elements."""

    script: int
    sections: list[int]
    ghost: int
    prince: int
    elements: list[dict[str, Any]]


@pytest.fixture
def play(api: Api) -> Play:
    made = api.script("Scene I", "Scene II", author="Anon.", comment="New.")
    script = made["scriptId"]
    one, two = (section["headingId"] for section in made["sections"])
    cast = [
        api.post("/characters", {"name": n, "description": f"A {n}", "scriptIds": [script]})
        for n in ("Ghost", "Prince")
    ]
    ghost, prince = (c["characterId"] for c in cast)
    elements = [
        {"elementType": "action", "description": "Enter Ghost", "sectionId": one},
        {"elementType": "spokenWord", "text": "Mark me.", "characterId": ghost,
         "sectionId": one, "speechId": 1},
        {"elementType": "spokenWord", "text": "I will.", "characterId": prince,
         "sectionId": one, "speechId": 2},
        {"elementType": "transition", "description": "Fade."},
        {"elementType": "note", "text": "Who sees it?", "sectionId": two},
        {"elementType": "spokenWord", "text": "O, poison'd!", "characterId": prince,
         "sectionId": two, "speechId": 3},
    ]  # fmt: skip
    done = api.post(f"/scripts/{script}/elements", {"elements": elements})["elements"]
    return Play(script, [one, two], ghost, prince, done)


def story(api: Api, play: Play, **query: Any) -> list[dict[str, Any]]:
    found = api.get("/stories", scriptId=play.script, **query)["story"]
    assert isinstance(found, list)
    return found


def texts(elements: list[dict[str, Any]]) -> list[str]:
    return [
        (e.get("spokenWord") or e.get("note") or {}).get("text")
        or (e.get("action") or e.get("transition") or {}).get("description")
        for e in elements
    ]


def test_a_story_has_the_contracts_form(api: Api, play: Play) -> None:
    found = api.get("/stories", scriptId=play.script)
    Story.model_validate(found, extra="forbid")
    assert (found["title"], found["author"], found["comment"]) == ("Hamlet", "Anon.", "New.")
    assert [(s["title"], s["sequence"]) for s in found["sections"]] == [
        ("Scene I", 1), ("Scene II", 2),
    ]  # fmt: skip
    assert set(found["orchestration"].values()) == {None}
    assert [e["sequence"] for e in found["story"]] == [1, 2, 3, 4, 5, 6]
    assert found["story"][1] == {
        "sequence": 2,
        "elementType": "spokenWord",
        "elementId": play.elements[1]["elementId"],
        "sectionId": play.sections[0],
        "character": {"characterId": play.ghost, "name": "Ghost", "description": "A Ghost"},
        "spokenWord": {
            "dialogueId": play.elements[1]["elementId"],
            "text": "Mark me.",
            "sequence": 2,
            "speechId": 1,
        },
    }


def test_the_same_story_is_the_same_bytes(api: Api, play: Play) -> None:
    asked = {"scriptId": play.script}
    first = api.client.get("/stories", params=asked).content
    assert all(api.client.get("/stories", params=asked).content == first for _ in range(5))


def test_filters(api: Api, play: Play) -> None:
    assert texts(story(api, play, filterByCharacter="ghost")) == ["Mark me."]
    assert texts(story(api, play, characterId=play.prince)) == ["I will.", "O, poison'd!"]
    assert texts(story(api, play, sectionId=play.sections[1])) == ["Who sees it?", "O, poison'd!"]
    assert texts(story(api, play, limit=2, offset=1)) == ["Mark me.", "I will."]
    assert texts(story(api, play, characterId=play.prince, limit=1, offset=1)) == ["O, poison'd!"]
    assert story(api, play, characterId=999_999) == []
    assert story(api, play, offset=50) == []


def test_ranges(api: Api, play: Play) -> None:
    asked = {"scriptId": play.script, "startSequence": 2, "endSequence": 4}
    found = api.get("/stories/sequences", **asked)
    assert [e["sequence"] for e in found["sequences"]] == [2, 3, 4]
    api.get("/stories/sequences", 400, **{**asked, "endSequence": 1})
    api.get("/stories/sequences", 404, **{**asked, "startSequence": 50, "endSequence": 60})
    api.get("/stories/sequences", 404, **{**asked, "scriptId": 999_999})
    api.get("/stories", 404, scriptId=999_999)
    api.get("/stories", 400)


def test_contexts_and_world_states_hold_where_they_should(api: Api, play: Play) -> None:
    base = {"scriptId": play.script}
    api.post("/contexts", {**base, "characterId": play.prince, "data": {"mood": "grim"}})
    later = {"mood": "wild", "knows": {"murder": "yes"}}
    api.post("/contexts", {
        **base, "characterId": play.prince, "data": later, "fromSequence": 5,
    })  # fmt: skip
    api.post("/worldStates", {**base, "kind": "weather", "data": {"sky": "clear"}})
    api.post("/worldStates", {**base, "kind": "weather", "data": {"sky": "dark"},
                              "fromSequence": 2, "toSequence": 3})  # fmt: skip
    found = story(api, play)
    assert "context" not in found[1]  # the ghost has none
    assert (found[2]["context"]["data"], found[5]["context"]["data"]) == ({"mood": "grim"}, later)
    skies = [[s["data"]["sky"] for s in e["worldStates"]] for e in found]
    assert skies[0] == ["clear"]
    assert skies[1:3] == [["dark", "clear"]] * 2  # the newest first
    assert texts(story(api, play, filterByContext="mood:wild")) == ["O, poison'd!"]
    assert texts(story(api, play, filterByContext="knows.murder:YES")) == ["O, poison'd!"]
    assert texts(story(api, play, filterByContext="grim")) == ["I will."]
    assert story(api, play, filterByContext="sky:clear") == []


def test_a_session_speaks_over_the_contexts(api: Api, play: Play) -> None:
    api.post("/contexts", {"scriptId": play.script, "characterId": play.prince,
                           "data": {"mood": "grim", "age": 30}})  # fmt: skip
    session = api.post("/sessions", {"scriptId": play.script, "data": {"mood": "gay"}})
    shown = story(api, play, sessionId=session["sessionId"])[2]["context"]
    assert shown["data"] == {"mood": "gay", "age": 30}
    assert shown["source"] == {"mood": "session", "age": "context"}
    assert story(api, play)[2]["context"]["data"]["mood"] == "grim"
    api.get("/stories", 400, scriptId=play.script, sessionId=999_999)
    other = api.script()["scriptId"]
    api.get("/stories", 400, scriptId=other, sessionId=session["sessionId"])


def test_the_paraphrase_that_is_shown_says_why(api: Api, play: Play) -> None:
    word = play.elements[1]["elementId"]
    session = api.post("/sessions", {"scriptId": play.script, "data": {"register": "plain"}})
    own = session["sessionId"]

    def paraphrase(text: str, **more: Any) -> None:
        body = {"text": text, "commentary": "Plainer.", **more}
        api.post(f"/spokenWords/{word}/paraphrases", body)

    def shown(**query: Any) -> tuple[str, str]:
        element = story(api, play, paraphrased=True, **query)[1]
        assert element["spokenWord"]["text"] == "Mark me."  # the original stays
        return element["paraphrase"]["text"], element["paraphrase"]["reason"]

    assert "paraphrase" not in story(api, play, paraphrased=True)[1]
    paraphrase("Listen.")
    paraphrase("Listen to me.")
    assert shown() == ("Listen to me.", "the newest of 2 made for no session")
    paraphrase("Hey, you.", sessionId=own)
    assert shown()[0] == "Listen to me."  # another session's wording never leaks
    assert shown(sessionId=own) == (
        "Hey, you.", f"made for session {own} and its present context",
    )  # fmt: skip
    api.patch(f"/sessions/{own}/context", {"data": {"register": "high"}})
    assert "it is at 2 now" in shown(sessionId=own)[1]
    assert "paraphrase" not in story(api, play)[1]


def test_characters_are_paraphrased_too(api: Api, play: Play) -> None:
    body = {"text": "A dead king", "commentary": "Say who."}
    api.post(f"/characters/{play.ghost}/paraphrases", body)
    found = story(api, play, paraphrased=True)
    assert found[1]["character"]["paraphrase"]["text"] == "A dead king"


def test_nothing_leaks_between_scripts(api: Api, play: Play) -> None:
    """By no filter: the same character, texts, contexts and states elsewhere stay there."""
    other = api.script("Elsewhere")["scriptId"]
    theirs = {"elementType": "spokenWord", "text": "SECRET", "characterId": play.prince}
    api.post(f"/scripts/{other}/elements", {"elements": [theirs]})
    api.post("/contexts", {"scriptId": other, "characterId": play.prince,
                           "data": {"mood": "SECRET"}})  # fmt: skip
    api.post("/worldStates", {"scriptId": other, "kind": "SECRET", "data": {"SECRET": "SECRET"}})
    session = api.post("/sessions", {"scriptId": other, "data": {"note": "SECRET"}})["sessionId"]
    api.post("/worldStates", {"sessionId": session, "kind": "SECRET", "data": {}})
    for query in (
        {}, {"characterId": play.prince}, {"filterByContext": "SECRET"},
        {"filterByContext": "mood:SECRET"}, {"filterByCharacter": "Prince"},
        {"paraphrased": True}, {"limit": 3},
    ):  # fmt: skip
        answer = api.client.get("/stories", params={"scriptId": play.script, **query})
        assert "SECRET" not in answer.text
    for query in ({"q": "SECRET"}, {"q": "SECRET", "characterId": play.prince}):
        assert api.get("/search", scriptId=play.script, **query) == []
    for kind in ("json", "txt", "fountain"):
        answer = api.client.get("/stories/export", params={"scriptId": play.script, "format": kind})
        assert answer.status_code == 200
        assert "SECRET" not in answer.text


def test_a_story_is_reordered(api: Api, play: Play) -> None:
    last = play.elements[5]
    move = {"elementType": "spokenWord", "elementId": last["elementId"], "newSequence": 1}
    api.post(f"/stories/{play.script}/reorder", {"elements": [move]}, 200)
    assert texts(story(api, play))[:2] == ["O, poison'd!", "Enter Ghost"]
    api.post("/stories/999999/reorder", {"elements": [move]}, 404)
    other = api.script()["scriptId"]
    api.post(f"/stories/{other}/reorder", {"elements": [move]}, 404)


def test_a_line_shows_the_action_it_names(api: Api, play: Play) -> None:
    action, word = play.elements[0]["elementId"], play.elements[1]["elementId"]
    api.patch(f"/spokenWords/{word}", {"actionId": action})
    for query in ({}, {"limit": 1, "offset": 1}):
        found = [e for e in story(api, play, **query) if e["elementId"] == word]
        assert found[0]["action"] == {"actionId": action, "description": "Enter Ghost"}
    assert story(api, play)[0]["elementType"] == "action"  # and stays an element of its own


def test_a_deleted_section_leaves_its_elements(api: Api, play: Play) -> None:
    api.delete(f"/scripts/{play.script}/sections/{play.sections[0]}")
    found = api.get("/stories", scriptId=play.script)
    assert [s["title"] for s in found["sections"]] == ["Scene II"]
    assert [e["sectionId"] for e in found["story"]] == [None] * 4 + [play.sections[1]] * 2


def test_search_knows_old_spelling(api: Api, play: Play) -> None:
    (hit,) = api.get("/search", scriptId=play.script, q="poisoned")
    assert hit["spokenWord"]["text"] == "O, poison'd!"
    assert hit["highlights"] == ["O, <em>poison&#x27;d</em>!"]
    assert hit["sequence"] == 6


def test_search_filters_and_orders(api: Api, play: Play) -> None:
    more = [
        {"elementType": "spokenWord", "text": "Mark, mark, mark!", "characterId": play.prince},
        {"elementType": "action", "description": "They mark it"},
    ]
    api.post(f"/scripts/{play.script}/elements", {"elements": more})

    def found(**query: Any) -> list[int]:
        return [h["sequence"] for h in api.get("/search", scriptId=play.script, q="mark", **query)]

    assert found() == [2, 7, 8]
    assert found(sortBy="relevance")[0] == 7
    assert found(characterId=play.ghost) == [2]
    assert found(elementType="action") == [8]
    assert found(sectionId=play.sections[0]) == [2]
    assert found(startSequence=3, endSequence=7) == [7]
    assert found(limit=1, offset=1) == [7]
    assert api.total("/search", scriptId=play.script, q="mark", limit=1) == 3
    assert [h["sequence"] for h in api.get("/search", scriptId=play.script, q='"mark me"')] == [2]
    assert api.get("/search", scriptId=play.script, q="nowhere") == []
    api.get("/search", 400, scriptId=play.script)
    api.get("/search", 404, scriptId=999_999, q="x")


@pytest.mark.parametrize(
    "question",
    ["*", "poison* OR 1", "text:/.*/", "_id:1", '{"match_all":{}}', "a AND NOT b", "~", '""'],
)
def test_a_question_is_words_and_never_a_query(api: Api, play: Play, question: str) -> None:
    """Injection through the query language: no pattern, field or operator means anything."""
    assert api.get("/search", scriptId=play.script, q=question) == []


def test_a_long_story_takes_no_more_requests_than_a_short_one(api: Api, play: Play) -> None:
    """Reading a play is a fixed number of requests to the store, not one per element."""

    async def calls(context: Context, script: int) -> list[str]:
        made: list[str] = []
        store = Store(context.settings, on_call=lambda call, *_: made.append(call))
        watched = Context(context.settings, store)
        try:
            parts = Parts(watched)
            found = await _whole(parts, await parts.factory.reading.ground(script))
            assert found.status_code == 200
        finally:
            await watched.close()
        return sorted(made)

    short = api.aside(lambda context: calls(context, play.script))
    for _ in range(2):
        more = [{"elementType": "note", "text": f"{n}"} for n in range(400)]
        api.post(f"/scripts/{play.script}/elements", {"elements": more})
    long = api.aside(lambda context: calls(context, play.script))
    assert len(long) <= len(short) + 2  # an order of pages, and a search in place of a look-up
    assert len(long) <= 14


def test_a_story_too_long_to_be_held_is_sent_as_it_is_read(api: Api) -> None:
    """More elements than one piece: streamed, whole, in order, and the same every time."""
    script = api.script("Act I")["scriptId"]
    count = CHUNK + 300
    for start in range(0, count, 1000):
        part = [
            {"elementType": "note", "text": f"{n}"} for n in range(start, min(start + 1000, count))
        ]
        api.post(f"/scripts/{script}/elements", {"elements": part})
    answer = api.client.get("/stories", params={"scriptId": script})
    assert "content-length" not in answer.headers
    found = answer.json()
    Story.model_validate(found, extra="forbid")
    assert [e["sequence"] for e in found["story"]] == list(range(1, count + 1))
    assert [e["note"]["text"] for e in found["story"]] == [str(n) for n in range(count)]
    assert api.client.get("/stories", params={"scriptId": script}).content == answer.content
    last = story(api, Play(script, [], 0, 0, []), limit=5, offset=count - 3)
    assert [e["note"]["text"] for e in last] == [str(n) for n in range(count - 3, count)]
    exported = api.client.get("/stories/export", params={"scriptId": script, "format": "json"})
    assert len(exported.json()["elements"]) == count

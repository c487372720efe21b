"""Which world states a session's context shows, now and as of an earlier revision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from story_services.core_script.routes import DEFINITION as CORE
from story_services.session_context.routes import DEFINITION
from tests.services.core_script_support import Api, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE) as made:
        yield made


@pytest.fixture
def script(api: Api) -> int:
    made: int = api.script()["scriptId"]
    return made


def session(api: Api, **fields: Any) -> int:
    made: int = api.post("/sessions", fields)["sessionId"]
    return made


def state(api: Api, **fields: Any) -> int:
    made: int = api.post("/worldStates", {"kind": "weather", **fields})["worldStateId"]
    return made


def shown(api: Api, session_id: int, **query: Any) -> list[int]:
    """The states of a session but those of all scripts, which other tests may have made."""
    read = api.get(f"/sessions/{session_id}/context", **query)
    return [s["worldStateId"] for s in read["worldStates"] if s["scriptId"] or s["sessionId"]]


def test_narrower_and_newer_states_come_first_kind_by_kind(api: Api, script: int) -> None:
    one = session(api, scriptId=script)
    of_script, newer = state(api, scriptId=script), state(api, scriptId=script)
    both = state(api, scriptId=script, sessionId=one)
    own = state(api, sessionId=one)
    economy = state(api, scriptId=script, kind="economy")
    assert shown(api, one) == [economy, both, own, newer, of_script]


def test_a_state_of_all_scripts_comes_last_in_its_kind(api: Api, script: int) -> None:
    one = session(api, scriptId=script)
    of_script, everywhere = state(api, scriptId=script, kind="moon"), state(api, kind="moon")
    read = api.get(f"/sessions/{one}/context")["worldStates"]
    assert [s["worldStateId"] for s in read if s["kind"] == "moon"] == [of_script, everywhere]
    api.delete(f"/worldStates/{everywhere}")


def test_nothing_of_another_script_or_session_is_shown(api: Api, script: int) -> None:
    other = api.script()["scriptId"]
    mine, theirs = session(api, scriptId=script), session(api, scriptId=other)
    state(api, scriptId=other)
    state(api, sessionId=theirs)
    state(api, scriptId=other, sessionId=theirs)
    assert shown(api, mine) == []
    free = session(api)
    assert shown(api, free) == []
    own = state(api, scriptId=other, sessionId=free)
    assert shown(api, free) == [own]


def test_at_a_number_only_what_covers_it_is_shown(api: Api, script: int) -> None:
    one = session(api, scriptId=script)
    early = state(api, scriptId=script, toSequence=5)
    late = state(api, scriptId=script, fromSequence=6)
    assert shown(api, one) == [late, early]
    assert shown(api, one, atSequence=5) == [early]
    assert shown(api, one, atSequence=6) == [late]


def test_every_change_answers_with_the_states(api: Api, script: int) -> None:
    path = f"/sessions/{session(api, scriptId=script)}/context"
    own = state(api, scriptId=script)
    for method, body in (
        ("PUT", {"context": "a"}),
        ("PATCH", {"data": {"k": 1}}),
        ("POST", {"entry": "b"}),
    ):
        found = api.call(method, path, 200, body)["worldStates"]
        assert [s["worldStateId"] for s in found if s["scriptId"]] == [own]


def test_an_older_revision_shows_the_states_of_its_time(api: Api, script: int) -> None:
    """Made, changed, moved away, brought in and deleted later: none of it is seen before."""
    one, other = session(api, scriptId=script), api.script()["scriptId"]
    path = f"/sessions/{one}/context"
    rain = state(api, scriptId=script, data={"sky": "rain"})
    gone = state(api, scriptId=script)
    moved = state(api, scriptId=script)
    came = state(api, scriptId=other)
    api.put(path, {"context": "two"})
    api.patch(f"/worldStates/{rain}", {"data": {"sky": "clear"}})
    api.delete(f"/worldStates/{gone}")
    api.patch(f"/worldStates/{moved}", {"scriptId": other})
    api.patch(f"/worldStates/{came}", {"scriptId": script})
    later = state(api, scriptId=script, fromSequence=3)
    api.put(path, {"context": "three"})
    api.patch(f"/worldStates/{later}", {"fromSequence": 9})
    api.patch(f"/worldStates/{moved}", {"description": "elsewhere"})

    def sky(revision: int) -> Any:
        states = api.get(path, asOf=revision)["worldStates"]
        return next(s["data"]["sky"] for s in states if s["worldStateId"] == rain)

    assert shown(api, one, asOf=1) == [moved, gone, rain]
    assert shown(api, one, asOf=2) == [later, came, rain]
    assert shown(api, one, asOf=2, atSequence=2) == [came, rain]
    assert shown(api, one, asOf=3) == shown(api, one) == [later, came, rain]
    assert shown(api, one, atSequence=3) == [came, rain]
    assert (sky(1), sky(2), sky(3)) == ("rain", "clear", "clear")


def test_an_older_revision_reads_the_script_it_had(api: Api, script: int) -> None:
    other = api.script()["scriptId"]
    mine, theirs = state(api, scriptId=script), state(api, scriptId=other)
    one = session(api, scriptId=script)
    api.patch(f"/sessions/{one}", {"scriptId": other})
    assert shown(api, one, asOf=1) == [mine]
    assert shown(api, one) == [theirs]

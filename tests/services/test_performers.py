"""Performers and castings over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from story_services.common.records import Why
from story_services.core_script.routes import DEFINITION as CORE_SCRIPT
from story_services.performers.routes import DEFINITION
from story_services.performers.schemas import Casting, Performer
from story_services.performers.service import Castings
from tests.services.core_script_support import Api, Dying, Killed, fits, serving


@pytest.fixture(scope="module")
def api(node_url: str) -> Iterator[Api]:
    with serving(node_url, DEFINITION, CORE_SCRIPT) as made:
        yield made


class Stage:
    """Two scripts, two characters, two performers."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.scripts = [api.script()["scriptId"] for _ in range(2)]
        self.characters = [self.character(name) for name in ("Hamlet", "Ophelia")]
        self.performers = [self.performer(name) for name in ("Sarah", "Asta")]

    def character(self, name: str) -> int:
        fields = {"name": name, "description": "...", "scriptIds": self.scripts}
        return self.api.aside(lambda c: c.entities.create("character", fields, Why())).id

    def performer(self, name: str) -> int:
        return int(self.api.post("/performers", {"name": name})["performerId"])

    def body(self, script: int, character: int, performer: int) -> dict[str, Any]:
        return {
            "scriptId": self.scripts[script],
            "characterId": self.characters[character],
            "performerId": self.performers[performer],
        }

    def cast(self, script: int, character: int, performer: int) -> dict[str, Any]:
        made: dict[str, Any] = self.api.post("/castings", self.body(script, character, performer))
        return made

    def names(self, **filters: Any) -> list[str]:
        return [each["name"] for each in self.api.get("/performers", **filters)]


@pytest.fixture
def stage(api: Api) -> Stage:
    return Stage(api)


def test_a_performer_is_made_read_changed_deleted_and_restored(api: Api) -> None:
    made = api.post("/performers", {"name": "Edwin Booth", "comment": "A tour."})
    path = f"/performers/{made['performerId']}"
    assert made == api.get(path)
    fits(Performer, made)
    assert made["comment"] == "A tour."
    for number, method in enumerate(("PUT", "PATCH"), 2):
        changed = api.call(method, path, 200, {"name": f"Booth {number}"})
        assert (changed["name"], changed["versionNumber"]) == (f"Booth {number}", number)
        assert changed["sequenceNumber"] == made["sequenceNumber"]
        assert api.call(method, path, 200, changed) == changed
    stale = api.put(path, {"name": "x", "versionNumber": 1}, 409)
    assert "version 3" in stale["details"]
    api.put(path, {"name": "x"}, 409, headers={"If-Match": '"2"'})
    for body in ({"name": None}, {"name": ""}, {"name": "a\nb"}, {"title": "x"}, []):
        api.put(path, body, 400)
    api.delete(path)
    for method in ("GET", "DELETE"):
        api.call(method, path, 404)
    api.put(path, {"name": "x"}, 404)
    api.restore("performer", made["performerId"])
    assert api.get(path)["name"] == "Edwin Booth"


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 101}, {"name": 1}, {"x": 1}])
def test_a_bad_performer_is_not_kept(api: Api, body: Any) -> None:
    before = api.total("/performers")
    api.post("/performers", body, 400)
    assert api.total("/performers") == before


def test_performers_ascend_and_are_paged(api: Api) -> None:
    for number in range(4):
        api.post("/performers", {"name": f"Extra {number}"})
    everyone = api.get("/performers")
    numbers = [each["sequenceNumber"] for each in everyone]
    assert numbers == sorted(set(numbers))
    assert api.get("/performers", limit=2, offset=1) == everyone[1:3]
    assert api.total("/performers", limit=1) == len(everyone)


def test_a_casting_is_made_read_and_deleted(api: Api, stage: Stage) -> None:
    made = stage.cast(0, 0, 0)
    assert {k: made[k] for k in stage.body(0, 0, 0)} == stage.body(0, 0, 0)
    assert (made["sequenceNumber"], made["versionNumber"]) == (None, 1)
    fits(Casting, made)
    path = f"/castings/{made['castingId']}"
    assert api.get(path) == made
    api.delete(path, 409, headers={"If-Match": '"2"'})
    api.delete(path, params={"comment": "Broke a leg."})
    api.get(path, 404)
    api.delete(path, 404)
    assert api.get("/castings", scriptId=stage.scripts[0]) == []
    assert stage.cast(0, 0, 0)["castingId"] != made["castingId"]


def test_a_casting_of_what_is_not_there_is_bad_input(api: Api, stage: Stage) -> None:
    for field in ("scriptId", "characterId", "performerId"):
        whole = stage.body(0, 0, 0)
        missing = {name: value for name, value in whole.items() if name != field}
        for body in ({**whole, field: 999999}, {**whole, field: "1"}, missing):
            assert field in api.post("/castings", body, 400)["details"]
    assert api.get("/castings", scriptId=stage.scripts[0]) == []
    api.get("/castings/999999", 404)
    api.get("/castings/0", 400)


def test_performers_are_found_by_what_they_play(api: Api, stage: Stage) -> None:
    stage.cast(0, 0, 0)
    stage.cast(0, 1, 1)
    stage.cast(1, 0, 1)
    first, second = stage.scripts
    hamlet, ophelia = stage.characters
    assert stage.names(characterId=hamlet) == ["Sarah", "Asta"]
    assert stage.names(characterId=ophelia) == ["Asta"]
    assert stage.names(scriptId=first) == ["Sarah", "Asta"]
    assert stage.names(scriptId=second, characterId=hamlet) == ["Asta"]
    assert stage.names(scriptId=second, characterId=ophelia) == []
    assert stage.names(characterId=999999) == []
    assert len(api.get("/castings", scriptId=first)) == 2
    assert api.total("/castings", performerId=stage.performers[1], limit=1) == 2
    assert [c["castingId"] for c in api.get("/castings", scriptId=first, limit=1, offset=1)] == [
        c["castingId"] for c in api.get("/castings", scriptId=first)
    ][1:]


def test_whatever_is_deleted_takes_its_castings_along(api: Api, stage: Stage) -> None:
    made = stage.cast(0, 0, 0)
    path = f"/castings/{made['castingId']}"
    three = ("script", stage.scripts[0]), ("character", stage.characters[0])
    for kind, entity_id in (*three, ("performer", stage.performers[0])):
        api.aside(lambda c, k=kind, i=entity_id: c.entities.delete(k, i, Why()))
        api.get(path, 404)
        api.delete(path, 404)
        assert api.get("/castings", performerId=stage.performers[0]) == []
        assert stage.names(characterId=stage.characters[0]) == []
        api.restore(kind, entity_id)
        assert api.get(path) == made
        assert stage.names(characterId=stage.characters[0]) == ["Sarah"]


def test_the_same_casting_is_made_once(api: Api, stage: Stage) -> None:
    made = stage.cast(0, 0, 0)
    error = api.post("/castings", stage.body(0, 0, 0), 409)
    assert error["errorCode"] == "casting_exists"
    assert f"casting {made['castingId']}" in error["details"]
    body = stage.body(1, 1, 1)

    def cast(_: int) -> int:
        return api.client.post("/castings", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(cast, range(8)))
    assert statuses.count(201) == 1
    assert set(statuses) == {201, 409}
    assert len(api.get("/castings", scriptId=stage.scripts[1])) == 1


def test_a_casting_cut_off_is_completed_by_its_repetition(api: Api, stage: Stage) -> None:
    body = stage.body(0, 1, 1)
    for at in range(5):
        first, again = (Why(nonce=f"cast-{at}", resumed=resumed) for resumed in (False, True))
        try:
            api.aside(lambda c, w=first: Castings(c).create(body, w), Dying(api.settings, at))
        except Killed:
            assert api.get("/castings", scriptId=stage.scripts[0]) == []
        else:
            assert at == 1, "one write"
            break
    again = Why(nonce="cast-1", resumed=True)
    for _ in range(2):
        done = api.aside(lambda c: Castings(c).create(body, again))
        (read,) = api.get("/castings", scriptId=stage.scripts[0])
        assert read["castingId"] == done.id

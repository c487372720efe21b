"""One real write and one read of it per service, through the services' own HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Json = dict[str, Any]


def post(client: httpx.Client, path: str, body: Json, status: int = 201) -> Json:
    answer = client.post(path, json=body)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:500]}"
    made: Json = answer.json()
    return made


def get(client: httpx.Client, path: str, **query: object) -> Any:
    answer = client.get(path, params={k: str(v) for k, v in query.items()})
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def script(client: httpx.Client) -> Json:
    return post(client, "/scripts", {"title": "Hamlet", "sections": [{"title": "Act I"}]})


def core_script(client: httpx.Client) -> None:
    made = script(client)
    assert get(client, f"/scripts/{made['scriptId']}")["title"] == "Hamlet"


def characters(client: httpx.Client) -> None:
    made = post(client, "/characters", {"name": "Francisco", "description": "On the watch."})
    assert get(client, f"/characters/{made['characterId']}")["name"] == "Francisco"


def performers(client: httpx.Client) -> None:
    made = post(client, "/performers", {"name": "Sarah Bernhardt"})
    assert get(client, f"/performers/{made['performerId']}")["name"] == "Sarah Bernhardt"


def session_context(client: httpx.Client) -> None:
    made = post(client, "/sessions", {"name": "First reading", "context": "It is bitter cold."})
    assert get(client, f"/sessions/{made['sessionId']}")["name"] == "First reading"


def central_sequence(client: httpx.Client) -> None:
    play = script(client)
    (section,) = get(client, f"/scripts/{play['scriptId']}/sections")
    body = {"elementType": "section", "elementId": section["headingId"],
            "newVersionData": {"title": "Act I, slower"}}  # fmt: skip
    made = post(client, "/sequence/version", body)
    place = f"/sequence/version/section/{section['headingId']}/{made['versionNumber']}"
    assert "Act I, slower" in str(get(client, place))


def words(client: httpx.Client, *texts: str) -> tuple[int, list[int]]:
    """A script with these words in this order: its id and theirs."""
    play = script(client)["scriptId"]
    (section,) = get(client, f"/scripts/{play}/sections")
    person = post(
        client, "/characters", {"name": "Ghost", "description": "Dead.", "scriptIds": [play]}
    )
    ids = []
    for text in texts:
        body = {"text": text, "scriptId": play, "sectionId": section["headingId"],
                "characterId": person["characterId"]}  # fmt: skip
        ids.append(int(post(client, "/spokenWords", body)["dialogueId"]))
    return int(play), ids


def story_factory(client: httpx.Client) -> None:
    play, (first, second) = words(client, "Who's there?", "Nay, answer me.")
    numbers = {
        e["elementId"]: e["sequence"] for e in get(client, "/stories", scriptId=play)["story"]
    }
    order = {"elementType": "spokenWord", "elementId": second, "newSequence": numbers[first]}
    post(client, f"/stories/{play}/reorder", {"elements": [order]}, status=200)
    told = [e["elementId"] for e in get(client, "/stories", scriptId=play)["story"]]
    assert told == [second, first]


#: By the service's name.
DEEDS: dict[str, Callable[[httpx.Client], None]] = {
    "central-sequence": central_sequence,
    "core-script": core_script,
    "session-context": session_context,
    "characters": characters,
    "performers": performers,
    "story-factory": story_factory,
}

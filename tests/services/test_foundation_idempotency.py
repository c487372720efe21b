"""`Idempotency-Key` over HTTP: done once, answered alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from story_services.common.errors import Unavailable
from story_services.common.http.idempotency import Keyed, once
from story_services.common.http.replies import Reply
from tests.services.foundation import MemoryKeys, Served, served


@pytest.fixture
def both() -> Iterator[tuple[Served, httpx.Client]]:
    with served() as pair:
        yield pair


def post(client: httpx.Client, title: str, key: str, who: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} | ({"X-Consumer-Username": who} if who else {})
    return client.post("/plays", json={"title": title}, headers=headers)


def test_a_repetition_gets_the_first_answer(both: tuple[Served, httpx.Client]) -> None:
    _, client = both
    first, second = post(client, "a", "k"), post(client, "a", "k")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert len(client.get("/plays").json()) == 1


def test_without_a_key_nothing_is_remembered(both: tuple[Served, httpx.Client]) -> None:
    _, client = both
    for _ in range(2):
        assert client.post("/plays", json={"title": "a"}).status_code == 201
    assert len(client.get("/plays").json()) == 2


def test_another_body_or_address_under_a_key_is_a_conflict(
    both: tuple[Served, httpx.Client],
) -> None:
    _, client = both
    post(client, "a", "k")
    assert post(client, "b", "k").status_code == 409
    answer = client.post("/odd/defect", json={"title": "a"}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 409
    assert len(client.get("/plays").json()) == 1


def test_a_key_belongs_to_its_caller(both: tuple[Served, httpx.Client]) -> None:
    """Nobody gets to see an answer by guessing a key."""
    _, client = both
    assert post(client, "a", "k", "ann").json()["playId"] == 1
    assert post(client, "a", "k", "bob").json()["playId"] == 2
    assert post(client, "a", "k", "ann").json()["playId"] == 1


def test_refusals_of_the_handler_are_kept_and_of_validation_not(
    both: tuple[Served, httpx.Client],
) -> None:
    server, client = both
    for _ in range(2):
        assert post(client, "Taken", "k1").status_code == 409
    assert server.memory.log.count("create False") == 1
    assert post(client, "", "k2").status_code == 400
    assert post(client, "put right", "k2").status_code == 201


def test_after_a_failure_the_next_attempt_is_told_so(both: tuple[Served, httpx.Client]) -> None:
    server, client = both
    for _ in range(2):
        answer = post(client, "Away", "k")
        assert answer.status_code == 503
        assert "idempotency-replayed" not in answer.headers
    assert server.memory.log[-2:] == ["create False", "create True"]
    defect = {"json": {"title": "a"}, "headers": {"Idempotency-Key": "k2"}}
    for _ in range(2):
        assert client.post("/odd/defect", **defect).status_code == 500


def test_a_key_that_is_none_is_refused(both: tuple[Served, httpx.Client]) -> None:
    for key in ("a b", "x" * 201, "é".encode()):
        answer = both[1].post("/plays", json={"title": "a"}, headers={"Idempotency-Key": key})
        assert answer.status_code == 400
        assert "Idempotency-Key" in answer.json()["details"]


def test_a_request_that_still_runs_is_not_run_again() -> None:
    async def both_at_once() -> tuple[list[int], int]:
        keys, request, ran = MemoryKeys(), Keyed("k", "ann", "POST /plays", b"{}"), 0

        async def handle() -> tuple[Reply, bool]:
            nonlocal ran
            ran += 1
            await asyncio.sleep(0.05)
            return Reply({}, 201), True

        first = asyncio.create_task(once(request, keys, handle))
        await asyncio.sleep(0)
        results = await asyncio.gather(first, once(request, keys, handle), return_exceptions=True)
        return [getattr(r, "status", 0) or r.status_code for r in results], ran  # type: ignore[union-attr]

    assert asyncio.run(both_at_once()) == ([201, 409], 1)


def test_a_key_that_cannot_be_kept_does_not_spoil_the_answer() -> None:
    class Failing(MemoryKeys):
        async def finish(self, *_: object) -> None:
            raise Unavailable

    async def run() -> int:
        async def handle() -> tuple[Reply, bool]:
            return Reply({}, 201), True

        return (await once(Keyed("k", "ann", "POST /plays", b"{}"), Failing(), handle)).status_code

    assert asyncio.run(run()) == 201

"""What an answer means, and how many writes are one request: by themselves, without a node."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from story_services.common.errors import ServiceError, Unavailable
from story_services.common.store import bulk, mappings
from story_services.common.store.bulk import Action
from story_services.common.store.documents import (
    StoreConflict,
    StoreDefect,
    Token,
    read_search,
    same_write,
)
from story_services.common.store.outcomes import Failure, Kind, Patience, judge, outcome_of

FLOOD = "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (409, "VersionConflictEngineException[[1]: version conflict]", Kind.CONFLICT),
        (409, {"type": "version_conflict_engine_exception", "reason": "x"}, Kind.CONFLICT),
        (409, "RemoteTransportException[[n][127.0.0.1:1][x]]", Kind.CONFLICT),
        (404, "IndexNotFoundException[no such index [x]]", Kind.NOT_READY),
        (404, {"type": "index_not_found_exception", "reason": "x"}, Kind.NOT_READY),
        (404, "RemoteTransportException[[n][127.0.0.1:1][x]]", Kind.NOT_READY),
        (404, "AliasesNotFoundException[aliases [x] missing]", Kind.NOT_READY),
        (404, {"found": False}, Kind.MISSING),
        (429, f"ClusterBlockException[index [x] blocked by: [{FLOOD}];]", Kind.READ_ONLY),
        (403, {"type": "cluster_block_exception", "reason": f"[{FLOOD}]"}, Kind.READ_ONLY),
        (403, "ClusterBlockException[blocked by: [FORBIDDEN/8/index write (api)];]", Kind.HELD),
        (403, "ClusterBlockException[blocked by: [FORBIDDEN/10/create-index];]", Kind.READ_ONLY),
        (403, "RemoteTransportException[[n][127.0.0.1:1][x]]", Kind.HELD),
        (503, "ClusterBlockException[[SERVICE_UNAVAILABLE/1/state not recovered];]", Kind.LOST),
        (429, "OpenSearchRejectedExecutionException[rejected]", Kind.BUSY),
        (429, "CircuitBreakingException[[parent] Data too large]", Kind.BUSY),
        (503, "CircuitBreakingException[[parent] Data too large]", Kind.BUSY),
        (502, "<html><title>502 Bad Gateway</title></html>", Kind.LOST),
        (503, "SearchPhaseExecutionException[all shards failed]", Kind.LOST),
        (504, "", Kind.LOST),
        (500, "NodeClosedException[node closed]", Kind.LOST),
        (400, "<html>400 No required SSL certificate was sent</html>", Kind.LOST),
        (403, {"type": "door", "reason": "this role may not ask this"}, Kind.DEFECT),
        (400, "ParsingException[unknown query [x]]", Kind.DEFECT),
        (400, "ResourceAlreadyExistsException[index [x] already exists]", Kind.EXISTS),
    ],
)
def test_an_answer_is_understood(status: int, error: Any, kind: Kind) -> None:
    failure = judge(status, error)
    assert failure.kind is kind
    assert failure.passing == (kind in (Kind.LOST, Kind.BUSY, Kind.HELD))
    told = failure.error()
    assert isinstance(told, Unavailable if kind in CODES else StoreDefect)
    if isinstance(told, ServiceError):
        assert told.code == CODES[kind]
        assert told.headers()["Retry-After"]


CODES = {
    Kind.LOST: "store_unavailable",
    Kind.BUSY: "store_busy",
    Kind.READ_ONLY: "store_read_only",
    Kind.HELD: "store_read_only",
    Kind.NOT_READY: "store_not_ready",
}


@pytest.mark.parametrize(
    "error",
    [
        "MapperParsingException[failed to parse field [id]. Preview of field's value: 'SECRET']",
        {"type": "mapper_parsing_exception", "reason": "failed to parse: 'SECRET'"},
        'NumberFormatException[For input string: "SECRET"]',
    ],
)
def test_a_defect_does_not_quote_what_was_written(error: Any) -> None:
    assert "SECRET" not in str(judge(400, error).error())


def test_every_end_of_a_call_has_a_word() -> None:
    words = {
        outcome_of(error)
        for error in (
            StoreConflict("x"),
            StoreDefect("x"),
            asyncio.CancelledError(),
            Failure(Kind.BUSY, "x").error(),
        )
    }
    assert words == {"conflict", "defect", "cancelled", "store_busy"}


async def fail(patience: Patience, kind: Kind) -> tuple[int, Any]:
    """Fail in the same way until it is enough; how often that was, and the error."""
    for tries in range(1, 1000):
        try:
            await patience.after(Failure(kind, "x"))
        except (Unavailable, StoreDefect) as error:
            return tries, error
    raise AssertionError("endless patience")


def test_patience_ends_in_time_and_never_waits_for_what_stays() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        patience = Patience(0.3)
        assert 0.17 < patience.limit() < 0.19  # a second try can tell what became of the first
        assert 0.29 < patience.limit() <= 0.3
        began = loop.time()
        tries, error = await fail(patience, Kind.LOST)
        assert 0.1 < loop.time() - began < 0.31
        assert 3 < tries < 15
        assert error.code == "store_unavailable"
        assert patience.limit() > 0

        began = loop.time()
        for kind in (Kind.DEFECT, Kind.READ_ONLY, Kind.CONFLICT, Kind.EXISTS, Kind.MISSING):
            assert (await fail(Patience(5), kind))[0] == 1
        # Behind an alias there may be another index in a moment.
        tries, error = await fail(Patience(5), Kind.NOT_READY)
        assert tries == 3
        assert error.code == "store_not_ready"
        assert loop.time() - began < 0.3

    asyncio.run(run())


def test_a_long_call_is_given_up_when_the_store_is_away() -> None:
    """Only while answers come may it take its whole time."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        patience, began = Patience(60, 0.1), loop.time()
        for _ in range(5):
            await patience.after(Failure(Kind.BUSY, "x"))
            patience.worked()
        await fail(patience, Kind.LOST)
        assert loop.time() - began < 0.5

    asyncio.run(run())


def test_a_bulk_request_is_cut_by_number_and_size() -> None:
    few = [Action("create", f"a{n}", {"nonce": "x"}) for n in range(2500)]
    assert [body.count(b"\n") // 2 for body in bulk.bodies(few)] == [1000, 1000, 500]
    large = [Action("index", f"a{n}", {"text": "x" * 2_000_000}) for n in range(5)]
    parts = list(bulk.bodies(large))
    assert [body.count(b"\n") // 2 for body in parts] == [2, 2, 1]
    assert all(len(body) <= bulk.MOST_BYTES for body in parts)
    huge = Action("index", "a", {"text": "x" * 6_000_000})
    assert len(list(bulk.bodies([huge, *few[:1]]))) == 2
    assert list(bulk.bodies([])) == []


def test_an_action_never_names_an_index() -> None:
    token = Token(7, 2, "story-element-v1", "nonce")
    actions = [
        Action("create", "a", {"x": 1}),
        Action("index", "b", {"x": "\n"}, token),
        Action("delete", "c", None, token),
        Action("index", "d", {}, version=9),
    ]
    (body,) = bulk.bodies(actions)
    assert [json.loads(line) for line in body.splitlines()] == [
        {"create": {"_id": "a"}},
        {"x": 1},
        {"index": {"_id": "b", "if_seq_no": 7, "if_primary_term": 2}},
        {"x": "\n"},
        {"delete": {"_id": "c", "if_seq_no": 7, "if_primary_term": 2}},
        {"index": {"_id": "d", "version": 9, "version_type": "external"}},
        {},
    ]


def test_the_same_write_is_known_by_its_nonce_else_by_its_content() -> None:
    assert same_write({"nonce": "a", "x": 1}, {"nonce": "a"})
    assert not same_write({"nonce": "a"}, {"nonce": "b"})
    assert not same_write({"nonce": "a"}, {})
    assert same_write({"slots": ["a"]}, {"slots": ["a"]})
    assert not same_write({"slots": ["a"]}, {"slots": ["b"]})


@pytest.mark.parametrize(
    ("index", "sort", "expected"),
    [
        ("element", [], ["kind", "id", "version"]),
        ("element", ["id"], ["id", "kind", "version"]),
        ("log", [{"changeId": "desc"}], [{"changeId": "desc"}, "kind", "id", "version"]),
        ("element", [{"id": {"order": "desc"}}], [{"id": {"order": "desc"}}, "kind", "version"]),
        ("key", ["expires"], ["expires", "nonce"]),
    ],
)
def test_every_sort_is_total(index: str, sort: list[Any], expected: list[Any]) -> None:
    assert mappings.total_sort(index, sort) == expected


def test_a_search_is_read_with_whatever_was_asked_for() -> None:
    found = read_search(
        {
            "hits": {
                "total": {"value": 1},
                "hits": [
                    {
                        "_index": "i",
                        "_id": "a",
                        "_score": 1.5,
                        "_source": {"nonce": "n"},
                        "_seq_no": 3,
                        "_primary_term": 1,
                        "sort": [7],
                        "highlight": {"content.text": ["<em>x</em>"]},
                    }
                ],
            }
        }
    )
    (hit,) = found.hits
    assert hit.token == Token(3, 1, "i", "n")
    assert (hit.score, hit.sort, found.total) == (1.5, (7,), 1)
    assert hit.highlight == {"content.text": ["<em>x</em>"]}
    assert read_search({"hits": {"hits": []}}).total == -1

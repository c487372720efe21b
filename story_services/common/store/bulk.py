"""Many writes in one request: how they are said and how their answer is read. Pure.

An action names its document, never an index. The parts of a bulk request are kept below what the
door and a small node take in one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from story_services.common.store.documents import Token
from story_services.common.store.outcomes import Failure, judge

MOST_DOCUMENTS = 1000
MOST_BYTES = 5_000_000
_FEW, _SMALL = 20, 100_000


@dataclass(frozen=True)
class Action:
    """One write. With a token it is conditional on it; `source` is None for a deletion. `version`
    is for copies: it goes in if the document is not there in this or a newer version."""

    verb: Literal["create", "index", "delete"]
    id: str
    source: Mapping[str, Any] | None = None
    token: Token | None = None
    version: int | None = None

    def lines(self) -> bytes:
        """As it stands in the request's body."""
        head: dict[str, Any] = {"_id": self.id}
        if self.token:
            head |= {"if_seq_no": self.token.seq_no, "if_primary_term": self.token.primary_term}
        if self.version is not None:
            head |= {"version": self.version, "version_type": "external"}
        said = orjson.dumps({self.verb: head}) + b"\n"
        return said if self.source is None else said + orjson.dumps(self.source) + b"\n"


def bodies(actions: Iterable[Action]) -> Iterator[bytes]:
    """The bodies of as few requests as the limits allow, actions in their order."""
    body, count = bytearray(), 0
    for action in actions:
        lines = action.lines()
        if count and (count == MOST_DOCUMENTS or len(body) + len(lines) > MOST_BYTES):
            yield bytes(body)
            body, count = bytearray(), 0
        body += lines
        count += 1
    if count:
        yield bytes(body)


def is_small(requests: list[bytes], count: int) -> bool:
    """Whether it may be expected to be as quick as a single write."""
    return count <= _FEW and sum(map(len, requests)) <= _SMALL


def results(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | Failure]]:
    """Id and outcome of each action. Deleting what is not there counts as done."""
    for item in answer["items"]:
        ((verb, result),) = item.items()
        status = result["status"]
        if status < 300 or (verb == "delete" and status == 404 and "error" not in result):
            yield result["_id"], result
        else:
            yield result["_id"], judge(status, result.get("error"))

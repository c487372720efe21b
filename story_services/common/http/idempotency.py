"""`Idempotency-Key`: a POST that is repeated under its key is done once and answered alike.

Guarantees: a kept answer comes back with its status and body and is marked as a replay; another
body under the same key, or the same one while the first still runs, is a conflict; an answer
that a repetition may improve (validation, 5xx) is not kept. Keys belong to one actor: nobody
sees another's answer. Where answers are kept is the business of a `Keys`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import Response, StreamingResponse

from story_services.common.attempts import Fresh, Replay
from story_services.common.errors import ServiceError
from story_services.common.http import current

__all__ = ["REPLAYED", "Fresh", "Keyed", "Keys", "Replay", "once"]

log = logging.getLogger("story.idempotency")

#: Headers of an answer that are part of it; the others belong to one exchange.
_KEPT = ("content-type", "etag", "location", "x-total-count")
REPLAYED = "Idempotency-Replayed"


class Keys(Protocol):
    """Keeps what was answered under a key. `key` is unique over all actors."""

    async def begin(self, key: str, operation: str, body_hash: str) -> Replay | Fresh:
        """Take the key. Conflict if it stands for another request or its request still runs."""

    async def finish(
        self, token: object, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Keep the answer."""

    async def abandon(self, token: object, *, ran: bool) -> None:
        """Give the key back: nothing was answered that is worth keeping. If the handler `ran`,
        the next attempt gets the same nonce and is told that it resumes; else all is forgotten,
        and a corrected body may use the key."""


@dataclass(frozen=True)
class Keyed:
    """A request under a key. `operation` is its method, path and query."""

    key: str
    actor: str
    operation: str
    body: bytes = field(repr=False)

    @property
    def scoped(self) -> str:
        """The key with its owner: a digest, so that no character of either can confuse it."""
        return hashlib.sha256(f"{self.actor}\0{self.key}".encode()).hexdigest()

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


async def once(
    request: Keyed, keys: Keys, handle: Callable[[], Awaitable[tuple[Response, bool]]]
) -> Response:
    """The answer to a request under a key.

    `handle` gives the answer and whether its handler ran; an error it raises is a defect.
    """
    found = await keys.begin(request.scoped, request.operation, request.body_hash)
    if isinstance(found, Replay):
        headers = {**found.headers, REPLAYED: "true"}
        return Response(found.body, found.status, headers)
    current.attempt(current.Attempt(request.key, found.nonce, found.resumed))
    try:
        response, ran = await handle()
    except Exception:
        await _quietly(keys.abandon(found.token, ran=True))
        raise
    if not ran or response.status_code >= 500 or isinstance(response, StreamingResponse):
        await _quietly(keys.abandon(found.token, ran=ran))
    else:
        kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
        body = bytes(response.body)
        await _quietly(keys.finish(found.token, response.status_code, kept, body))
    return response


async def _quietly(step: Awaitable[None]) -> None:
    """What was done is done: a key that cannot be kept must not turn an answer into an error."""
    try:
        await step
    except ServiceError as error:
        log.warning("an idempotency key could not be kept: %s", error.code)

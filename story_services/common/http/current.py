"""Who and what the running request is, for code that must not know HTTP. Pure.

Set once by `common.http` before a handler runs; read by services (who changed it) and by the
store (which request caused a call). Outside a request everything has its empty value.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Attempt:
    """A request made under an `Idempotency-Key`.

    `nonce` is the same each time the request is repeated under its key, and no other request
    has it. `resumed` says that an earlier attempt began and its end is not known, so that some
    of what it does may have been done.
    """

    key: str
    nonce: str
    resumed: bool = False


_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_actor: ContextVar[str] = ContextVar("actor", default=ANONYMOUS)
_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def begin(request_id: str, actor: str) -> None:
    """Say whose request runs in this task from now on."""
    _request_id.set(request_id)
    _actor.set(actor)


def attempt(made: Attempt) -> None:
    """Say under which key the running request is made."""
    _attempt.set(made)


def request_id() -> str | None:
    """The running request's id: for logs, and for the store as `X-Opaque-Id`."""
    return _request_id.get()


def actor() -> str:
    """Who asks, as the gateway says; "anonymous" without a gateway."""
    return _actor.get()


def current_attempt() -> Attempt | None:
    """The running request's attempt, if it is made under a key."""
    return _attempt.get()


def current_key() -> str | None:
    """The running request's `Idempotency-Key`, if it has one."""
    made = _attempt.get()
    return made.key if made else None

"""What an answer of the store means, and how long to go on asking. No I/O but the clock.

`judge` reads status and error; `Patience` holds the time limits of one call. A failure is
`passing` when the same request may succeed a moment later; whether a failed write was carried
out is unknown for all of those but `BUSY`, so writes must be repeatable.
"""

from __future__ import annotations

import asyncio
import random
import re
from enum import Enum
from typing import Any

from story_services.common.errors import ServiceError, Unavailable
from story_services.common.store.documents import StoreConflict, StoreDefect

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
#: Tries after which a missing index is believed: it may just have been replaced by another one.
_MISSING = 3
#: Of the time limit that the first try may use up, so that a second one can tell what became of it.
_FIRST_TRY = 0.6


class Kind(Enum):
    """What a failed request failed of."""

    LOST = "unavailable"  # no answer, or one from something in between
    BUSY = "busy"
    READ_ONLY = "read_only"
    HELD = "held"  # writes are blocked for a moment: a migration
    NOT_READY = "not_ready"
    CONFLICT = "conflict"
    MISSING = "missing"
    EXISTS = "exists"
    DEFECT = "defect"


_PASSING = {Kind.LOST, Kind.BUSY, Kind.HELD}
#: errorCode, message, seconds after which asking again makes sense.
_SAID: dict[Kind, tuple[str, str, int]] = {
    Kind.LOST: ("store_unavailable", "The store does not answer.", 5),
    Kind.BUSY: ("store_busy", "The store has too much to do.", 1),
    Kind.READ_ONLY: ("store_read_only", "The store takes no changes: its disk is nearly full.", 30),
    Kind.HELD: ("store_read_only", "The store takes no changes: its data is being migrated.", 2),
    Kind.NOT_READY: ("store_not_ready", "The store has not been set up.", 5),
}


#: A node that keeps details to itself does not say what another one, or another part of itself,
#: refused; these are all it can have been.
_WRAPPED = {
    403: (Kind.HELD, "writes are blocked"),
    404: (Kind.NOT_READY, "an index is missing"),
}


class Failure(Exception):
    """A request to the store that did not do what it should."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(f"{kind.value}: {reason}")
        self.kind = kind
        self.reason = reason

    @property
    def passing(self) -> bool:
        return self.kind in _PASSING

    def error(self) -> ServiceError | StoreDefect:
        """What the caller of the store gets to see."""
        if self.kind not in _SAID:
            return StoreDefect(self.reason)
        code, message, after = _SAID[self.kind]
        return Unavailable(message, self.reason, code=code, retry_after=after)


def judge(status: int, error: Any) -> Failure:
    """A failed answer: its status and what stands under `error`.

    That is a text, `XException[reason]`, from a node that keeps details to itself, else an object
    with `type` and `reason`; from nginx it is an HTML page.
    """
    text = _text(error)
    name = text.partition("[")[0].lower().replace("_", "")
    if "clusterblockexception" in name:
        return _blocked(text)
    if name == "remotetransportexception" and status in _WRAPPED:
        return Failure(*_WRAPPED[status])
    if "indexnotfound" in name or "aliasesnotfound" in name:
        return Failure(Kind.NOT_READY, "an index is missing")
    if "indexclosed" in name:
        return Failure(Kind.NOT_READY, "an index is closed")
    if "alreadyexists" in name:
        return Failure(Kind.EXISTS, "exists already")
    if status == 409:
        return Failure(Kind.CONFLICT, "version conflict")
    if status == 429 or "circuitbreaking" in name or "rejectedexecution" in name:
        return Failure(Kind.BUSY, f"status {status}")
    if status in (400, 401) and "<html" in text:
        return Failure(Kind.LOST, "the door does not accept this service's certificate")
    if status >= 500 or status == 408:
        return Failure(Kind.LOST, f"status {status}")
    if status == 404:
        return Failure(Kind.MISSING, "not found")
    # What the node quotes of a value is somebody's text and must not reach a log.
    told = re.split(r"[.,]? ?Preview of field|: '|: \"", text)[0]
    return Failure(Kind.DEFECT, f"status {status}: {told[:300]}")


def outcome_of(error: BaseException) -> str:
    """One word for what ended a call, e.g. for a counter."""
    if isinstance(error, StoreConflict):
        return "conflict"
    if isinstance(error, ServiceError):
        return error.code
    return "defect" if isinstance(error, Exception) else "cancelled"


def _text(error: Any) -> str:
    if isinstance(error, dict):
        return f"{error.get('type', '')}[{error.get('reason', '')}]"
    return str(error)


def _blocked(text: str) -> Failure:
    if "FORBIDDEN/8/" in text:
        return Failure(Kind.HELD, "writes are blocked")
    if "SERVICE_UNAVAILABLE" in text:  # no cluster manager yet, state not recovered
        return Failure(Kind.LOST, "the store is starting")
    return Failure(Kind.READ_ONLY, "the store's disk is nearly full")


class Patience:
    """The time limits of one call, in seconds: `total` for all of it, `streak` for failures in a
    row. Starts with its creation and needs a running event loop."""

    def __init__(self, total: float, streak: float | None = None) -> None:
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + total
        self._total = total
        self._streak = total if streak is None else streak
        self._failing_since: float | None = None
        self._pause = _FIRST_PAUSE
        self._tries = 0
        self._missing = 0

    def limit(self) -> float:
        """Seconds the next request may take; never 0, which would mean none at all."""
        self._tries += 1
        left = self._until - self._clock()
        return max(left if self._tries > 1 else left * _FIRST_TRY, 0.001)

    def worked(self) -> None:
        """An answer came: failures in a row are counted anew."""
        self._failing_since = None
        self._pause = _FIRST_PAUSE

    async def after(self, failure: Failure) -> None:
        """Wait before the next try; raises the failure's error when there is to be none."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        pause = self._pause * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, no secret
        end = min(self._until, self._failing_since + self._streak)
        if now + pause >= end or not (failure.passing or self._may_appear(failure)):
            raise failure.error() from failure
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause)

    def _may_appear(self, failure: Failure) -> bool:
        self._missing += failure.kind is Kind.NOT_READY
        return failure.kind is Kind.NOT_READY and self._missing < _MISSING

"""Idempotency keys in OpenSearch: a request is taken once, and its answer kept for a day.

A key whose process died is taken over: at once when this machine can tell that the process is
gone, else when its lease has run out. Whoever takes it over is told that an earlier attempt may
have done some of its work. No answer waits long for its key: a store that is away is told of it
when it is back.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from story_services.common.attempts import Fresh, Replay
from story_services.common.clock import instant
from story_services.common.errors import Conflict, Unavailable
from story_services.common.queries import every, terms
from story_services.common.store.client import Store
from story_services.common.store.documents import Document, StoreConflict, Token

INDEX = "key"
#: How long an answer is kept (the contract's 24 h), and how long a silent holder is waited for:
#: longer than any call of the store may take.
_KEPT_US = 24 * 3600 * 1_000_000
_LEASE_US = 45 * 1_000_000
#: Seconds that an answer waits for its key to be kept, or to be given back; between later tries.
_KEEPING, _GIVING_BACK, _PAUSE = 1.0, 0.25, 1.0


@dataclass(frozen=True)
class Held:
    """A key that this process holds; what `finish` and the others are given back."""

    id: str
    source: Mapping[str, object]
    token: Token


class StoreKeys:
    """Implements `common.http.idempotency.Keys`. `now` tells the time in microseconds."""

    def __init__(
        self, store: Store, *, now: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self.store = store
        self.owner = process_mark()
        self._now = now
        self._running: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def begin(self, key: str, operation: str, body_hash: str) -> Replay | Fresh:
        """Take the key, or give the answer that was kept under it."""
        request = f"{operation}\n{body_hash}"
        if key in self._running:  # by another request of this process
            found = await self.store.get(INDEX, key)
            kept = self._look(found, request, held=True) if found else None
            if kept is None:
                raise _in_use()
            return kept
        self._running.add(key)
        try:
            answer = await self._begin(key, request)
        except BaseException:
            self._running.discard(key)
            raise
        if isinstance(answer, Replay):
            self._running.discard(key)
        return answer

    async def _begin(self, key: str, request: str) -> Replay | Fresh:
        while True:
            found = await self.store.get(INDEX, key)
            answer = self._look(found, request) if found else None
            if answer is not None:
                return answer
            resumed = found is not None and not self._is_free(found)
            attempt = found.source["attempt"] if found and resumed else uuid4().hex
            held = await self._take(key, request, attempt, found.token if found else None)
            if held is not None:
                return Fresh(held, attempt, resumed)

    def _look(self, found: Document, request: str, held: bool = False) -> Replay | None:
        """The kept answer, or None when the key may be taken (over). `held`: by this process."""
        source = found.source
        if self._is_free(found):
            return None
        if source["request"] != request:
            raise Conflict(
                "This Idempotency-Key was used for another request.",
                "use a new key for a new request",
                code="idempotency_key_reused",
            )
        if source["status"] == "done":
            answer = source["answer"]
            return Replay(answer["status"], answer["headers"], answer["body"].encode())
        if source["status"] == "running" and (held or self._alive(found)):
            raise _in_use()
        return None

    def _alive(self, found: Document) -> bool:
        """Whether another process may be at it."""
        owner = found.source["owner"]
        if owner == self.owner or is_gone(owner):
            return False
        return bool(found.source["leaseUntil"] > self._now())

    def _is_free(self, found: Document) -> bool:
        """Whether nothing of an earlier request stands under this key any more."""
        expired = str(found.source["expires"]) < instant(self._now())
        return found.source["status"] == "released" or expired

    async def _take(self, key: str, request: str, attempt: str, token: Token | None) -> Held | None:
        source = {
            "request": request,
            "attempt": attempt,
            "status": "running",
            "owner": self.owner,
            "leaseUntil": self._now() + _LEASE_US,
            "expires": instant(self._now() + _KEPT_US),
            "nonce": uuid4().hex,
        }
        try:
            if token is None:
                token = await self.store.create(INDEX, key, source)
            else:
                token = await self.store.put(INDEX, key, source, token)
        except StoreConflict:
            return None
        return Held(key, source, token)

    async def finish(
        self, token: object, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Keep the answer."""
        answer = {"status": status, "headers": dict(headers), "body": body.decode()}
        await self._end(token, "done", {"answer": answer}, _KEEPING)

    async def abandon(self, token: object, *, ran: bool) -> None:
        """Give the key back: to the same request only if some of it may have been done."""
        await self._end(token, "suspended" if ran else "released", {}, _GIVING_BACK)

    async def _end(
        self, token: object, status: str, more: Mapping[str, object], patience: float
    ) -> None:
        assert isinstance(token, Held)
        source = {**token.source, "status": status, "nonce": uuid4().hex, **more}
        task = asyncio.create_task(self._write_end(token, source))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.wait({task}, timeout=patience)
        self._running.discard(token.id)

    async def _write_end(self, token: Held, source: Mapping[str, object]) -> None:
        """Until it is written, or the lease has run out and somebody may have gone on with it."""
        while self._now() < _lease(token):
            try:
                await self.store.put(INDEX, token.id, source, token.token)
            except StoreConflict:
                return  # somebody has
            except Unavailable:
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def forget_expired(self) -> int:
        """Remove keys older than a day; returns how many."""
        await self.store.refresh(INDEX)
        old = {"range": {"expires": {"lt": instant(self._now())}}}
        found = {
            document.id: document.token
            async for document in self.store.search_all(
                INDEX, old, sort=["expires"], source=["nonce"], tokens=True
            )
            if document.token is not None
        }
        if found:
            await self.store.delete(INDEX, found)  # but not those taken anew meanwhile
        return len(found)

    async def unfinished(self, nonces: Iterable[str]) -> set[str]:
        """Those of the requests, named by their nonces, that may still be repeated and go on."""
        wanted = list(nonces)
        alive = every(
            [terms("attempt", wanted), terms("status", ("running", "suspended"))],
            without=[{"range": {"expires": {"lt": instant(self._now())}}}],
        )
        await self.store.refresh(INDEX)
        return {
            document.source["attempt"]
            async for document in self.store.search_all(
                INDEX, alive, sort=["expires"], source=["attempt"]
            )
        }

    async def close(self) -> None:
        """End what is still to be told to the store."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)


def _in_use() -> Conflict:
    return Conflict(
        "A request with this Idempotency-Key is still running.",
        "repeat it in a moment to get its answer",
        code="idempotency_key_in_use",
    )


def _lease(held: Held) -> int:
    until = held.source["leaseUntil"]
    assert isinstance(until, int)
    return until


def process_mark() -> str:
    """This process among all that ever ran on this machine: boot, namespace of process ids, pid
    and start time, so that a later one can tell whether it still lives."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {_pid_space()} {os.getpid()} {_start_of(os.getpid())} {uuid4().hex[:8]}"


def is_gone(mark: str) -> bool:
    """Whether the process of this mark is known to be dead. False when it cannot be told."""
    boot, space, pid, start, _ = mark.split(" ")
    if boot != Path("/proc/sys/kernel/random/boot_id").read_text().strip():
        return False  # perhaps another machine
    if space != _pid_space():
        return False
    return _start_of(int(pid)) != start


def _pid_space() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _start_of(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]  # a zombie does nothing any more

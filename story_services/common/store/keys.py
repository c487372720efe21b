"""Idempotency keys in OpenSearch: a request is taken once, and its answer kept for a day.

A key whose process died is taken over: at once when this machine can tell that the process is
gone, else when its lease has run out. Whoever takes it over is told that an earlier attempt may
have done some of its work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from story_services.common.attempts import Fresh, Replay
from story_services.common.clock import instant
from story_services.common.errors import Conflict
from story_services.common.store.client import Store
from story_services.common.store.documents import Document, StoreConflict, Token

INDEX = "key"
#: How long an answer is kept (the contract's 24 h), and how long a silent holder is waited for:
#: longer than any call of the store may take.
_KEPT_US = 24 * 3600 * 1_000_000
_LEASE_US = 45 * 1_000_000


@dataclass(frozen=True)
class Held:
    """A key that this process holds; what `finish` and the others are given back."""

    id: str
    source: Mapping[str, object]
    token: Token


class StoreKeys:
    """Implements `common.http.idempotency.Keys`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.owner = process_mark()
        self._running: set[str] = set()

    async def begin(self, key: str, operation: str, body_hash: str) -> Replay | Fresh:
        """Take the key, or give the answer that was kept under it."""
        request = f"{operation}\n{body_hash}"
        while True:
            found = await self.store.get(INDEX, key)
            answer = self._look(found, request) if found else None
            if answer is not None:
                return answer
            resumed = found is not None and not _is_free(found)
            attempt = found.source["attempt"] if found and resumed else uuid4().hex
            held = await self._take(key, request, attempt, found.token if found else None)
            if held is not None:
                self._running.add(key)
                return Fresh(held, attempt, resumed)

    def _look(self, found: Document, request: str) -> Replay | None:
        """The kept answer, or None when the key may be taken (over)."""
        source = found.source
        if _is_free(found):
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
        if source["status"] == "running" and self._alive(found):
            raise Conflict(
                "A request with this Idempotency-Key is still running.",
                "repeat it in a moment to get its answer",
                code="idempotency_key_in_use",
            )
        return None

    def _alive(self, found: Document) -> bool:
        owner = found.source["owner"]
        if owner == self.owner:
            return found.id in self._running
        if is_gone(owner):
            return False
        return bool(found.source["leaseUntil"] > _now())

    async def _take(self, key: str, request: str, attempt: str, token: Token | None) -> Held | None:
        source = {
            "request": request,
            "attempt": attempt,
            "status": "running",
            "owner": self.owner,
            "leaseUntil": _now() + _LEASE_US,
            "expires": instant(_now() + _KEPT_US),
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
        await self._end(token, "done", {"answer": answer})

    async def abandon(self, token: object, *, ran: bool) -> None:
        """Give the key back: to the same request only if some of it may have been done."""
        await self._end(token, "suspended" if ran else "released", {})

    async def _end(self, token: object, status: str, more: Mapping[str, object]) -> None:
        assert isinstance(token, Held)
        self._running.discard(token.id)
        source = {**token.source, "status": status, "nonce": uuid4().hex, **more}
        try:
            await self.store.put(INDEX, token.id, source, token.token)
        except StoreConflict:
            return  # the lease ran out and somebody else went on with it

    async def forget_expired(self) -> int:
        """Remove keys older than a day; returns how many."""
        await self.store.refresh(INDEX)
        old = {"range": {"expires": {"lt": instant(_now())}}}
        ids = [
            document.id
            async for document in self.store.search_all(INDEX, old, sort=["expires"], source=False)
        ]
        if ids:
            await self.store.delete(INDEX, ids)
        return len(ids)


def _now() -> int:
    return time.time_ns() // 1000


def _is_free(found: Document) -> bool:
    """Whether nothing of an earlier request stands under this key any more."""
    return found.source["status"] == "released" or str(found.source["expires"]) < instant(_now())


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
    return stat.rpartition(")")[2].split()[19]

"""The proxy-cache plugin: answers kept in memory, told apart by consumer, request and fields.

From kong/plugins/proxy-cache/handler.lua. Keys hold the consumer's id, so nobody gets what was
answered to another; the memory is bounded and forgets the oldest.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .headers import Headers
from .message import Answer, Entity, Request, error
from .plugin import Plugin

LIMIT = 16 * 2**20  # bytes of bodies, as mem_cache_size of a small host
NOT_KEPT = frozenset({"content-length", "connection", "keep-alive", "transfer-encoding"})


@dataclass
class Stored:
    """An answer as it was, in epoch seconds."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    at: float
    ttl: float
    until: float


class Store:
    """What is kept; it outlives a reload as shared memory does."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Stored] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> Stored | None:
        found = self._entries.get(key)
        return found if found and found.until > time.time() else None

    def put(self, key: str, entry: Stored) -> None:
        if old := self._entries.pop(key, None):
            self._size -= len(old.body)
        self._entries[key] = entry
        self._size += len(entry.body)
        while self._size > LIMIT:
            _, oldest = self._entries.popitem(last=False)
            self._size -= len(oldest.body)


def directives(value: str | None) -> dict[str, str]:
    """Of a Cache-Control field."""
    parts = [part.strip().partition("=") for part in (value or "").split(",") if part.strip()]
    return {name.lower(): text for name, _, text in parts}


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


class ProxyCache(Plugin):
    """Strategy memory."""

    name, priority = "proxy-cache", 100

    def __init__(self, entity: Entity, store: Store) -> None:
        super().__init__(entity)
        self._store = store

    async def access(self, request: Request) -> Answer | None:
        asked = directives(request.headers.get("cache-control"))
        obeyed = self.config["cache_control"]
        if request.method not in self.config["request_method"] or (
            obeyed and {"no-store", "no-cache"} & set(asked)
        ):
            self.keep(request, ("Bypass", None))
            return None
        key = self._key(request)
        found = self._store.get(key)
        if found is None:
            if obeyed and "only-if-cached" in asked:
                return error(request, 504)
            self.keep(request, ("Miss", key))
            return None
        age, limit = time.time() - found.at, self.config["cache_ttl"]
        if obeyed and (given := _seconds(asked.get("max-age"))) is not None:
            limit = given
        elif obeyed:
            limit = found.ttl
        if age > limit:
            self.keep(request, ("Refresh", key))
            return None
        self.keep(request, ("Hit", key))
        headers = Headers(found.headers)
        self._tell(headers, "Age", int(age))
        self._tell(headers, "X-Cache-Status", "Hit")
        self._tell(headers, "X-Cache-Key", key)
        return Answer(found.status, headers, found.body)

    def respond(self, request: Request, answer: Answer) -> None:
        status, key = self.kept(request) or (None, None)
        if status in (None, "Hit"):
            return
        if key and not self._may(answer):
            status = "Bypass"
        self._tell(answer.headers, "X-Cache-Status", status)
        if key:
            self._tell(answer.headers, "X-Cache-Key", key)
        if key and status != "Bypass":
            answer.copy = bytearray()
        else:
            self.keep(request, None)

    def log(self, request: Request, answer: Answer) -> None:
        status, key = self.kept(request) or (None, None)
        if status not in ("Miss", "Refresh") or key is None or answer.copy is None:
            return
        now, ttl = time.time(), self._ttl(answer)
        headers = [(n, v) for n, v in answer.headers if n.lower() not in NOT_KEPT]
        keep = self.config.get("storage_ttl") or ttl
        self._store.put(
            key, Stored(answer.status, headers, bytes(answer.copy), now, ttl, now + keep)
        )

    def _tell(self, headers: Headers, name: str, value: object) -> None:
        if self.config["response_headers"].get(name, True):
            headers.set(name, value)

    def _may(self, answer: Answer) -> bool:
        said = directives(answer.headers.get("cache-control"))
        kind = (answer.headers.get("content-type") or "").lower()
        if answer.source != "upstream" or answer.status not in self.config["response_code"]:
            return False
        if kind not in {entry.lower() for entry in self.config["content_type"]}:
            return False
        if not self.config["cache_control"]:
            return True
        refused = {"private", "no-store", "no-cache"} & set(said)
        return not refused and "public" in said and self._ttl(answer) > 0

    def _ttl(self, answer: Answer) -> float:
        if not self.config["cache_control"]:
            return float(self.config["cache_ttl"])
        said = directives(answer.headers.get("cache-control"))
        return _seconds(said.get("s-maxage")) or _seconds(said.get("max-age")) or 0

    def _key(self, request: Request) -> str:
        who = (request.consumer or {}).get("id", "default")
        path = request.path.lower() if self.config["ignore_uri_case"] else request.path
        names = self.config.get("vary_query_params")
        fields = sorted(f for f in request.query.split("&") if f)
        query = [f for f in fields if not names or f.partition("=")[0] in names]
        vary = [f"{n}={request.headers.get(n)}" for n in self.config.get("vary_headers") or []]
        route = (request.route or {}).get("id", "")
        parts: list[Any] = [who, route, request.method, path, "&".join(query), "&".join(vary)]
        return hashlib.sha256("|".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

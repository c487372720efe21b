"""What is read of the store, repeated until there is an answer or the time is up.

Never a part of an answer for the whole: shards that did not answer and searches that took too
long are failures. Knows nothing of the client that carries the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from story_services.common.errors import Unavailable
from story_services.common.store.documents import Document, read
from story_services.common.store.outcomes import Failure, Kind, Patience, judge

_WHOLE = {"allow_partial_search_results": "false"}
_IDS = 1000  # of one mget
_BLOCKS = {
    "index.blocks.read_only_allow_delete": Kind.READ_ONLY,
    "index.blocks.read_only": Kind.READ_ONLY,
    "index.blocks.write": Kind.HELD,
    "index.verified_before_close": Kind.NOT_READY,
}


class Send(Protocol):
    """One request, once: method, path, body, time limit in seconds, arguments. Raises Failure."""

    def __call__(
        self, method: str, path: str, body: Any, limit: float, params: Mapping[str, str], /
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...


class Reads:
    """`small` is the time limit of a call with few documents, `large` of one with many, both in
    seconds. Indices are full names. Raises Unavailable, StoreConflict, StoreDefect."""

    def __init__(self, send: Send, small: float, large: float) -> None:
        self.send = send
        self._small = small
        self.large = large

    def patience(self, large: bool = False) -> Patience:
        """A large call may be slow, yet a store that is away is told as soon as otherwise."""
        return Patience(self.large if large else self._small, self._small)

    async def get(self, index: str, id: str, patience: Patience | None = None) -> Document | None:
        path = f"/{index}/_doc/{quoted(id)}"
        try:
            answer = await self._read("GET", path, None, {}, patience or self.patience(), _document)
        except Failure:  # missing, the only one that comes through
            return None
        return read(answer) if answer["found"] else None

    async def mget(
        self,
        index: str,
        ids: Sequence[str],
        patience: Patience | None = None,
        *,
        source: bool = True,
    ) -> dict[str, Document]:
        """Without `source` only as much of it as a token needs."""
        patience = patience or self.patience(len(ids) > _IDS)
        params = {} if source else {"_source_includes": "nonce"}
        found: dict[str, Document] = {}
        for at in range(0, len(ids), _IDS):
            body = {"ids": ids[at : at + _IDS]}
            answer = await self._read("POST", f"/{index}/_mget", body, params, patience, _documents)
            found |= {doc["_id"]: read(doc) for doc in answer["docs"] if doc.get("found")}
        return found

    async def search(
        self, index: str, body: Mapping[str, Any], *, large: bool = False
    ) -> dict[str, Any]:
        """The answer as it came; never a part of what it should be."""
        asked = {"track_total_hits": True, **body}
        patience = self.patience(large)
        return await self._read("POST", f"/{index}/_search", asked, _WHOLE, patience, _complete)

    async def look(self, path: str) -> dict[str, Any]:
        """What GET answers; raises the Failure itself when an index is missing."""
        patience = self.patience()
        while True:
            try:
                return await self.send("GET", path, None, patience.limit(), {})
            except Failure as failure:
                if failure.kind is Kind.NOT_READY:
                    raise
                await patience.after(failure)

    async def count(self, index: str, query: Mapping[str, Any]) -> int:
        path, body = f"/{index}/_count", {"query": query}
        return int((await self._read("POST", path, body, {}, self.patience(), _complete))["count"])

    async def refresh(self, index: str, patience: Patience) -> None:
        await self._read("POST", f"/{index}/_refresh", None, {}, patience, _complete)

    async def health(
        self, prefix: str, aliases: Sequence[str], names: Sequence[str]
    ) -> dict[str, Any]:
        """State of the cluster if all indices below `prefix`, which the `aliases` show, can be
        used: none of these short names missing, none red, closed, or closed to changes."""
        patience = self.patience()
        ask = {"level": "indices"}
        answer = await self._read("GET", "/_cluster/health", None, ask, patience, _as_it_is)
        ours = {n: i["status"] for n, i in answer["indices"].items() if n.startswith(prefix)}
        missing = [n for n in names if not any(i.startswith(f"{prefix}{n}-v") for i in ours)]
        if missing:
            raise Failure(Kind.NOT_READY, f"missing: {', '.join(missing)}").error()
        if red := sorted(name for name, status in ours.items() if status == "red"):
            raise Unavailable("The store lacks data.", f"not readable: {', '.join(red)}")
        for alias in aliases:
            path, flat = f"/{alias}/_settings", {"flat_settings": "true"}
            found = await self._read("GET", path, None, flat, patience, _as_it_is)
            for name, index in found.items():
                for block, kind in _BLOCKS.items():
                    if index["settings"].get(block) == "true":
                        raise Failure(kind, f"writes to {name} are blocked").error()
        return {"cluster": answer["status"]}

    async def _read(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, str],
        patience: Patience,
        check: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        while True:
            try:
                answer = await self.send(method, path, body, patience.limit(), params)
                check(answer)
                patience.worked()
                return answer
            except Failure as failure:
                if failure.kind is Kind.MISSING:
                    raise
                await patience.after(failure)


def quoted(id: str) -> str:
    """As one segment of a raw path; the door refuses a leading full stop as it is."""
    quoted = quote(id, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def _as_it_is(_: dict[str, Any]) -> None:
    """Whatever came will do."""


def _document(answer: dict[str, Any]) -> None:
    if "found" not in answer:
        raise Failure(Kind.LOST, "no answer of OpenSearch")


def _documents(answer: dict[str, Any]) -> None:
    for doc in answer["docs"]:
        if "error" in doc:
            raise judge(int(doc.get("status", 503)), doc["error"])


def _complete(answer: dict[str, Any]) -> None:
    """Raises Failure when shards did not answer."""
    if answer.get("timed_out"):
        raise Failure(Kind.BUSY, "a search took too long")
    shards = answer["_shards"]
    if shards.get("failed", 0):
        failures = shards.get("failures") or [{}]
        raise judge(int(failures[0].get("status") or 503), failures[0].get("reason", ""))

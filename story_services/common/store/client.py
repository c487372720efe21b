"""The store: everything the services ask of OpenSearch, and the only importer of its client.

Guarantees: a write that returned a token is on the disk of the node; a conditional write is done
once however often it had to be sent; no call outlasts its time limit; every failure is an
`Unavailable` that says why, a `StoreConflict`, or a `StoreDefect` for a mistake of ours. Index
names are short (`element`), the prefix is added here.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import orjson
from opensearchpy import AIOHttpConnection, AsyncOpenSearch, JSONSerializer
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import ConnectionTimeout, SerializationError, SSLError, TransportError

from story_services.common.settings import Settings
from story_services.common.store import mappings
from story_services.common.store.bulk import Action
from story_services.common.store.documents import (
    Document,
    SearchResult,
    StoreConflict,
    StoreDefect,
    Token,
    read_search,
)
from story_services.common.store.outcomes import Failure, Kind, judge, outcome_of
from story_services.common.store.refreshing import Refreshing
from story_services.common.store.requests import Reads
from story_services.common.store.writes import Writes

__all__ = ["Document", "SearchResult", "Store", "StoreConflict", "StoreDefect", "Token"]

#: Connections kept to the door, which allows 128 from one address.
_POOL = 48


#: Documents that one search gives at most (index.max_result_window).
WINDOW = 10_000


class _Json(JSONSerializer):
    """orjson instead of json: a whole play is a megabyte and more."""

    def loads(self, s: Any) -> Any:
        try:
            return orjson.loads(s)
        except ValueError as error:
            raise SerializationError("not JSON") from error

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, bytes | str) else orjson.dumps(data)


class _Connection(AIOHttpConnection):
    """Without the library's own log, which would show addresses, bodies and tracebacks."""

    def log_request_success(self, *_: Any, **__: Any) -> None:
        """`on_call` says it."""

    def log_request_fail(self, *_: Any, **__: Any) -> None:
        """`on_call` says it."""


class Store:
    """A client of one store. `on_call(operation, outcome, seconds)` hears of every call, retries
    included in one; `opaque_id` names the request that a call is made for."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_call: Callable[[str, str, float], None] = lambda *_: None,
        opaque_id: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._prefix = settings.index_prefix
        self._on_call = on_call
        self._opaque_id = opaque_id
        self._client = AsyncOpenSearch(
            hosts=settings.store_url.split(","),  # in turn; one that does not answer is left out
            connection_class=_Connection,
            ssl_context=_tls(settings),
            maxsize=_POOL,
            max_retries=0,  # repeating is decided where it is known what may be repeated
            serializer=_Json(),
            serializers={"application/json": _Json()},
        )
        small, large = settings.store_deadline, settings.bulk_deadline
        self._reads = Reads(self._send, small, max(small, large))
        self._writes = Writes(self._reads)
        self._refreshing = Refreshing(self._reads.refresh, self._reads.patience)

    # Reads

    async def get(self, index: str, id: str) -> Document | None:
        """The document as last written, acknowledged or about to be; None if there is none."""
        with self._told("get"):
            return await self._reads.get(self.name(index), id)

    async def mget(self, index: str, ids: Sequence[str]) -> dict[str, Document]:
        """Those of the documents that exist, by id."""
        with self._told("mget"):
            return await self._reads.mget(self.name(index), ids)

    async def search(self, index: str, body: Mapping[str, Any]) -> SearchResult:
        """One search; finds what was written before the index was last refreshed."""
        with self._told("search"):
            return read_search(await self._reads.search(self.name(index), body))

    async def search_all(
        self,
        index: str,
        query: Mapping[str, Any],
        *,
        sort: Sequence[Any],
        source: Sequence[str] | bool | None = None,
        page: int = 5000,
        tokens: bool = False,
    ) -> AsyncIterator[Document]:
        """All documents that match, in the order of `sort`; ids decide between equal ones.

        Reads page by page. A document written meanwhile may come in its old or its new form.
        With `tokens`, each comes with the token of the form it has.
        """
        body: dict[str, Any] = {
            "query": query,
            "sort": mappings.total_sort(index, sort),
            "size": page,
            "track_total_hits": False,
            "seq_no_primary_term": tokens,
        }
        if source is not None:
            body["_source"] = source
        while True:
            with self._told("search_all"):
                answer = await self._reads.search(self.name(index), body, large=True)
                hits = read_search(answer).hits
            for hit in hits:
                yield hit
            if len(hits) < page:
                return
            body["search_after"] = hits[-1].sort

    async def sources(self, index: str, query: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The first 10,000 documents that match, by id, in no order: the least that can be asked
        for thousands of documents at once."""
        body = {"query": query, "sort": ["_doc"], "size": WINDOW, "track_total_hits": False}
        with self._told("sources"):
            answer = await self._reads.search(self.name(index), body, large=True)
            return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

    async def count(self, index: str, query: Mapping[str, Any]) -> int:
        """How many documents match, of those that a search would find."""
        with self._told("count"):
            return await self._reads.count(self.name(index), query)

    async def refresh(self, index: str) -> None:
        """Let searches find everything that was written before this call."""
        with self._told("refresh"):
            await self._refreshing(self.name(index))

    # Writes

    async def create(self, index: str, id: str, source: Mapping[str, Any]) -> Token:
        """Write a document that does not exist; StoreConflict if it does and is another one."""
        with self._told("create"):
            return await self._writes.one(self.name(index), Action("create", id, source))

    async def put(self, index: str, id: str, source: Mapping[str, Any], token: Token) -> Token:
        """Replace the very document that `token` stands for; else StoreConflict."""
        with self._told("put"):
            return await self._writes.one(self.name(index), Action("index", id, source, token))

    async def write(self, index: str, id: str, source: Mapping[str, Any]) -> Token:
        """Write whatever is there, so only for content that follows from the id."""
        with self._told("write"):
            return await self._writes.one(self.name(index), Action("index", id, source))

    async def bulk_create(
        self, index: str, sources: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Token | None]:
        """`create` for many; None for those that another write holds."""
        actions = [Action("create", id, source) for id, source in sources.items()]
        with self._told("bulk_create"):
            return await self._writes.many(self.name(index), actions)

    async def bulk_put(
        self, index: str, puts: Iterable[tuple[str, Mapping[str, Any], Token]]
    ) -> dict[str, Token | None]:
        """`put` for many documents; None for those that another write holds."""
        actions = [Action("index", id, source, token) for id, source, token in puts]
        with self._told("bulk_put"):
            return await self._writes.many(self.name(index), actions)

    async def bulk_write(self, index: str, sources: Mapping[str, Mapping[str, Any]]) -> None:
        """`write` for many."""
        actions = [Action("index", id, source) for id, source in sources.items()]
        with self._told("bulk_write"):
            await self._writes.many(self.name(index), actions)

    async def delete(self, index: str, ids: Iterable[str] | Mapping[str, Token]) -> None:
        """Delete documents as they are now, or as the tokens say; one that is written meanwhile
        stays, and one that is not there is fine."""
        with self._told("delete"):
            name = self.name(index)
            if not isinstance(ids, Mapping):
                found = await self._reads.mget(name, list(ids), source=False)
                ids = {id: doc.token for id, doc in found.items() if doc.token}
            actions = [Action("delete", id, token=token) for id, token in ids.items()]
            await self._writes.many(name, actions)

    # The whole

    async def health(self) -> dict[str, Any]:
        """`{"cluster": "green"}`. Unavailable when the store does not answer, lacks indices or
        the data of one, or takes no changes; the error says which."""
        with self._told("health"):
            aliases = self.name(mappings.LOG), *map(self.name, mappings.UNLOGGED)
            return await self._reads.health(self._prefix, aliases, list(mappings.PROPERTIES))

    async def look(self, path: str) -> dict[str, Any]:
        """GET a full path, for the modules that own the indices. Raises Failure when there is no
        such thing, else as every read does."""
        return await self._reads.look(path)

    async def administer(
        self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One request by its full path for the module that owns the indices; raises Failure.
        It is sent once, as it is not known whether it may be repeated."""
        return await self._send(method, path, body, self._reads.large, params or {})

    def name(self, index: str) -> str:
        """The full name of an index or alias."""
        return self._prefix + index

    async def close(self) -> None:
        """Close all connections."""
        await self._refreshing.end()
        await self._client.close()

    @contextmanager
    def _told(self, operation: str) -> Iterator[None]:
        began = perf_counter()
        outcome = "ok"
        try:
            yield
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._on_call(operation, outcome, perf_counter() - began)

    async def _send(
        self, method: str, path: str, body: Any, limit: float, params: Mapping[str, str]
    ) -> dict[str, Any]:
        """One request, once. Raises Failure for whatever is not a good answer."""
        opaque = self._opaque_id()
        try:
            answer = await self._client.transport.perform_request(
                method,
                path,
                params=dict(params),
                body=body,
                timeout=limit,
                headers={"x-opaque-id": opaque} if opaque else None,
            )
        except ConnectionTimeout as error:
            raise Failure(Kind.LOST, "no answer in time") from error
        except SSLError as error:
            raise Failure(Kind.LOST, "no trusted connection") from error
        except NoConnection as error:
            raise Failure(Kind.LOST, "no connection") from error
        except TransportError as error:
            info = error.info
            said = info.get("error", info) if isinstance(info, dict) else error.error
            raise judge(int(error.status_code), said) from error
        except SerializationError as error:
            raise Failure(Kind.LOST, "the answer was cut short") from error
        if not isinstance(answer, dict):
            raise Failure(Kind.LOST, "no answer of OpenSearch")
        return answer


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The door's CA and our certificate; None when the store is asked in the clear."""
    if not settings.store_url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=settings.store_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.store_cert and settings.store_key:
        context.load_cert_chain(settings.store_cert, settings.store_key)
    return context

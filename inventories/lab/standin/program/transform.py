"""Plugins that change requests and answers: transformers, correlation-id, request-termination."""

from __future__ import annotations

import os
import time
import uuid
from itertools import count
from urllib.parse import quote, unquote_plus

from .auth import without
from .headers import Headers
from .message import Answer, Entity, Request, error
from .plugin import Plugin


def _pairs(config: dict[str, list[str]], key: str) -> list[tuple[str, str]]:
    """`name:value` entries."""
    parts = [entry.partition(":") for entry in config.get(key) or []]
    return [(name, value) for name, _, value in parts]


def change(headers: Headers, config: dict[str, dict[str, list[str]]], key: str) -> None:
    """Remove, rename, replace, add and append, in that order, as Kong does."""
    for name in config.get("remove", {}).get(key) or []:
        headers.remove(name)
    for old, new in _pairs(config.get("rename", {}), key):
        for value in headers.all(old):
            headers.add(new, value)
        headers.remove(old)
    for name, value in _pairs(config.get("replace", {}), key):
        if headers.get(name) is not None:
            headers.set(name, value)
    for name, value in _pairs(config.get("add", {}), key):
        if headers.get(name) is None:
            headers.set(name, value)
    for name, value in _pairs(config.get("append", {}), key):
        headers.add(name, value)


class RequestTransformer(Plugin):
    """Fields, query and method on the way to the upstream."""

    name, priority = "request-transformer", 801

    async def access(self, request: Request) -> Answer | None:
        change(request.upstream, self.config, "headers")
        self._query(request)
        if method := self.config.get("http_method"):
            request.method = method.upper()
        return None

    def _query(self, request: Request) -> None:
        query = Headers(
            (unquote_plus(name), value)
            for name, _, value in (f.partition("=") for f in request.upstream_query.split("&") if f)
        )
        before = list(query)
        change(query, self.config, "querystring")
        if list(query) != before:
            request.upstream_query = "&".join(f"{quote(n)}={v}" for n, v in query)


class ResponseTransformer(Plugin):
    """Fields on the way back."""

    name, priority = "response-transformer", 800

    def respond(self, request: Request, answer: Answer) -> None:
        if answer.source == "upstream":
            change(answer.headers, self.config, "headers")


class CorrelationId(Plugin):
    """An id for each request that has none, for the upstream and, if wanted, for the client."""

    name, priority = "correlation-id", 100001
    _worker, _counter = str(uuid.uuid4()), count(1)

    async def access(self, request: Request) -> Answer | None:
        name = self.config["header_name"]
        found = request.headers.get(name) or self._new(request)
        request.upstream.set(name, found)
        request.logged["correlation_id"] = found
        self.keep(request, found)
        return None

    def respond(self, request: Request, answer: Answer) -> None:
        if self.config["echo_downstream"]:
            name = self.config["header_name"]
            found = self.kept(request) or request.headers.get(name) or self._new(request)
            answer.headers.set(name, found)

    def _new(self, request: Request) -> str:
        kind = self.config["generator"]
        if kind == "uuid":
            return str(uuid.uuid4())
        if kind == "uuid#counter":
            return f"{self._worker}#{next(self._counter)}"
        return f"{request.host}-{request.port}-{os.getpid()}-{time.time():.3f}"


class RequestTermination(Plugin):
    """A fixed answer instead of the upstream's."""

    name, priority = "request-termination", 2

    def __init__(self, entity: Entity) -> None:
        super().__init__(entity)
        self._trigger = self.config.get("trigger")

    async def access(self, request: Request) -> Answer | None:
        asked = self._trigger and (
            request.headers.get(self._trigger) is not None
            or without(request.query, self._trigger) != request.query
        )
        if self._trigger and not asked:
            return None
        status, body = self.config["status_code"], self.config.get("body")
        if body is None:
            return error(request, status, self.config.get("message"))
        kind = self.config.get("content_type") or "application/json; charset=utf-8"
        return Answer(status, Headers([("Content-Type", kind)]), body.encode())

"""A route of a service: FastAPI's, with the request read strictly before and errors made into
answers after.

Guarantees, whatever the handler is: only known query parameters, each once; a JSON body that two
readers understand alike, or 400 / 415; a POST under an `Idempotency-Key` done once. What the
contract knows as an error comes out in its shape; anything else goes on up as the defect it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.responses import Response

from story_services.common.errors import BadInput, ServiceError, Unsupported
from story_services.common.http import body, current, headers, idempotency, replies
from story_services.common.http.queries import QueryRules, rules

_BODY_TIMEOUT = 30.0  # seconds for a caller to send what it announced
_PLAIN_JSON = (b"application/json", b"application/json; charset=utf-8")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class JsonRequest(Request):
    """A request whose body has been read and understood."""

    def take(self, raw: bytes, value: Any) -> None:
        """Keep the body where Starlette and FastAPI look for it."""
        self._body = raw
        self._json = value


class Operation(APIRoute):
    """The route class of all services."""

    def get_route_handler(self) -> Handler:
        """What runs for a request that was routed here."""
        inner = super().get_route_handler()
        known = _query_rules(self)
        reads = self.body_field is not None
        keyed = "POST" in (self.methods or ())

        async def handle(request: Request) -> Response:
            try:
                if query := request.scope["query_string"]:
                    known.check(query)
                if reads:
                    request = await _read(request)
                if keyed:
                    key = headers.idempotency_key(request.headers.get("idempotency-key"))
                    if key is not None:
                        return await _once(request, key, inner)
                return await inner(request)
            except Exception as error:
                if told := replies.expected(error):
                    return replies.error_reply(told)
                raise

        return handle


def _query_rules(route: APIRoute) -> QueryRules:
    flat = get_flat_params(route.dependant)
    return rules(
        (field.alias, isinstance(field.field_info, Query) and _is_list(field))
        for field in flat
        if isinstance(field.field_info, Query)
    )


def _is_list(field: Any) -> bool:
    return "list[" in str(field.field_info.annotation)


async def _read(request: Request) -> JsonRequest:
    """The request with its body read and parsed; without a body it stays empty."""
    given = JsonRequest(request.scope, request.receive)
    try:
        async with asyncio.timeout(_BODY_TIMEOUT):
            raw = await given.body()
    except TimeoutError:
        raise ServiceError(
            "The body did not arrive in time.", code="request_timeout", status=408
        ) from None
    if raw:
        _require_json(given)
        given.take(raw, body.load(raw, request.app.state.settings.max_body_depth))
    return given


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").lower().encode("latin-1")
    if kind not in _PLAIN_JSON:
        media, _, rest = kind.partition(b";")
        charset = rest.strip().replace(b'"', b"")
        if media.strip() != b"application/json" or charset not in (b"", b"charset=utf-8"):
            raise Unsupported("The body must be JSON.", "Content-Type must be application/json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Unsupported("The body must not be compressed.", "remove Content-Encoding")


async def _once(request: Request, key: str, inner: Handler) -> Response:
    scope = request.scope
    path = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}"
    keyed = idempotency.Keyed(key, current.actor(), path, await request.body())

    async def handle() -> tuple[Response, bool]:
        try:
            return await inner(request), True
        except RequestValidationError as error:
            return replies.error_reply(replies.expected(error) or BadInput("")), False
        except ServiceError as error:
            return replies.error_reply(error), True

    return await idempotency.once(keyed, request.app.state.context.keys, handle)


def service_router(prefix: str = "", tags: list[str | Enum] | None = None) -> APIRouter:
    """The router that a service's routes are declared on."""
    return APIRouter(prefix=prefix, tags=tags, route_class=Operation)


_SEEN = "The version that the change is meant for; 409 if there is a newer one."


async def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description=_SEEN,
            examples=['"1"'],
            json_schema_extra={"pattern": headers.MATCH_PATTERN},
        ),
    ] = None,
) -> int | None:
    return headers.match_version(if_match)


#: `seen: IfMatch` in a handler: the version that the caller saw, None if it does not say. Put it
#: together with the body's `versionNumber` by `headers.expected_version`.
IfMatch = Annotated[int | None, Depends(_if_match)]

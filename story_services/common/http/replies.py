"""Answers: JSON by orjson, lists with their total, errors in the contract's one shape.

`Reply` is what handlers return: it is written as it is, without validating it a second time. The
document says its form through the route's `response_model`; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from story_services.common.errors import BadInput, NotFound, ServiceError
from story_services.common.http.problems import bad_input

TOTAL = "X-Total-Count"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")


class Reply(JSONResponse):
    """JSON of dicts, lists and models. `version` becomes the `ETag` that `If-Match` takes."""

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        version: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(content, status_code, headers, **more)
        if version is not None:
            self.headers["ETag"] = f'"{version}"'

    def render(self, content: Any) -> bytes:
        """The bytes of the body."""
        return orjson.dumps(content, default=_plain)


def page(items: Sequence[Any], total: int) -> Reply:
    """A list, or the part of it that `limit` and `offset` ask for; `total` counts all of it."""
    return Reply(items, headers={TOTAL: str(total)})


def nothing() -> Response:
    """The answer to a delete."""
    return Response(status_code=204)


def error_reply(error: ServiceError, headers: Mapping[str, str] | None = None) -> Reply:
    """The answer that an error stands for."""
    return Reply(error.body(), error.status, {**error.headers(), **(headers or {})})


def expected(error: Exception) -> ServiceError | None:
    """The error as callers see it, None for a defect."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RequestValidationError):
        return bad_input(error.errors())
    if isinstance(error, HTTPException):
        return _of_status(error)
    return None


def _of_status(error: HTTPException) -> ServiceError | None:
    if error.status_code == 404:
        return NotFound(str(error.detail))
    if 400 <= error.status_code < 500:
        return BadInput("The request is not valid.", str(error.detail), status=error.status_code)
    return None

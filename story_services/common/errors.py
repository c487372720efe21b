"""Every failure that a caller of the story services is meant to see, each with its HTTP status.

Services and stores raise these; only `common.http` turns them into answers, always as
`{errorCode, message, details}`. The message says what is wrong in one sentence, the details (a
text or nothing) what would help to put it right. Neither ever holds a traceback, a query or a
secret. Anything else that is raised is a defect and becomes a plain 500.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

_SHOWN = 20  # ids named in a message before it says how many more there are


class ServiceError(Exception):
    """Base of all: `status` is the HTTP status, `code` the errorCode that programs compare."""

    status: int = 500
    code: str = "internal_error"

    def __init__(
        self,
        message: str,
        details: str | None = None,
        *,
        code: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status

    def body(self) -> dict[str, str | None]:
        """The answer's body."""
        return {"errorCode": self.code, "message": self.message, "details": self.details}

    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        return {}


class BadInput(ServiceError):
    """The request cannot be understood or names something that cannot be.

    `bad_input` is what breaks the documented form; a request that keeps it may still be refused,
    as `refused_value` or `unknown_reference`.
    """

    status = 400
    code = "bad_input"

    @classmethod
    def field(cls, name: str, problem: str) -> Self:
        """A field of the body, the path or the query cannot be so: `toSequence: is too small`."""
        return cls("The request is not valid.", f"{name}: {problem}", code="refused_value")

    @classmethod
    def unknown_reference(cls, name: str, kind: str, ids: int | Iterable[int]) -> Self:
        """A field of the body refers to something that does not exist."""
        found = cls.field(name, f"no {_named(kind, ids)}")
        found.code = "unknown_reference"
        return found


class NotFound(ServiceError):
    """What the path names does not exist (any more)."""

    status = 404
    code = "not_found"

    @classmethod
    def of(cls, kind: str, ids: int | Iterable[int], details: str | None = None) -> Self:
        """`NotFound.of("script", 7)`: There is no script 7."""
        return cls(f"There is no {_named(kind, ids)}.", details)


class Conflict(ServiceError):
    """Somebody else changed it meanwhile; the details say who, when and why."""

    status = 409
    code = "conflict"


class TooLarge(ServiceError):
    """The body is larger than the service reads."""

    status = 413
    code = "body_too_large"


class Unsupported(ServiceError):
    """The body is of a content type that the operation does not read."""

    status = 415
    code = "unsupported_media_type"


class Unavailable(ServiceError):
    """The store is away, slow or read-only: nothing was promised, ask again later."""

    status = 503
    code = "store_unavailable"

    def __init__(
        self,
        message: str = "The store does not answer.",
        details: str | None = None,
        *,
        code: str | None = None,
        retry_after: int = 1,
    ) -> None:
        super().__init__(message, details, code=code)
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """`Retry-After`, in seconds."""
        return {"Retry-After": str(self.retry_after)}


def _named(kind: str, ids: int | Iterable[int]) -> str:
    wanted = [ids] if isinstance(ids, int) else list(ids)
    shown = ", ".join(str(i) for i in wanted[:_SHOWN])
    more = f" and {len(wanted) - _SHOWN} more" if len(wanted) > _SHOWN else ""
    return f"{kind} {shown}{more}"

"""A request on its way through the gateway, and the answer it gets: what all parts hand around."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import IO, Any

from .headers import Headers

Entity = dict[str, Any]
IN_MEMORY = 256 * 1024  # bytes of a request's body that stay out of the file system


class TooLargeError(Exception):
    """A body is larger than allowed; nothing more of it was kept."""


class Body:
    """A request's body: read when first wanted, kept so that it can be sent again."""

    def __init__(self, source: Callable[[], Awaitable[bytes]], length: int | None) -> None:
        self._source = source
        self._file: IO[bytes] | None = None
        self.length = length  # what the sender announced; None when it is chunked
        self.size = 0

    async def read(self, limit: int = 0) -> None:
        """Keep all of it; TooLargeError beyond the limit in bytes (0: none)."""
        if self._file is not None:
            if limit and self.size > limit:
                raise TooLargeError
            return
        if limit and (self.length or 0) > limit:
            raise TooLargeError
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with us
        while data := await self._source():
            self.size += len(data)
            if limit and self.size > limit:
                raise TooLargeError
            self._file.write(data)

    def chunks(self) -> list[bytes] | Any:
        """From the beginning, as often as wanted, after `read`."""
        if self._file is None:
            return
        self._file.seek(0)
        while data := self._file.read(64 * 1024):
            yield data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass
class Request:
    """What came in, and what was found out about it since."""

    method: str
    target: str
    headers: Headers
    body: Body
    client_ip: str
    port: int
    scheme: str
    sni: str = ""
    version: str = "1.1"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    began: float = field(default_factory=time.time)
    upstream: Headers = field(default_factory=Headers)  # to send
    upstream_path: str = ""
    upstream_query: str = ""
    route: Entity | None = None
    service: Entity | None = None
    consumer: Entity | None = None
    credential: Entity | None = None
    kept: dict[int, Any] = field(default_factory=dict)  # by plugin instance
    acting: list[Any] = field(default_factory=list)  # the plugin instances that apply
    logged: dict[str, Any] = field(default_factory=dict)
    tries: list[dict[str, Any]] = field(default_factory=list)
    upstream_status: int | None = None
    upstream_ms: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def host(self) -> str:
        return self.headers.get("host") or ""


@dataclass
class Answer:
    """A status, fields and a body, whole or as it arrives."""

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes] = b""
    source: str = "kong"
    size: int = 0  # bytes of body sent so far
    copy: bytearray | None = None  # the body is kept here too, where somebody wants it


_PLAIN = "{message}\nrequest_id: {id}\n"
_HTML = (
    "<!doctype html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Error</title>\n"
    "  </head>\n  <body>\n    <h1>Error</h1>\n    <p>{message}.</p>\n"
    "    <p>request_id: {id}</p>\n  </body>\n</html>\n"
)  # fmt: skip
MESSAGES = {
    400: "Bad request", 404: "Not found", 405: "Method not allowed", 408: "Request timeout",
    411: "Length required", 413: "Payload too large", 414: "URI too long",
    417: "Expectation failed", 494: "Request header or cookie too large",
    500: "An unexpected error occurred",
    502: "An invalid response was received from the upstream server",
    503: "The upstream server is currently unavailable",
    504: "The upstream server is timing out",
}  # fmt: skip


def error(
    request: Request, status: int, message: str | None = None, headers: Headers | None = None
) -> Answer:
    """An answer of the gateway itself, in the form the client accepts (kong.response.error)."""
    message = message or MESSAGES.get(status, f"The upstream server responded with {status}")
    accept = (request.headers.get("accept") or "").split(",")[0].partition(";")[0].strip()
    if accept == "text/html":
        kind, text = "text/html; charset=utf-8", _HTML.format(message=message, id=request.id)
    elif accept == "text/plain":
        kind, text = "text/plain; charset=utf-8", _PLAIN.format(message=message, id=request.id)
    else:
        kind = "application/json; charset=utf-8"
        said = re.sub(r'["\\]', lambda m: "\\" + m[0], message)
        text = f'{{\n  "message":"{said}",\n  "request_id":"{request.id}"\n}}'
    fields = Headers(headers or ())
    fields.set("Content-Type", kind)
    return Answer(status, fields, text.encode())


def exit_json(status: int, value: object) -> Answer:
    """An answer of a plugin with a JSON body of its own (kong.response.exit)."""
    fields = Headers([("Content-Type", "application/json; charset=utf-8")])
    return Answer(status, fields, json.dumps(value, separators=(",", ":")).encode())

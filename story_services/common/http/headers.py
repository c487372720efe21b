"""Reads the request headers that mean something to the services. Pure.

A header that cannot be understood is refused, never ignored: a client that sends `If-Match` must
not overwrite because of a slip in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from story_services.common.errors import BadInput
from story_services.common.http.current import ANONYMOUS

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:#/+=-]{1,128}")
_ACTOR = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
_VERSION = re.compile(r'(?:W/)?"?([1-9][0-9]{0,15})"?')
#: What an `Idempotency-Key` may be.
KEY_PATTERN = "^[!-~]{1,200}$"
#: What `If-Match` may be: the version number that the caller saw, as the ETag shows it.
MATCH_PATTERN = '^(?:W/)?"?[1-9][0-9]{0,15}"?$'


def new_request_id() -> str:
    """An id for a request that has none."""
    return os.urandom(16).hex()


def request_id(raw: bytes | None) -> str:
    """The caller's `X-Request-Id` if it is harmless in logs, else a new one."""
    if raw is not None and _REQUEST_ID.fullmatch(raw):
        return raw.decode("ascii")
    return new_request_id()


def actor(raw: bytes | None) -> str:
    """Who asks, from the gateway's `X-Consumer-Username`."""
    if not raw:
        return ANONYMOUS
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = ""
    if not _ACTOR.fullmatch(name):
        raise BadInput("The request is not valid.", "header X-Consumer-Username is not a name")
    return name


def idempotency_key(value: str | None) -> str | None:
    """The key, or BadInput if it is no key."""
    if value is not None and not re.fullmatch(KEY_PATTERN.strip("^$"), value):
        raise BadInput(
            "The request is not valid.",
            "header Idempotency-Key must have 1 to 200 visible ASCII characters without spaces",
        )
    return value


def match_version(value: str | None) -> int | None:
    """The version that `If-Match` names; BadInput if it names none."""
    if value is None:
        return None
    found = _VERSION.fullmatch(value.strip())
    if not found:
        raise BadInput(
            "The request is not valid.",
            'header If-Match must be one version number, as in If-Match: "3"',
        )
    return int(found.group(1))


def expected_version(header: int | None, body: int | None) -> int | None:
    """The version that a change is meant for, from `If-Match` and `versionNumber`."""
    if header is not None and body is not None and header != body:
        raise BadInput.field("versionNumber", "is not the version that If-Match names")
    return body if header is None else header


def content_length(values: Iterable[bytes]) -> int | None:
    """The announced length of a body, None without one (or with a nonsensical one)."""
    for value in values:
        if value.isdigit() and len(value) < 20:
            return int(value)
    return None

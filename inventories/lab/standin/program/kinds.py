"""Pure: the kinds of values in a declarative file, each a check that answers a reason or None."""

from __future__ import annotations

import base64
import contextlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from .regex import compiled
from .uri import normalise

Check = Callable[[Any], str | None]


def _is(kind: type | tuple[type, ...], name: str) -> Check:
    def check(value: Any) -> str | None:
        good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return None if good else f"expected {name}"

    return check


string = _is(str, "a string")
boolean = _is(bool, "a boolean")
number = _is((int, float), "a number")
record = _is(dict, "a record")


def within(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "expected an integer"
        return None if low <= value <= high else f"value should be between {low} and {high}"

    return check


integer = within(-(2**53), 2**53)
milliseconds = within(1, 2**31 - 2)
port = within(0, 65535)
status = within(100, 999)


def positive(value: Any) -> str | None:
    if reason := number(value):
        return reason
    return None if value > 0 else "value must be greater than 0"


def one_of(*values: str) -> Check:
    def check(value: Any) -> str | None:
        return None if value in values else f"expected one of: {', '.join(values)}"

    return check


def some(of: Check, least: int = 0) -> Check:
    """A list whose entries pass; the reason names the first that does not."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return "expected an array"
        if len(value) < least:
            return "length must be at least 1"
        for place, entry in enumerate(value, 1):
            if reason := of(entry):
                return f"entry {place}: {reason}"
        return None

    return check


def mapping(of: Check) -> Check:
    def check(value: Any) -> str | None:
        if reason := record(value):
            return reason.replace("record", "map")
        return next((f"{key}: {r}" for key, v in value.items() if (r := of(v))), None)

    return check


def identifier(value: Any) -> str | None:
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and str(uuid.UUID(value)) == value.lower():
            return None
    return "expected a valid UUID"


def matching(pattern: str, reason: str) -> Check:
    def check(value: Any) -> str | None:
        if problem := string(value):
            return problem
        return None if re.fullmatch(pattern, value) else reason

    return check


def refused(what: str) -> Check:
    """A setting Kong has and this stand-in does not: said, never silently ignored."""
    return lambda _: f"this stand-in does not have {what}"


name = matching(r"[\w.\-~]+", "invalid value: it must only contain alphanumeric and '., -, _, ~'")
tags = some(matching(r"[^,/]+", "invalid tag: expected printable characters except `,` and `/`"))
host = matching(r"[A-Za-z0-9_.\-*:\[\]]+", "invalid value")
service_host = matching(
    r"[A-Za-z0-9_][\w.\-]*|\[?[0-9A-Fa-f:]*::?[0-9A-Fa-f:]*\]?", "invalid value"
)
header_name = matching(r"[A-Za-z0-9_\-]+", "bad header name")
pair = matching(r"(?s)[^:]+:.+", "expected name:value")
file_name = matching(r"[^*&%\\`]+", "not a valid filename")
method = matching(r"[A-Z]+", "invalid value: methods are upper-case")
_LABEL = r"\w([\w\-]*\w)?"
upstream_name = matching(rf"(?!\d+(\.\d+){{3}}$){_LABEL}(\.{_LABEL})*\.?", "Invalid name")
protocol = one_of("http", "https")


def path(value: Any) -> str | None:
    """A route's: a prefix, or `~/` and a regular expression that Rust's engine accepts."""
    if reason := string(value):
        return reason
    if "//" in value:
        return "must not have empty segments"
    if value.startswith("~/"):
        try:
            compiled(value)
        except re.error as error:
            return f"invalid regex: '{value[1:]}' ({error})"
        return None
    if not value.startswith("/"):
        return "should start with: / (fixed path) or ~/ (regex path)"
    if normalise(value) != value:
        return f"not normalized path. Suggest: '{normalise(value)}'"
    return plain_path(value)


def target(value: Any) -> str | None:
    """`host:port`, or a host alone."""
    if reason := host(value):
        return reason
    last = value.rpartition(":")[2] if value.count(":") == 1 or value.startswith("[") else "1"
    return None if not last.isdigit() or 0 < int(last) < 65536 else "Invalid target: wrong port"


def header_conditions(value: Any) -> str | None:
    """A route's headers: any but Host, which has a field of its own."""
    if reason := mapping(some(string))(value):
        return reason
    if any(key.lower() == "host" for key in value):
        return "cannot contain 'host' header, which must be specified in the 'hosts' attribute"
    return next((f"{key}: {r}" for key in value if (r := header_name(key))), None)


def pem(what: str) -> Check:
    """Blocks of base64 whose content is one whole DER sequence; the content is never shown."""

    def check(value: Any) -> str | None:
        if reason := string(value):
            return reason
        blocks = re.findall(r"-----BEGIN [A-Z ]+-----([^-]*)-----END [A-Z ]+-----", value)
        return None if blocks and all(_whole(block) for block in blocks) else f"invalid {what}"

    return check


def _whole(block: str) -> bool:
    try:
        content = base64.b64decode("".join(block.split()), validate=True)
    except ValueError:
        return False
    if len(content) < 2 or content[0] != 0x30:
        return False
    octets = content[1] & 0x7F if content[1] & 0x80 else 0
    length = int.from_bytes(content[2 : 2 + octets]) if octets else content[1]
    return len(content) == 2 + octets + length


def plain_path(value: Any) -> str | None:
    if reason := string(value):
        return reason
    if not value.startswith("/"):
        return "should start with: /"
    if "//" in value:
        return "must not have empty segments"
    if not re.fullmatch(r"([A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*", value):
        return f"invalid path: '{value}'"
    return None

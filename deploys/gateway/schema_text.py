"""Kong's rules for single texts: names, tags, hosts, paths, headers, addresses, PEM.

Each check answers None, or the reason and what is valid. The source of each is named with it
(kong/db/schema/typedefs.lua of 3.9 unless said). Pure, stdlib only.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid as _uuid

from .pattern_rules import fault
from .request_path import resolved, unescaped
from .schema_types import Check, Problem, Refuser, pattern, shown

Fault = tuple[str, str] | None

name = pattern(r"[A-Za-z0-9._~\-\x80-\U0010ffff]+", "letters, digits and . - _ ~ only")
tag = pattern(
    r"[ !-+\-.0-~\x80-\U0010ffff]+", "printable characters without , and / (a space is fine)"
)
method = pattern(r"[A-Z]+", "upper-case letters, like GET")
header = pattern(r"[A-Za-z0-9_\-]+", "letters, digits, _ and -")
#: kong/plugins/file-log/schema.lua
file_name = pattern(r"[^*&%\\`]+", "a file name without * & % \\ and `")

#: `name:value` of the transformers; kong/plugins/request-transformer/schema.lua
pair = pattern(r"(?s)[^:]+:.*", "name:value", secret=True)
header_pair = pattern(r"(?s)[A-Za-z0-9_\-]+:.*", "header:value", secret=True)
renamed_header = pattern(r"[A-Za-z0-9_\-]+:[A-Za-z0-9_\-]+", "old-header:new-header")

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PATH = re.compile(r"/[A-Za-z0-9.\-_~/%:@!$&'()*+,;=]*")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----([^-]*)-----END ([A-Z ]+)-----")


def uuid(text: str) -> Fault:
    """kong.tools.uuid.is_valid_uuid: 36 characters, lower or upper case."""
    try:
        valid = len(text) == 36 and str(_uuid.UUID(text)) == text.lower()
    except ValueError:
        valid = False
    return None if valid else (f"{shown(text)} is no UUID", "like 7f145bf9-0dce-4f91-98eb-debb...")


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def host(text: str) -> Fault:
    """An address or a host name, without a port."""
    if is_address(text) or (_HOST.fullmatch(text) and len(text) <= 253):
        return None
    if _HOST.fullmatch(text.rpartition(":")[0]):
        return f"{shown(text)} has a port", "the port is a field of its own"
    return f"{shown(text)} is no host name", "a host name or an address"


def host_name(text: str) -> Fault:
    """kong/db/schema/entities/upstreams.lua: a host name, no address, no port."""
    return (f"{shown(text)} is an address", "a host name") if is_address(text) else host(text)


def route_host(text: str) -> Fault:
    if text.count("*") > 1 or not re.match(r"\*\.|.*\.\*$|[^*]*$", text):
        return f"{shown(text)} has a wrong wildcard", "one *, as the first or the last label"
    return target_or_host(text.replace("*", "abc"))


def sni(text: str) -> Fault:
    return route_host(text) if "*" in text else host_name(text)


def target_or_host(text: str) -> Fault:
    plain, colon, port = text.rpartition(":")
    if colon and port.isdigit() and not is_address(text):
        if not 0 < int(port) < 65536:
            return f"{shown(text)} has no such port", "a port from 1 to 65535"
        return host(plain)
    return host(text)


def target(text: str) -> Fault:
    """kong/db/schema/entities/targets.lua: `host:port`; without a port Kong takes 8000."""
    return target_or_host(text)


def address_or_network(text: str) -> Fault:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{shown(text)} is neither address nor network", "like 10.0.0.7 or 10.0.0.0/24"
    return None


def plain_path(text: str) -> Fault:
    """The path of a service or a probe: RFC 3986, whole escapes, no empty segment."""
    if not text.startswith("/"):
        return f"{shown(text)} does not start with /", "like /health"
    if "//" in text:
        return f"{shown(text)} has an empty segment", "single slashes"
    if not _PATH.fullmatch(text):
        return f"{shown(text)} has a character that RFC 3986 does not allow", "escape it with %"
    return broken_escape(text)


def broken_escape(text: str) -> Fault:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return f"{shown(text)} has a % that starts no escape", "% and two hexadecimal digits"
    return None


def normal_form(path: str) -> str:
    """A fixed path as Kong's router would see a request for it."""
    return resolved(unescaped(path.encode())).decode(errors="replace")


def route_path(path: str, text: str) -> list[Problem]:
    """One entry of a route's `paths`: `/fixed` in normal form, or `~/pattern`."""
    if not text.startswith(("/", "~/")):
        return [Problem(path, f"{shown(text)} starts with neither / nor ~/", "/fixed or ~/pattern")]
    if "//" in text:
        return [Problem(path, f"{shown(text)} has an empty segment", "single slashes")]
    if text.startswith("~"):
        if not (found := fault(text[1:])):
            return []
        by: Refuser = "kong" if found.kong else "project"
        return [Problem(path, found.reason, "a pattern that PCRE and Rust read alike", by)]
    if _PATH.fullmatch(text) and (broken := broken_escape(text)):
        return [Problem(path, *broken)]
    if normal_form(text) != text:
        return [Problem(path, f"{shown(text)} is not in normal form", f"{normal_form(text)}")]
    return []


def pem(kind: str, *labels: str) -> Check:
    """A check that a text is PEM blocks of these labels, each whole; its content is not shown."""
    valid = "PEM text, like -----BEGIN " + labels[0] + "-----"

    def check(text: str) -> Fault:
        blocks = _PEM.findall(text)
        rest = _PEM.sub("", text).strip()
        if text.startswith("{vault://") and text.endswith("}"):
            return None
        if not blocks or rest or any(a != b or a not in labels for a, _, b in blocks):
            return f"it is no {kind}", valid
        if not all(_whole(body) for _, body, _ in blocks):
            return f"it is a damaged {kind}", valid
        return None

    return check


def _whole(body: str) -> bool:
    """Whether base64 text is one DER sequence of exactly the length it says."""
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        return False
    if len(der) < 2 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) == 2 + der[1]
    size = der[1] & 0x7F
    return len(der) == 2 + size + int.from_bytes(der[2 : 2 + size], "big")

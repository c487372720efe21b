"""Pure: how Kong reads a request's path, and how it writes it again for the upstream.

From kong/tools/uri.lua: percent-encoded characters are decoded unless reserved (so %2F stays), dot
segments are removed and double slashes merged before any route is looked at.
"""

from __future__ import annotations

import re

RESERVED = frozenset(b"!*'();:@&=+$,/?%#[]")
_SAFE = re.compile(rb"[^!#$&'()*+,/:;=?@\[\]A-Za-z0-9\-_.~%]")


def normalise(path: str) -> str:
    """The path that routes are compared with; undecodable bytes survive as surrogates."""
    raw = path.encode("utf-8", "surrogateescape")
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", _decode, raw)
    return _without_dots(raw.decode("utf-8", "surrogateescape"))


def escape(path: str) -> str:
    """A normalised path as it goes over the wire."""
    raw = path.encode("utf-8", "surrogateescape")
    return _SAFE.sub(lambda m: b"%%%02X" % m[0][0], raw).decode("ascii")


def _decode(match: re.Match[bytes]) -> bytes:
    number = int(match[1], 16)
    return match[0].upper() if number in RESERVED else bytes([number])


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4, with slashes merged."""
    rest, out = path, list[str]()
    while rest:
        if rest in ("/.", "/.."):
            if rest == "/..":
                del out[-1:]
            rest = "/"
        elif rest in (".", ".."):
            rest = ""
        elif rest.startswith("../"):
            rest = rest[3:]
        elif rest.startswith(("./", "/./")):
            rest = rest[2:]
        elif rest.startswith("/../"):
            rest = rest[3:]
            del out[-1:]
        elif rest.startswith("//"):
            rest = rest[1:]
        else:
            end = rest.find("/", 1)
            end = len(rest) if end < 0 else end
            out.append(rest[:end])
            rest = rest[end:]
    return "".join(out)

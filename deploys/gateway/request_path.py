"""What Kong's router sees of a request's path: nginx's first refusal and Kong's normal form.

`normalised` follows kong/tools/uri.lua of 3.9 byte for byte (decode what is not reserved, resolve
dots, merge slashes); `accepted` is nginx's own check before it. Pure and stdlib only.
"""

from __future__ import annotations

import re

_RESERVED = frozenset(b"!*'();:@&=+$,/?%#[]")
_TRIPLET = re.compile(rb"%([0-9A-Fa-f]{2})")
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def accepted(target: str) -> bool:
    """Whether nginx lets the request line through: an absolute path, whole escapes, no NUL or
    control character, and no `..` above the root once everything is decoded."""
    raw = target.split("?", 1)[0].encode(errors="surrogateescape")
    if not raw.startswith(b"/") or _BROKEN.search(raw) or re.search(rb"[\x00-\x20\x7f]", raw):
        return False
    decoded = _TRIPLET.sub(lambda m: bytes([int(m[1], 16)]), raw.split(b"#", 1)[0])
    if b"\0" in decoded:
        return False
    depth = 0
    for part in decoded.split(b"/"):
        depth += {b"": 0, b".": 0, b"..": -1}.get(part, 1)
        if depth < 0:
            return False
    return True


def normalised(target: str) -> str | None:
    """The path the router matches, without the query; None when it is no UTF-8, which the router
    refuses to look at. Reserved characters stay escaped, so `%2F` stays inside its segment."""
    path = target.split("?", 1)[0].encode(errors="surrogateescape")
    try:
        return resolved(unescaped(path)).decode()
    except UnicodeDecodeError:
        return None


def unescaped(path: bytes) -> bytes:
    """The path with every escape decoded that does not stand for a reserved character."""
    return _TRIPLET.sub(_decoded, path)


def _decoded(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16)
    return found[0].upper() if code in _RESERVED else bytes([code])


def resolved(path: bytes) -> bytes:
    """The path without `.` and `..` segments and with single slashes (RFC 3986 5.2.4)."""
    out: list[bytes] = []
    while path:
        if path in (b"/.", b"/.."):
            out = out[:-1] if path == b"/.." else out
            path = b"/"
        elif path in (b".", b".."):
            path = b""
        elif path.startswith((b"../", b"./")):
            path = path[path.index(b"/") + 1 :]
        elif path.startswith((b"/./", b"//")):
            path = path[2:] if path.startswith(b"/./") else path[1:]
        elif path.startswith(b"/../"):
            path, out = path[3:], out[:-1]
        else:
            end = path.find(b"/", 1)
            out.append(path if end < 0 else path[:end])
            path = b"" if end < 0 else path[end:]
    return b"".join(out)

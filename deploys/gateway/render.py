"""A configuration as YAML text: the bytes that Kong hashes. Pure, standard library only.

Guarantees: the same value gives the same bytes, keys sorted, no time in it; every string is quoted,
so that no name is read as a number or a truth value; any YAML reader gives back the same value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
#: Words that YAML 1.1 readers take for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LONGEST_KEY = 1000  # readers look for the colon within 1024 characters (YAML, simple keys)
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def render(value: Mapping[str, Any]) -> bytes:
    """The text of `value`: mappings, lists, strings, integers, truth values and None.

    TypeError for anything else, a float included: its digits differ between writers.
    """
    return ("\n".join(_block(value, "")) + "\n").encode("ascii")


def _block(value: Any, indent: str) -> list[str]:
    """Lines of a mapping or list that is not empty."""
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key in sorted(value):
            lines += _entry(f"{indent}{_key(key)}:", value[key], indent + "  ")
        return lines
    for item in value:
        if isinstance(item, Mapping) and item:
            first, *rest = _block(item, indent + "  ")
            lines += [f"{indent}- {first.removeprefix(indent + '  ')}", *rest]
        else:
            lines += _entry(f"{indent}-", item, indent + "  ")
    return lines


def _entry(head: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        return [head, *_block(value, indent)] if value else [f"{head} {{}}"]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if any(not isinstance(item, str | int | None) for item in value):
            return [head, *_block(value, indent)]
        return [f"{head} [{', '.join(_scalar(item) for item in value)}]"]
    return [f"{head} {_scalar(value)}"]


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{key!r} is no key for a configuration")
    text = key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else _scalar(key)
    if len(text) > _LONGEST_KEY:
        raise TypeError(f"{text[:40]}... is too long for a key")
    return text


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_character(c) for c in value) + '"'
    raise TypeError(f"{type(value).__name__} has no place in a configuration")


def _character(c: str) -> str:
    if c in _SHORT:
        return _SHORT[c]
    if " " <= c <= "~":
        return c
    code = ord(c)
    if 0xD800 <= code <= 0xDFFF:
        raise TypeError("half a character (a lone surrogate) has no place in a configuration")
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"

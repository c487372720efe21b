"""JSON bodies, read strictly. Pure.

What two readers could understand differently is refused: a key given twice, NaN, numbers that
lose digits, anything that is not UTF-8. Nesting is bounded without recursion, and no control
character gets in, escaped or not. Errors are BadInput and name the place, not the value.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from story_services.common.errors import BadInput
from story_services.common.http.types import CONTROLS, MAX_ID

_KEYS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"[ \t\r\n]*(:?)', re.DOTALL)
_CONTROLS = re.compile(f"[{CONTROLS}]")
_SUSPECT = re.compile(rb"\\[bfru]|\x7f|\xc2[\x80-\x9f]")
_NESTED = (dict, list)


def load(raw: bytes, max_depth: int) -> Any:
    """The value that a body holds."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise _too_deep(max_depth) from None
        where = f"line {error.lineno} column {error.colno}"
        raise BadInput("The body is not valid JSON.", f"{error.msg} ({where})") from None
    texts = _SUSPECT.search(raw) is not None
    keys = _walk(value, max_depth, texts)
    if sum(1 for match in _KEYS.finditer(raw) if match.group(1)) != keys:
        raise BadInput("The body is not valid JSON.", f"{_doubled(raw)} is given twice")
    return value


def _walk(value: Any, max_depth: int, texts: bool) -> int:
    """How many keys the value has; refuses what lies too deep, is too large or is a control."""
    keys = 0
    if type(value) not in _NESTED:
        _check(value, texts)
        return keys
    level: list[Any] = [value]
    for _ in range(max_depth):
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                keys += len(container)
                if texts:
                    for key in container:
                        _check(key, texts)
                items = container.values()
            else:
                items = container
            for item in items:
                kind = type(item)
                if kind in _NESTED:
                    below.append(item)
                elif kind is int or kind is float or (texts and kind is str):
                    _check(item, texts)
        if not below:
            return keys
        level = below
    raise _too_deep(max_depth)


def _check(value: Any, texts: bool) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        if abs(value) > MAX_ID:
            raise BadInput(
                "The request is not valid.", f"numbers beyond {MAX_ID} are not kept exactly"
            )
    elif texts and isinstance(value, str) and (found := _CONTROLS.search(value)):
        code = f"U+{ord(found.group()):04X}"
        raise BadInput("The request is not valid.", f"the control character {code} is not allowed")


def _too_deep(max_depth: int) -> BadInput:
    return BadInput(
        "The request is not valid.", f"the body is nested more than {max_depth} levels deep"
    )


def _doubled(raw: bytes) -> str:
    """The first key that an object has twice; only ever needed for the message."""

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Doubled(key)
            seen.add(key)

    try:
        json.loads(raw, object_pairs_hook=look)
    except _Doubled as doubled:
        return f"the key {json.dumps(doubled.key[:100], ensure_ascii=False)}"
    return "a key"


class _Doubled(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

"""A small language for the shapes Kong's schemas ask for, and the walk that finds what breaks them.

Every fault becomes a `Problem` with the path to it, the reason and what would be valid; the walk
never raises for any document that JSON can express. Pure, stdlib only.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Refuser = Literal["kong", "project"]


@dataclass(frozen=True)
class Problem:
    """`by` says who refuses: Kong when it loads the file, or this project although Kong would
    load it (because it would not do what its author means)."""

    path: str
    reason: str
    valid: str = ""
    by: Refuser = "kong"

    def __str__(self) -> str:
        return f"{self.path or 'file'}: {self.reason}" + (f"; {self.valid}" if self.valid else "")


#: A check of one value: None, or the reason and what is valid.
Check = Callable[[Any], "tuple[str, str] | None"]


@dataclass(frozen=True)
class Field:
    """One field: its kind and limits. `check` sees values of the right kind only."""

    kind: Literal["string", "integer", "number", "boolean", "array", "record", "map", "foreign"]
    required: bool = False
    one_of: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None  # greater than, the limit itself excluded
    least: int = 0  # entries of an array; a string has at least one character
    empty: bool = False  # whether a string may be empty
    items: Field | None = None
    keys: Check | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    check: Check | None = None
    secret: bool = False  # its value is never shown
    rule: Callable[[str, Mapping[str, Any]], Iterator[Problem]] | None = None


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "array": (list,), "record": (dict,), "map": (dict,),
    "foreign": (str, dict), "integer": (int,), "number": (int, float),
}  # fmt: skip
_BY_ID = Field("record", fields={"id": Field("string", required=True)})
_ARTICLE = {"integer": "an integer", "array": "a list", "record": "a table", "map": "a table",
            "foreign": "a name, an id or {id: ...}", "boolean": "true or false"}  # fmt: skip


def shown(value: Any) -> str:
    """A value for a message: short, and never a secret's length or text beyond a word."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def walk(value: Any, spec: Field, path: str) -> Iterator[Problem]:
    """Everything about `value` that `spec` does not allow."""
    if not _is(value, spec):
        # A text where a table belongs may be a key at the wrong place.
        hidden = spec.secret or spec.kind in ("array", "record", "map")
        text = "the value" if hidden else shown(value)
        found = {dict: "a table", list: "a list", bool: "a boolean"}.get(type(value), text)
        yield Problem(path, f"{found} is of the wrong type", f"must be {_noun(spec)}")
        return
    if spec.one_of and value not in spec.one_of:
        yield Problem(path, f"{shown(value)} is not allowed", f"one of {_list(spec.one_of)}")
    elif spec.check and (fault := spec.check(value)):
        yield Problem(path, *fault)
    if isinstance(value, str):
        if not value and not spec.empty:
            yield Problem(path, "it is empty", "at least one character")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _limits(value, spec, path)
    elif isinstance(value, list):
        yield from _array(value, spec, path)
    elif isinstance(value, dict) and spec.kind == "map":
        yield from _map(value, spec, path)
    elif isinstance(value, dict):
        yield from record(value, _BY_ID if spec.kind == "foreign" else spec, path)


def record(value: Mapping[str, Any], spec: Field, path: str) -> Iterator[Problem]:
    """A table's keys: unknown and missing ones, then each value, then the rules across them."""
    for key, inner in value.items():
        at = f"{path}.{key}" if path else str(key)
        if key not in spec.fields:
            yield Problem(at, "unknown field", _instead(str(key), spec.fields))
        elif inner is not None:
            yield from walk(inner, spec.fields[key], at)
    for key, inner_spec in spec.fields.items():
        if inner_spec.required and value.get(key) is None:
            at = f"{path}.{key}" if path else key
            yield Problem(at, "required field missing", f"must be {_noun(inner_spec)}")
    if spec.rule:
        yield from spec.rule(path, sound(value, spec))


def sound(value: Any, spec: Field) -> Any:
    """The value with None in place of everything of a wrong kind and without unknown fields: what
    rules across fields may look at without a second check of kinds."""
    if not _is(value, spec):
        return None
    if isinstance(value, list) and spec.items:
        return [sound(one, spec.items) for one in value]
    if spec.kind == "foreign" and isinstance(value, dict):
        return sound(value, _BY_ID)
    if spec.kind == "map" and spec.items:
        return {k: sound(one, spec.items) for k, one in value.items() if isinstance(k, str)}
    if spec.kind == "record":
        return {k: sound(one, spec.fields[k]) for k, one in value.items() if k in spec.fields}
    return value


def _is(value: Any, spec: Field) -> bool:
    if isinstance(value, float) and spec.kind == "integer":
        return value.is_integer()  # Lua has one kind of number
    if isinstance(value, bool) and spec.kind != "boolean":
        return False
    return isinstance(value, _KINDS[spec.kind])


def _array(value: list[Any], spec: Field, path: str) -> Iterator[Problem]:
    if len(value) < spec.least:
        yield Problem(path, "too few entries", f"at least {spec.least}")
    for index, one in enumerate(value):
        if spec.items:
            yield from walk(one, spec.items, f"{path}[{index}]")
        if one in value[:index] and not isinstance(one, dict):
            reason = f"{shown(one)} is there twice"
            yield Problem(f"{path}[{index}]", reason, "each once", "project")


def _map(value: dict[Any, Any], spec: Field, path: str) -> Iterator[Problem]:
    for key, inner in value.items():
        if not isinstance(key, str):
            yield Problem(f"{path}.{key}", "the key is no text", "quote it")
        elif spec.keys and (fault := spec.keys(key)):
            yield Problem(f"{path}.{key}", *fault)
        if spec.items:
            yield from walk(inner, spec.items, f"{path}.{key}")


def _limits(value: float, spec: Field, path: str) -> Iterator[Problem]:
    if spec.above is not None and value <= spec.above:
        yield Problem(path, f"{value} is too small", f"must be greater than {spec.above:g}")
    low = spec.low if spec.low is not None else float("-inf")
    high = spec.high if spec.high is not None else float("inf")
    if not low <= value <= high:
        yield Problem(path, f"{value} is out of range", f"between {low:.0f} and {high:.0f}")


def _noun(spec: Field) -> str:
    noun = _ARTICLE.get(spec.kind, f"a {spec.kind}")
    return f"{noun}, one of {_list(spec.one_of)}" if spec.one_of else noun


def _list(values: tuple[Any, ...]) -> str:
    return ", ".join(str(value) for value in values)


def _instead(key: str, fields: Mapping[str, Field]) -> str:
    near = difflib.get_close_matches(key, fields, n=1)
    known = f"known: {_list(tuple(sorted(fields)))}"
    return f"did you mean {near[0]}? {known}" if near else known


def pattern(expression: str, valid: str, *, secret: bool = False) -> Check:
    """A check that the whole text matches; a secret one is not shown."""
    compiled = re.compile(expression)

    def check(text: str) -> tuple[str, str] | None:
        told = "the value" if secret else shown(text)
        return None if compiled.fullmatch(text) else (f"{told} is not valid", valid)

    return check

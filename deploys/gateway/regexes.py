"""Path templates as regular expressions, and which of two matching routes wins.

Guarantees: every regex is in the subset that PCRE (Kong's schema) and Rust's regex (its router)
read alike; a parameter never matches a slash or nothing; distinct templates get distinct
priorities, the more specific the higher (literal before parameter, left to right, as OpenAPI
asks: concrete paths before templated ones); a tie is refused instead of left to route ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from urllib.parse import quote

from deploys.gateway.operations import GatewayError, Operation

# Ranks of one segment; two bits of the priority each.
_LITERAL, _CHOICE, _INTEGER, _FREE = 3, 2, 1, 0
#: Kong keeps regex_priority in 32 bits (kong/router/transform.lua); 4 ** 10 * 1000 fits.
_MOST_SEGMENTS = 10
_BLOCK = 1000  # templates of one shape
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
#: Patterns taken over: classes and plain characters with bounded repetition, no group, no escape.
_SAFE_PATTERN = re.compile(
    r"\^((?:(?:\[(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[._~])+-?\]|[A-Za-z0-9_~-])"
    r"(?:\{[0-9]{1,2}(?:,[0-9]{1,3})?\}|[+*?])?)+)\$"
)


@dataclass(frozen=True)
class Segment:
    """One segment of a template: its regex, and what decides between it and others."""

    regex: str
    rank: int
    values: frozenset[str] = frozenset()  # of a literal or a choice


@dataclass(frozen=True)
class Template:
    """A path template with the schemas of its parameters."""

    path: str
    segments: tuple[Segment, ...]

    @property
    def regex(self) -> str:
        """The whole path, for Kong: after `~`, which anchors its begin, with `$` at its end."""
        return "/" + "/".join(segment.regex for segment in self.segments) + "$"

    @property
    def shape(self) -> int:
        """How specific it is; left segments weigh most. Paths of other lengths never compete."""
        ranks = [segment.rank for segment in self.segments]
        ranks += [0] * (_MOST_SEGMENTS - len(ranks))
        return sum(rank << 2 * (_MOST_SEGMENTS - 1 - i) for i, rank in enumerate(ranks))


def template(path: str, schemas: Mapping[str, Mapping[str, Any]]) -> Template:
    """The template of `path`. GatewayError for an undocumented or repeated parameter."""
    names = _PARAMETER.findall(path)
    missing = [name for name in names if name not in schemas]
    if missing or len(names) != len(set(names)) or re.search(r"[{}]", _PARAMETER.sub("", path)):
        problem = f"parameter {missing[0]!r} is not documented" if missing else "cannot be read"
        raise GatewayError(f"path {path}: {problem}; every {{name}} needs one parameter in: path")
    parts = path[1:].split("/")
    if len(parts) > _MOST_SEGMENTS:
        raise GatewayError(f"path {path}: more than {_MOST_SEGMENTS} segments cannot be ordered")
    return Template(path, tuple(_segment(part, schemas) for part in parts))


def priorities(found: Iterable[Template]) -> dict[str, int]:
    """`regex_priority` by path: distinct for distinct paths, higher for the more specific."""
    by_shape: dict[int, list[str]] = {}
    for path, shape in sorted({(t.path, t.shape) for t in found}):
        by_shape.setdefault(shape, []).append(path)
    if crowded := [paths for paths in by_shape.values() if len(paths) > _BLOCK]:
        raise GatewayError(f"more than {_BLOCK} paths have the shape of {crowded[0][0]}")
    return {
        path: shape * _BLOCK + len(paths) - 1 - i
        for shape, paths in by_shape.items()
        for i, path in enumerate(paths)
    }


def decided(operations: Iterable[tuple[Operation, Template]]) -> None:
    """GatewayError when two operations of one method can match the same address and neither is
    more specific: which one answered would be decided by their ids."""
    by_method: dict[tuple[str, int], list[tuple[Operation, Template]]] = {}
    for operation, made in operations:
        by_method.setdefault((operation.method, made.shape), []).append((operation, made))
    for rivals in by_method.values():
        for (one, left), (other, right) in combinations(rivals, 2):
            if overlap(left, right):
                raise GatewayError(
                    f"{one.label} of {one.service} and {other.label} of {other.service} can match "
                    "the same address; give one of them a literal segment that the other lacks"
                )


def overlap(left: Template, right: Template) -> bool:
    """Whether some address can match both; in doubt, yes."""
    pairs = zip(left.segments, right.segments, strict=False)
    return len(left.segments) == len(right.segments) and all(_meet(a, b) for a, b in pairs)


def _meet(a: Segment, b: Segment) -> bool:
    if a.values and b.values:
        return not a.values.isdisjoint(b.values)
    for listed, other in ((a, b), (b, a)):
        if listed.values:
            return any(re.fullmatch(other.regex, value) for value in listed.values)
    return True


def _segment(part: str, schemas: Mapping[str, Mapping[str, Any]]) -> Segment:
    names = _PARAMETER.findall(part)
    if not names:
        return Segment(escaped(part), _LITERAL, frozenset({encoded(part)}))
    if part == f"{{{names[0]}}}":
        return _parameter(schemas[names[0]])
    literals = _PARAMETER.split(part)[::2]
    regexes = [*(_parameter(schemas[name]).regex for name in names), ""]
    mixed = "".join(escaped(text) + regex for text, regex in zip(literals, regexes, strict=True))
    return Segment(mixed, _INTEGER)


def _parameter(schema: Mapping[str, Any]) -> Segment:
    kind = schema.get("type")
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if kind == "boolean":
        values = ["false", "true"]
    if values is not None:
        texts = sorted({encoded(str(value)) for value in values if value != ""})
        if not texts:
            raise GatewayError("an enum of a path parameter has no value that an address can hold")
        alternatives = "|".join(_escape(text) for text in texts)
        return Segment(f"(?:{alternatives})", _CHOICE, frozenset(texts))
    if kind == "integer":
        signed = schema.get("minimum", schema.get("exclusiveMinimum", 0)) < 0
        return Segment("-?[0-9]+" if signed else "[0-9]+", _INTEGER)
    if kind == "string" and schema.get("format") == "uuid":
        return Segment("[0-9A-Fa-f-]{36}", _INTEGER)
    return Segment(_safe(schema.get("pattern")) or "[^/]+", _FREE)


def _safe(pattern: Any) -> str | None:
    """The inside of an anchored pattern when both engines read it alike, and not as nothing."""
    found = _SAFE_PATTERN.fullmatch(pattern) if isinstance(pattern, str) else None
    if found is None:
        return None
    try:
        return None if re.fullmatch(found[1], "") else found[1]
    except re.error:  # a class such as [z-a], a repetition such as {3,1}
        return None


def encoded(text: str) -> str:
    """As it stands in a normalised address: only what RFC 3986 lets a segment hold is bare."""
    return quote(text, safe="~!$&'()*+,;=:@")


def escaped(text: str) -> str:
    """A regex for exactly this text of a path."""
    return _escape(encoded(text))


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)

"""Sample addresses of documented operations: the values a parameter may have, and hostile ones.

Values follow the parameter's schema (enum, range, examples, format, length, pattern), so a sample
is an address the document promises; hostile values are what an attacker puts into the same place.
Pure; the same samples for the same documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .operations import Operation

_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_UUID = "3f2a7c1e-5b0d-4c3e-9a61-0d2f6b8e4c55"
_TEXTS = ("zq7", "Zq7.x_y-z~0", "0", _UUID, "zq 7", "zéq", "zq:7@x", "zq%7", "zq" * 40)
#: Already escaped, put in as they are: separators in disguise, dots, ends of text, broken UTF-8.
HOSTILE = (
    "..", ".", "%2e%2e", "%2E", "..%2f..", "a%2Fb", "a%2f", "%2F", "a%5Cb", "a;b=c", "a%00", "a%0A",
    "%0Aa", "a%0D%0Ab", "a%23b", "a%3Fb=c", "a%25%32%46b", "%C3%A9", "%E2%80%AE", "%ff", "%c0%af",
    "", "%20", "*", "{id}", "-1", "0x1", "1e3", "%31%0A", "9" * 40, "a" * 3000,
)  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Addresses of one operation: promised ones, and hostile ones made from its template."""

    promised: tuple[str, ...]
    hostile: tuple[str, ...]


def samples(operation: Operation) -> Samples:
    """Several addresses, each parameter taking every value once. ValueError for a parameter for
    whose schema no value was found: give it an example."""
    names = _PARAMETER.findall(operation.path)
    schemas = operation.path_schemas()
    values = {name: [quote(v, safe="") for v in _values(schemas.get(name, {}))] for name in names}
    if empty := sorted(name for name, found in values.items() if not found):
        raise ValueError(f"{operation.label}: no sample for {empty[0]}; give it an example")
    rounds = max([len(found) for found in values.values()], default=1)
    promised = (
        _filled(operation.path, {n: found[i % len(found)] for n, found in values.items()})
        for i in range(rounds)
    )
    usual = {name: found[0] for name, found in values.items()}
    hostile = (_filled(operation.path, usual | {name: bad}) for name in values for bad in HOSTILE)
    return Samples(tuple(dict.fromkeys(promised)), tuple(dict.fromkeys(hostile)))


def variations(path: str) -> Iterator[str]:
    """Addresses next to a sample that nobody documented, unless another operation did."""
    segments = path[1:].split("/")
    for end in (
        "/",
        "//",
        "x",
        "/x",
        ".json",
        ";a=b",
        "%2F",
        "%20",
        "%0A",
        "%00",
        "/.",
        "/..",
        "~",
    ):
        yield path + end
    for start in ("/", "/x", "/api", "/api/v1", "/.", "/%2e", "//x"):
        yield start + path
    yield from (path.upper(), path.swapcase(), path.title(), path[:-1] or "/")
    for i in range(len(segments)):
        yield "/" + "/".join(segments[:i] + segments[i + 1 :])
        one = segments[i]
        for other in (one.capitalize(), one.upper(), "q" + one[1:], one[:-1] + "q", one + "q"):
            yield "/" + "/".join([*segments[:i], other, *segments[i + 1 :]])
        yield "/" + "/".join([*segments[:i], segments[i] + "%20", *segments[i + 1 :]])
        yield "/" + "/".join([*segments[:i], "", *segments[i:]])
        yield "/" + "%2F".join(["/".join(segments[: i + 1]), "/".join(segments[i + 1 :])])


def _filled(path: str, values: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda found: values[found[1]], path)


def _values(schema: Mapping[str, Any]) -> list[str]:
    """Valid values as text, the plainest first."""
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    given = [schema[key] for key in ("example", "default") if key in schema]
    given += schema.get("examples") or []
    if listed is not None:
        found = list(listed)
    elif schema.get("type") == "boolean":
        found = [True, False]
    elif schema.get("type") in ("integer", "number"):
        found = [*given, *_numbers(schema)]
    else:
        found = [*given, *(text for text in _TEXTS if _fits(text, schema))]
    texts = (str(value).lower() if isinstance(value, bool) else str(value) for value in found)
    return [text for text in dict.fromkeys(texts) if text]


def _numbers(schema: Mapping[str, Any]) -> list[int]:
    low = int(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
    high = int(schema.get("maximum", schema.get("exclusiveMaximum", 2**53) - 1))
    wanted = (low, low + 1, 7, 4711, high - 1, high)
    return [number for number in wanted if low <= number <= high]


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    if schema.get("format") == "uuid":
        return text == _UUID
    pattern = schema.get("pattern")
    return schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 10_000) and (
        pattern is None or re.search(pattern, text) is not None
    )

"""JSON Schemas of an OpenAPI document as alternatives that can be compared keyword by keyword.

`shapes` resolves references, splits unions (`anyOf`, `oneOf`, lists of types) and joins `allOf`,
so that two spellings of one contract look alike. Pure; ends for recursive schemas too. What it
cannot take apart is kept whole in `Shape.rest`, so a difference there is never overlooked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploys.gateway.compare_places import Place, canonical, constrains, expanded, type_of

#: One value each: bounds, lengths and what a text looks like.
LIMITS = (
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minProperties",
    "maxProperties",
)  # fmt: skip
CHILDREN = ("items", "additionalProperties", "propertyNames")
MOST_SHAPES = 64  # of one schema; more are compared as a whole only
_TAKEN_APART = {
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
}


@dataclass(frozen=True)
class Shape:
    """One alternative of a schema: every constraint must hold. No `type` means any."""

    pointer: str
    type: str | None = None
    values: frozenset[str] | None = None  # canonical texts of the allowed values
    limits: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Place] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    children: Mapping[str, Place] = field(default_factory=dict)
    rest: Mapping[str, str] = field(default_factory=dict)  # keyword -> canonical text


def shapes(place: Place, trail: frozenset[str] = frozenset()) -> list[Shape]:
    """The alternatives of the schema at `place`; empty when it accepts nothing."""
    place = place.followed()
    if place.pointer in trail:
        return []  # a union that contains itself adds nothing to itself
    if isinstance(place.node, bool) or not isinstance(place.node, Mapping):
        return [] if place.node is False else [Shape(place.pointer)]
    inner = trail | {place.pointer}
    found = _own(place)
    if "$ref" in place.node:
        found = _both(found, shapes(place.target(), inner))
    for i, _ in enumerate(place.node.get("allOf") or ()):
        found = _both(found, shapes(_nth(place, "allOf", i), inner))
    for word in ("anyOf", "oneOf"):
        if word in place.node:
            options = (_nth(place, word, i) for i, _ in enumerate(place.node[word]))
            found = _both(found, [shape for each in options for shape in shapes(each, inner)])
    if len(found) > MOST_SHAPES:
        return [Shape(place.pointer, rest={"schema": canonical(expanded(place))})]
    return _gathered(found)


def _gathered(found: list[Shape]) -> list[Shape]:
    """Alternatives that differ only in the values they list, as one."""
    out: list[Shape] = []
    for shape in found:
        for i, other in enumerate(out):
            a, b = shape.values, other.values
            if (
                a is not None
                and b is not None
                and other == replace(shape, pointer=other.pointer, values=b)
            ):
                out[i] = replace(other, values=a | b)
                break
        else:
            out.append(shape)
    return out


def _nth(place: Place, word: str, index: int) -> Place:
    return Place(place.document, place.node[word][index], f"{place.pointer}/{word}/{index}")


def _own(place: Place) -> list[Shape]:
    """What the node's own keywords say, one alternative for each of its types."""
    node = place.node
    values = [node["const"]] if "const" in node else node.get("enum")
    one = Shape(
        place.pointer,
        values=None if values is None else frozenset(map(canonical, values)),
        limits={word: node[word] for word in LIMITS if node.get(word) is not None},
        properties={name: place.below("properties", name) for name in node.get("properties") or ()},
        required=frozenset(node.get("required") or ()),
        children={word: place.below(word) for word in CHILDREN if word in node},
        rest={
            word: canonical(expanded(place.below(word)))
            for word in node
            if constrains(word) and word not in {*_TAKEN_APART, *LIMITS, *CHILDREN}
        },
    )
    types = node.get("type")
    if types is None and values is not None:
        types = sorted({type_of(value) for value in values})
    if types is None:
        return [one]
    listed = [types] if isinstance(types, str) else list(types)
    return [of for each in listed if (of := _typed(one, each)) is not None]


def _typed(shape: Shape, name: str) -> Shape | None:
    if shape.values is None:
        return replace(shape, type=name)
    kept = frozenset(v for v in shape.values if _is(type_of(json.loads(v)), name))
    return replace(shape, type=name, values=kept) if kept else None


def _is(name: str, of: str) -> bool:
    return name == of or (name, of) == ("integer", "number")


def _both(left: list[Shape], right: Iterable[Shape]) -> list[Shape]:
    """All of the one side together with all of the other; impossible pairs fall out."""
    right = list(right)
    return [joined for a in left for b in right if (joined := _join(a, b)) is not None]


def _join(a: Shape, b: Shape) -> Shape | None:
    kind = a.type or b.type
    if a.type and b.type:
        if not (_is(a.type, b.type) or _is(b.type, a.type)):
            return None
        kind = a.type if _is(a.type, b.type) else b.type
    values = a.values if b.values is None else b.values
    if a.values is not None and b.values is not None:
        values = a.values & b.values
        if not values:
            return None
    clashes = {
        f"both {word}": canonical([expanded(left[word]), expanded(right[word])])
        for left, right in ((a.properties, b.properties), (a.children, b.children))
        for word in left.keys() & right.keys()
        if canonical(expanded(left[word])) != canonical(expanded(right[word]))
    }
    for word in a.rest.keys() & b.rest.keys():
        clashes[f"both {word}"] = canonical(sorted([a.rest[word], b.rest[word]]))
    return Shape(
        b.pointer if _empty(a) else a.pointer,
        kind,
        values,
        {**a.limits, **{word: _tighter(word, a.limits, b.limits) for word in b.limits}},
        {**a.properties, **b.properties},
        a.required | b.required,
        {**a.children, **b.children},
        {**a.rest, **b.rest, **clashes},
    )


def _empty(shape: Shape) -> bool:
    return replace(shape, pointer="") == Shape("")


def _tighter(word: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Any:
    if word not in a or a[word] == b[word]:
        return b[word]
    if word in ("pattern", "format", "multipleOf"):
        return " and ".join(sorted((str(a[word]), str(b[word]))))
    tighter = min if "ax" in word else max
    return tighter(a[word], b[word])

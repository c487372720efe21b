"""Bounds, lengths, patterns and formats of two alternatives: which are tighter, which looser. Pure.

Rules: a bound that is set or moved inwards makes fewer values valid, one that is taken away or
moved outwards more; two patterns or formats cannot be compared, so each counts as both (the
checks `*-set`, `*-increased`, `*-decreased`, `*-pattern-changed` of oasdiff).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploys.gateway.compare_views import Shape

#: keyword -> (+1 when more is tighter, what holds without it)
_BOUNDS: dict[str, tuple[int, int | None]] = {
    "minimum": (1, None), "maximum": (-1, None), "minLength": (1, 0), "maxLength": (-1, None),
    "minItems": (1, 0), "maxItems": (-1, None), "minProperties": (1, 0),
    "maxProperties": (-1, None),
}  # fmt: skip
_OF = {"minLength": "string", "maxLength": "string", "minItems": "array", "maxItems": "array"}
#: Formats that hold every value of the other.
_WIDER_FORMATS = {("int32", "int64"), ("float", "double")}

#: (what changed, rule, fewer values valid, more values valid)
LimitEdit = tuple[str, str, bool, bool]


def limit_edits(old: Shape, new: Shape) -> Iterator[LimitEdit]:
    """The changed limits of two alternatives."""
    before, after = _inclusive(old), _inclusive(new)
    for word, (tighter, default) in _BOUNDS.items():
        a, b = before.get(word, default), after.get(word, default)
        if a == b or _of_another_type(word, old, new):
            continue
        what = f"{word} {_shown(a)} -> {_shown(b)}"
        less = a is None or (b is not None and _order(b) * tighter > _order(a) * tighter)
        yield what, f"{word}-{'tightened' if less else 'loosened'}", less, not less
    for word in ("pattern", "format", "multipleOf", "uniqueItems"):
        first, second = before.get(word) or None, after.get(word) or None
        if first != second:
            less, more = _of_words(word, first, second)
            yield f"{word} {_shown(first)} -> {_shown(second)}", f"{word}-changed", less, more


def _inclusive(shape: Shape) -> dict[str, Any]:
    """The limits with `exclusive…` written as bounds: a pair of the number and how strict."""
    out = dict(shape.limits)
    for word, exclusive, side in (
        ("minimum", "exclusiveMinimum", 1),
        ("maximum", "exclusiveMaximum", -1),
    ):
        bounds = [(out[word], 0)] if word in out else []
        if exclusive in out:
            bound = out.pop(exclusive)
            whole = shape.type == "integer" and float(bound).is_integer()
            bounds.append((bound + side, 0) if whole else (bound, side))
        if bounds:
            out[word] = max(bounds) if side > 0 else min(bounds)
    return out


def _order(bound: Any) -> Any:
    return _Order(bound if isinstance(bound, tuple) else (bound, 0))


class _Order:
    """A bound that can be turned round by * -1."""

    def __init__(self, pair: tuple[float, int]) -> None:
        self.pair = pair

    def __mul__(self, sign: int) -> tuple[float, int]:
        return self.pair[0] * sign, self.pair[1] * sign


def _shown(bound: Any) -> str:
    if isinstance(bound, tuple):
        return f"{bound[0]}" + (" (exclusive)" if bound[1] else "")
    return "none" if bound is None else f"{bound}"


def _of_another_type(word: str, old: Shape, new: Shape) -> bool:
    """A length that cannot matter, because neither alternative is of the type it limits."""
    kind = _OF.get(word)
    return kind is not None and {old.type, new.type}.isdisjoint({kind, None})


def _of_words(word: str, old: Any, new: Any) -> tuple[bool, bool]:
    """(fewer, more) valid values."""
    if old is None or new is None:
        return old is None, new is None
    if word == "format" and (old, new) in _WIDER_FORMATS:
        return False, True
    if word == "format" and (new, old) in _WIDER_FORMATS:
        return True, False
    if word == "multipleOf" and all(isinstance(v, int) for v in (old, new)):
        return new % old == 0 or old % new != 0, old % new == 0 or new % old != 0
    return True, True

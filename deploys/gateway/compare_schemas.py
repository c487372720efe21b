"""What a change of a JSON Schema does to the values that are valid: nothing, fewer, more.

Judged by the "severity law" of the OpenAPI Changes Model (oasdiff/openapi-changes-model,
SPEC.md): what clients send may not become narrower, what they receive may not become wider, and
what cannot be decided counts as breaking. A change is called safe only where that is certain;
the exceptions say so beside their rule. Pure; ends for recursive schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from deploys.gateway.compare_alternatives import described, paired
from deploys.gateway.compare_limits import limit_edits
from deploys.gateway.compare_places import Place, canonical, step
from deploys.gateway.compare_views import CHILDREN, Shape, shapes


class Level(IntEnum):
    """How much a change can hurt a client that kept to the old contract."""

    INFO = 0
    POSSIBLE = 1  # depends on the client
    BREAKING = 2


@dataclass(frozen=True, order=True)
class Edit:
    """One change at one place, with its level where the schema is sent and where it is received."""

    pointer: str
    rule: str
    what: str
    request: Level
    response: Level


#: What passes though a validator would see a difference: fields that nobody had listed.
TOLERATED = frozenset(["field-added", "object-opened"])


class Schemas:
    """Compares schemas of an old document with those of a new one, each pair only once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[Edit]] = {}
        self._open: list[tuple[str, str]] = []
        self._assumed = len(self._open)  # the lowest open pair that an answer relied on

    def edits(self, old: Place, new: Place) -> list[Edit]:
        """Every change between two schemas, at its place in the new document (the old one for
        what is gone)."""
        old, new = old.followed(), new.followed()
        pair = (old.pointer, new.pointer)
        if pair in self._known:
            return self._known[pair]
        if pair in self._open:  # equal as far as this pair goes: its own edits come further out
            self._assumed = min(self._assumed, self._open.index(pair))
            return []
        depth, outer = len(self._open), self._assumed
        self._assumed = depth
        self._open.append(pair)
        found = list(dict.fromkeys(self._unions(old, new)))
        self._open.pop()
        if self._assumed >= depth:  # relied on nothing that is still open
            self._known[pair] = found
        self._assumed = min(outer, self._assumed)
        return found

    def _unions(self, old: Place, new: Place) -> Iterator[Edit]:
        before, after = shapes(old), shapes(new)
        pairs, lost, added = paired(before, after)
        for a, b in pairs:
            for edit in self._shape(a, b):
                if edit.request > edit.response and self._covered(a, after, but=b):
                    continue
                if edit.response > edit.request and self._covers(before, b, but=a):
                    continue
                yield edit
        for a in lost:
            if not self._covered(a, after):
                yield narrows(old.pointer, "type-removed", f"no longer {described(a)}")
        for b in added:
            if not self._covers(before, b):
                yield widens(new.pointer, "type-added", f"may now be {described(b)}")

    def _covered(self, a: Shape, after: list[Shape], but: Shape | None = None) -> bool:
        """Whether all that `a` allows is allowed by one alternative of the new schema."""
        others = (b for b in after if b is not but and _near(a, b))
        return any(all(not e.request and _strict(e) for e in self._shape(a, b)) for b in others)

    def _covers(self, before: list[Shape], b: Shape, but: Shape | None = None) -> bool:
        others = (a for a in before if a is not but and _near(b, a))
        return any(all(not e.response and _strict(e) for e in self._shape(a, b)) for a in others)

    def _shape(self, old: Shape, new: Shape) -> Iterator[Edit]:
        at = new.pointer
        yield from _types(old, new)
        yield from _values(old, new)
        for what, rule, less, more in limit_edits(old, new):
            yield _effect(at, rule, what, less, more)
        yield from self._properties(old, new)
        for word in CHILDREN:
            yield from self._child(word, old, new)
        for word in sorted(old.rest.keys() | new.rest.keys()):
            if old.rest.get(word) != new.rest.get(word):
                what = f"{word} changed in a way that cannot be compared"
                yield Edit(at, "undecided", what, Level.BREAKING, Level.BREAKING)

    def _properties(self, old: Shape, new: Shape) -> Iterator[Edit]:
        for name, place in new.properties.items():
            if name in old.properties:
                yield from self.edits(old.properties[name], place)
                yield from default_edits(old.properties[name], place)
            elif name in new.required:
                yield narrows(place.pointer, "required-field-added", f"new required field {name}")
            else:
                # Strictly, an object that was open to any field is narrower now; a client that
                # sent a field nobody knew was not kept to anything.
                what = f"new optional field {name}"
                yield Edit(place.pointer, "field-added", what, Level.INFO, Level.INFO)
        for name, place in old.properties.items():
            if name not in new.properties:
                closed = _closed(new)
                sent = Level.BREAKING if closed else Level.POSSIBLE  # ignored, or refused
                what = f"field {name} is gone" + (" and refused" if closed else "")
                yield Edit(place.pointer, "field-removed", what, sent, Level.BREAKING)
        for name in sorted(new.required - old.required):
            if name in old.properties or name not in new.properties:
                at = new.pointer + step("properties") + step(name)
                yield narrows(at, "field-became-required", f"field {name} is now required")
        for name in sorted(old.required - new.required):
            if name in new.properties or name not in old.properties:
                at = new.pointer + step("properties") + step(name)
                yield widens(at, "field-became-optional", f"field {name} may be missing now")

    def _child(self, word: str, old: Shape, new: Shape) -> Iterator[Edit]:
        """`items` and the like; where one is not given, anything goes."""
        if word not in old.children and word not in new.children:
            return
        at = new.pointer + step(word)
        before = old.children.get(word) or Place({}, True, f"{old.pointer}{step(word)} not given")
        after = new.children.get(word) or Place({}, True, f"{at} not given")
        if word != "additionalProperties":
            yield from self.edits(before, after)
        elif _closed(new) and not _closed(old):
            yield narrows(at, "object-closed", "fields that are not listed are refused now")
        elif _closed(old) and not _closed(new):
            # A reader that keeps to its fields does not see others.
            what = "fields that are not listed are possible now"
            yield Edit(at, "object-opened", what, Level.INFO, Level.INFO)
        else:
            yield from self.edits(before, after)


def default_edits(old: Place, new: Place) -> Iterator[Edit]:
    """Another default changes what the server does, not what is valid: worth a line."""
    a, b = (
        canonical(p.node["default"]) if isinstance(p.node, dict) and "default" in p.node else "none"
        for p in (old, new)
    )
    if a != b:
        what = f"default {a} -> {b}"
        yield Edit(new.pointer, "default-changed", what, Level.INFO, Level.INFO)


def narrows(pointer: str, rule: str, what: str) -> Edit:
    """Fewer values are valid: breaks who sends them."""
    return Edit(pointer, rule, what, Level.BREAKING, Level.INFO)


def widens(pointer: str, rule: str, what: str) -> Edit:
    """More values are valid: breaks who receives them."""
    return Edit(pointer, rule, what, Level.INFO, Level.BREAKING)


def _effect(pointer: str, rule: str, what: str, less: bool, more: bool) -> Edit:
    """A bound, length, pattern or format. Looser ones in answers are only possibly breaking,
    unlike oasdiff since 1.31: whatever a request may carry comes back in an answer, so no limit
    could ever be raised."""
    sent = Level.BREAKING if less else Level.INFO
    received = (Level.BREAKING if less else Level.POSSIBLE) if more else Level.INFO
    return Edit(pointer, rule, what, sent, received)


def _types(old: Shape, new: Shape) -> Iterator[Edit]:
    if old.type == new.type:
        return
    at, what = new.pointer, f"type {old.type or 'any'} -> {new.type or 'any'}"
    if new.type is None or (old.type, new.type) == ("integer", "number"):
        yield widens(at, "type-widened", what)
    elif old.type is None or (old.type, new.type) == ("number", "integer"):
        yield narrows(at, "type-narrowed", what)
    else:
        yield Edit(at, "type-changed", what, Level.BREAKING, Level.BREAKING)


def _values(old: Shape, new: Shape) -> Iterator[Edit]:
    at = new.pointer
    if old.values == new.values:
        return
    if old.values is None:
        yield narrows(at, "enum-set", f"only these values now: {_listed(new.values)}")
    elif new.values is None:
        yield widens(at, "enum-unset", f"no longer limited to {_listed(old.values)}")
    else:
        if gone := old.values - new.values:
            yield narrows(at, "enum-value-removed", f"no longer {_listed(gone)}")
        if more := new.values - old.values:
            yield widens(at, "enum-value-added", f"may now be {_listed(more)}")


def _listed(values: frozenset[str] | None) -> str:
    shown = sorted(values or ())
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _closed(shape: Shape) -> bool:
    place = shape.children.get("additionalProperties")
    return place is not None and not shapes(place)


def _strict(edit: Edit) -> bool:
    return edit.rule not in TOLERATED


def _near(a: Shape, b: Shape) -> bool:
    """Whether one could allow what the other does, by type alone."""
    return b.type is None or a.type == b.type or (a.type, b.type) == ("integer", "number")

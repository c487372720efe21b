"""Nodes of an OpenAPI document with their places: references followed, pointers kept. Pure; ends
for documents that refer to themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Keywords that say nothing about which values are valid (JSON Schema 2020-12 validation, 9).
ANNOTATIONS = frozenset(
    ["title", "description", "examples", "example", "default", "deprecated", "readOnly",
     "writeOnly", "$comment", "externalDocs", "xml", "discriminator", "$schema", "$id", "$defs",
     "contentMediaType", "contentEncoding"]
)  # fmt: skip


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values; 1 and 1.0 are one number, true is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def step(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True)
class Place:
    """A node of a document and where it is."""

    document: Mapping[str, Any] = field(repr=False, compare=False)
    node: Any = field(repr=False, compare=False)
    pointer: str

    def below(self, *names: str) -> Place:
        """The node under these keys; KeyError when there is none."""
        node, pointer = self.node, self.pointer
        for name in names:
            node = node[name]
            pointer += step(name)
        return Place(self.document, node, pointer)

    def target(self) -> Place:
        """Where `$ref` leads; a reference to nothing is an empty schema, as validators see it."""
        node: Any = self.document
        reference = str(self.node["$ref"]).removeprefix("#")
        for name in reference.split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, Mapping) else None
        return Place(self.document, {} if node is None else node, reference)

    def followed(self) -> Place:
        """The node itself, through references that have no other constraint beside them."""
        at, seen = self, set()
        while isinstance(at.node, Mapping) and "$ref" in at.node and at.pointer not in seen:
            if any(constrains(key) for key in at.node if key != "$ref"):
                break
            seen.add(at.pointer)
            at = at.target()
        return at


def constrains(key: str) -> bool:
    return key not in ANNOTATIONS and not key.startswith("x-")


def expanded(place: Place, trail: tuple[str, ...] = ()) -> Any:
    """The node with every reference replaced by what it means; a circle ends at its depth."""
    node = place.node
    if isinstance(node, Mapping):
        if "$ref" in node:
            if place.pointer in trail:
                return f"as {len(trail) - trail.index(place.pointer)} above"
            inside = expanded(place.target(), (*trail, place.pointer))
            beside = {k: v for k, v in node.items() if k != "$ref" and constrains(k)}
            return [inside, beside] if beside else inside
        return {key: expanded(place.below(key), trail) for key in node}
    if isinstance(node, list):
        parts = (Place(place.document, v, f"{place.pointer}/{i}") for i, v in enumerate(node))
        return [expanded(part, trail) for part in parts]
    return node


def type_of(value: Any) -> str:
    """The JSON Schema type of a value."""
    for kinds, name in (
        (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"),
        (Mapping, "object"), (list, "array"),
    ):  # fmt: skip
        if isinstance(value, kinds):
            return name
    return "null"

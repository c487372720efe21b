"""An example for every schema of a document, made of the examples that its fields carry. Pure.

The same schema always gives the same example, and the example always fits its schema as far as
types, enums and bounds go; a text with a pattern needs an example of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEP = 8
_OF_FORMAT = {"date-time": "2026-01-31T12:00:00.000000Z", "date": "2026-01-31"}

Schema = Mapping[str, Any]


def example_of(schema: Schema, schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that fits `schema`; `schemas` are the document's components."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[1]
        return example_of(schemas[name], schemas, depth + 1)
    for key in ("const", "example", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _of_choice(key, schema, schemas, depth)
    return _of_type(schema, schemas, depth)


def _of_choice(key: str, schema: Schema, schemas: Mapping[str, Any], depth: int) -> Any:
    if key == "allOf":
        merged: dict[str, Any] = {}
        for part in schema[key]:
            value = example_of(part, schemas, depth + 1)
            if not isinstance(value, dict):
                return value
            merged |= value
        return merged
    options = [s for s in schema[key] if s.get("type") != "null"]
    return example_of(options[0], schemas, depth + 1) if options and depth < _DEEP else None


def _of_type(schema: Schema, schemas: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    if kind == "object":
        properties = schema.get("properties", {})
        if depth >= _DEEP:
            properties = {k: v for k, v in properties.items() if k in schema.get("required", ())}
        return {k: example_of(v, schemas, depth + 1) for k, v in properties.items()}
    if kind == "array":
        if depth >= _DEEP or "items" not in schema:
            return []
        return [example_of(schema["items"], schemas, depth + 1)]
    if kind == "string":
        return _OF_FORMAT.get(str(schema.get("format")), "text")
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return True if kind == "boolean" else None

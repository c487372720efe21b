"""The context of a session: a text, a list of entries, or an object. Pure.

It keeps the shape in which it was last written; an entry appended to a text or an object makes a
list of both. Data is apart from it: an object that is merged key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from story_services.common.errors import BadInput

ENTRIES = 1000  # of a context
DATA_KEYS = 5000  # of data, nested ones not counted: as many as one request can bring
SIZE = 512 * 1024  # bytes of JSON; every revision keeps context and data whole


def entries(context: Any) -> list[str]:
    """A context as texts: each entry one, an object one for each of its keys."""
    found: list[str] = []
    for entry in as_list(context):
        if isinstance(entry, Mapping):
            found += [f"{key}: {_said(value)}" for key, value in entry.items()]
        else:
            found.append(entry)
    return found


def _said(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def as_list(context: Any) -> list[Any]:
    """The entries of a context in whatever shape."""
    if context is None:
        return []
    return context if isinstance(context, list) else [context]


def appended(context: Any, entry: Any) -> list[Any]:
    """The context with one more entry."""
    return [*as_list(context), entry]


def merged(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Data with some keys changed; null removes a key. A nested object is replaced whole."""
    together = {**data, **changes}
    return {k: v for k, v in together.items() if not (k in changes and v is None)}


def require_bounded(context: Any, data: Mapping[str, Any]) -> None:
    """BadInput when a session would hold more than it may."""
    if len(as_list(context)) > ENTRIES:
        raise BadInput.field("context", f"must not have more than {ENTRIES} entries")
    if len(data) > DATA_KEYS:
        raise BadInput.field("data", f"must not have more than {DATA_KEYS} keys")
    if len(orjson.dumps(context)) + len(orjson.dumps(data)) > SIZE:
        raise BadInput.field("context", f"must not take more than {SIZE} bytes with data")

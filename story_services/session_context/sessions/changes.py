"""What one revision of a session changed, worked out from it and the one before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from story_services.common.records import Record, same
from story_services.session_context.sessions.wording import as_list

#: Fields besides context and data.
PLAIN = ("userId", "name", "scriptId")

Change = dict[str, Any]


def change(before: Record | None, after: Record) -> Change:
    """The change from one revision to the next, `before` being None for the first.

    `appended` lists entries added behind the context, `context` is `{from, to}` when it was
    replaced, `data` says which keys were set and removed, `fields` has `{from, to}` by name.
    """
    old: Mapping[str, Any] = before.content if before else {}
    new = after.content
    added = _added(old.get("context"), new["context"]) if before else []
    replaced = not added and not same(old.get("context"), new["context"])
    data: Mapping[str, Any] = old.get("data") or {}
    return {
        "action": after.action,
        "context": _step(old, new, "context") if replaced else None,
        "appended": added,
        "data": {
            "set": {k: v for k, v in new["data"].items() if k not in data or not same(data[k], v)},
            "removed": [k for k in data if k not in new["data"]],
        },
        "fields": {name: _step(old, new, name) for name in PLAIN if old.get(name) != new[name]},
    }


def _step(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"from": old.get(name), "to": new[name]}


def _added(old: Any, new: Any) -> list[Any]:
    """What follows the old entries, if all of them are still there in front."""
    known = as_list(old)
    if not isinstance(new, list) or len(new) <= len(known):
        return []
    return new[len(known) :] if same(known, new[: len(known)]) else []


def mentions(item: Mapping[str, Any], words: str) -> bool:
    """Whether all the words occur in a history entry, in what it says or in its comment."""
    said = "\n".join(_texts([item["comment"], item["actor"], item["change"]])).casefold()
    return all(word in said for word in words.casefold().split())


def _texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, Mapping):
            yield from _texts([*value.keys(), *value.values()])
        elif isinstance(value, list):
            yield from _texts(value)
        elif value is not None:
            yield str(value)

"""The stored form of a root: one small document, and pages for the spaces that are long.

The document is `{"spaces": {name: {"inline": [slot, ...]} | {"pages": [{"id", "count"}, ...]}}}`,
plain JSON. A page is a list of slots that never changes; its id is the root's id, "-", and the
first 32 hex digits of the SHA-256 of its slots, so writing it twice is harmless and the pages of an
old document stay valid. `encode` keeps the pages of the previous form wherever their slots still
stand together: an insert, a move or a deletion in 100,000 slots writes a handful of pages. Slots
are JSON lists: packed into one text they were no faster to read and only 6 % smaller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from story_services.common.order.chunks import cut
from story_services.common.order.errors import BrokenOrder, MissingPages
from story_services.common.order.root import Root
from story_services.common.order.space import Space

INLINE = 512  # slots up to which a space stands in the document itself
#: Slots of a page at most, about 9 kB. In 110,000 slots one insert then writes 23 kB in all; with
#: 256 or 1,024 it is more (32, 25), and in a play of 4,500 it is 9 kB.
PAGE = 512


@dataclass(frozen=True)
class Encoded:
    """A root with its stored form; `pages` holds only what the previous form did not have."""

    root: Root
    document: dict[str, Any]
    pages: dict[str, list[str]]


def encode(
    root: Root,
    root_id: str,
    previous: Encoded | None = None,
    *,
    inline: int = INLINE,
    page: int = PAGE,
) -> Encoded:
    """The stored form of `root`, and the pages to write before the document names them."""
    known = set(page_ids(previous.document)) if previous else set()
    written: dict[str, list[str]] = {}
    spaces: dict[str, Any] = {}
    for name, space in root.spaces.items():
        if len(space.slots) <= inline:
            spaces[name] = {"inline": list(space.slots)}
            continue
        old, named = _old_pages(previous, name, root_id)
        rows = spaces[name] = {"pages": []}
        for piece in cut(old, [row["count"] for row in named], space.slots, page):
            if piece.kept is None:
                slots = list(space.slots[piece.start : piece.stop])
                identity = page_id(root_id, slots)
                if identity not in known:
                    written[identity] = slots
            else:
                identity = named[piece.kept]["id"]
            rows["pages"].append({"id": identity, "count": piece.stop - piece.start})
    return Encoded(root, {"spaces": spaces}, written)


def load(document: Mapping[str, Any], pages: Mapping[str, Sequence[str]]) -> Encoded:
    """What was stored, ready to be the `previous` of the next `encode`.

    MissingPages names all pages that `pages` lacks; BrokenOrder if the parts do not fit together.
    """
    if missing := missing_pages(document, pages):
        raise MissingPages(missing)
    spaces = {}
    for name, stored in _spaces(document).items():
        if "inline" in stored:
            space = Space(tuple(stored["inline"]))
        else:
            space = Space(tuple(_slots(stored["pages"], pages)))
        space.check()
        spaces[name] = space
    return Encoded(Root(spaces), dict(document), {})


def decode(document: Mapping[str, Any], pages: Mapping[str, Sequence[str]]) -> Root:
    """The root that was stored; errors as of `load`."""
    return load(document, pages).root


def page_ids(document: Mapping[str, Any]) -> list[str]:
    """Every page a document names, each once, in order."""
    rows = (row for stored in _spaces(document).values() for row in stored.get("pages", ()))
    return list(dict.fromkeys(row["id"] for row in rows))


def missing_pages(
    document: Mapping[str, Any], pages: Mapping[str, object] | None = None
) -> list[str]:
    """The pages still to be fetched before `load` can work, given those already at hand."""
    at_hand = pages or {}
    return [identity for identity in page_ids(document) if identity not in at_hand]


def page_id(root_id: str, slots: Sequence[str]) -> str:
    """The id of the page with these slots in that root."""
    canonical = json.dumps(list(slots), separators=(",", ":")).encode()
    return f"{root_id}-{hashlib.sha256(canonical).hexdigest()[:32]}"


def _old_pages(
    previous: Encoded | None, name: str, root_id: str
) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Slots and pages a space had; none if it was inline or belonged to another root."""
    stored = _spaces(previous.document).get(name, {}) if previous else {}
    rows = stored.get("pages", [])
    if not previous or not rows or not rows[0]["id"].startswith(f"{root_id}-"):
        return (), []
    return previous.root.space(name).slots, rows


def _slots(rows: Sequence[Mapping[str, Any]], pages: Mapping[str, Sequence[str]]) -> list[str]:
    slots: list[str] = []
    for row in rows:
        if len(pages[row["id"]]) != row["count"]:
            raise BrokenOrder(f"page {row['id']} does not have the {row['count']} slots it should")
        slots += pages[row["id"]]
    return slots


def _spaces(document: Mapping[str, Any]) -> Mapping[str, Any]:
    spaces = document.get("spaces")
    if not isinstance(spaces, Mapping) or not all(
        isinstance(stored, Mapping) and ("inline" in stored) != ("pages" in stored)
        for stored in spaces.values()
    ):
        raise BrokenOrder("not the stored form of an order: no spaces, or one of unknown form")
    return spaces

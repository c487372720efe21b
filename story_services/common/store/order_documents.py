"""The documents that an order is stored as. Pure.

The root's document names its pages and carries the head of its last logged change, with the order
before and after it; that of an earlier one is kept among the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from story_services.common.clock import Clock
from story_services.common.errors import Conflict
from story_services.common.order.pages import Encoded
from story_services.common.order.root import Root
from story_services.common.records import Record, Why, first
from story_services.common.store.documents import Token
from story_services.common.store.past import Copy

KIND = "order"
INDEX = "order"


@dataclass(frozen=True)
class State:
    """A root as it is stored. `logged` is the last logged change, None if there never was one."""

    root: Root
    encoded: Encoded | None
    born: frozenset[str]
    logged: Record | None
    token: Token | None

    @property
    def revision(self) -> int:
        """How many logged changes there were."""
        return self.logged.version if self.logged else 0


def logged_change(
    clock: Clock, root_id: str, state: State, why: Why, before: Encoded, after: Encoded
) -> Record:
    """The head of a change that is to be seen in the log, with the order before and after it."""
    kind, _, number = root_id.rpartition("-")
    scope = (int(number),) if kind == "script" else ()
    content = {"root": root_id, "before": before.document, "after": after.document}
    if state.logged is None:
        change = clock.change_id()
        entity = int(number) if number.isdigit() else 0
        start = first(KIND, entity, content, scope, change, why)
        return replace(start, action=why.action or "reorder")
    change = clock.change_id(state.logged.change_id)
    return state.logged.following(change, why, action="reorder", content=content)


def root_document(
    root_id: str,
    form: Mapping[str, Any],
    record: Record | None,
    born: frozenset[str],
    nonce: str,
) -> dict[str, Any]:
    """The stored form of a root. Its nonce begins with that of the request whose logged change
    was the last, so that a request that was cut off can tell whether it got this far."""
    content: dict[str, Any] = {"root": form, "born": sorted(born)}
    if record is None:
        return {"kind": KIND, "root": root_id, "version": 0, "nonce": nonce, "content": content}
    content |= {k: v for k, v in record.content.items() if k in ("before", "after")}
    document = record.document()
    nonce = f"{request_of(record)}.{nonce}"
    return {**document, "root": root_id, "nonce": nonce, "content": content}


def request_of(record: Record) -> str:
    """The nonce of the request that made a logged change."""
    return record.nonce.partition(".")[0]


def order_version_key(root_id: str, version: int) -> str:
    """The document id of a logged change of an order that is no longer the last one."""
    return f"order-{root_id}-{version}"


def snapshot(root_id: str, record: Record) -> Copy:
    """A logged change of an order as it is kept when the next one takes its place."""
    content = {k: v for k, v in record.content.items() if k in ("before", "after")}
    nonce = f"{request_of(record)}.{record.version}"
    document = {**record.document(), "root": root_id, "nonce": nonce, "content": content}
    return Copy(order_version_key(root_id, record.version), document, INDEX, root_id, record.nonce)


def own_pages(encoded: Encoded, nonce: str) -> Encoded:
    """The same form with ids for its new pages that no other write ever uses: so a page can be
    removed with the last root that names it, though equal slots may come again."""
    names = {i: f"{i}.{nonce}" for i in encoded.pages}
    spaces = {
        name: {"pages": [{**row, "id": names.get(row["id"], row["id"])} for row in stored["pages"]]}
        if "pages" in stored
        else stored
        for name, stored in encoded.document["spaces"].items()
    }
    pages = {names[i]: slots for i, slots in encoded.pages.items()}
    return Encoded(encoded.root, {"spaces": spaces}, pages)


def page_document(root_id: str, page_id: str, slots: Any) -> dict[str, Any]:
    """A page of an order."""
    return {"root": root_id, "nonce": page_id, "content": {"slots": slots}}


def overtaken(state: State) -> Conflict:
    """The conflict that tells the loser of a race who won it, when and why."""
    by = state.logged
    return Conflict(
        "The order was changed meanwhile; read it and try again.",
        f"revision {by.version} ({by.action}) by {by.actor} at {by.updated_at}"
        f"{f': {by.comment}' if by.comment else ''}"
        if by
        else "it has never been changed",
    )

"""What happened to a script, and taking it back: the change log, undo and redo.

The log is no record of its own that could disagree with the data: it is what the versions of
records and orders say, put in the order of their change ids. Undo goes back along it one change
at a time, however many entities a change touched; redo goes forward again until something new
is done. Both are changes themselves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from story_services.common import kinds
from story_services.common.entities import Entities
from story_services.common.errors import Conflict
from story_services.common.order.history import revert
from story_services.common.order.root import Root
from story_services.common.queries import between, every, term
from story_services.common.records import Record, Why, from_document, same
from story_services.common.store.documents import StoreConflict
from story_services.common.store.orders import KIND as ORDER
from story_services.common.store.orders import Orders
from story_services.common.transitions import Target

#: A record without its content.
_HEAD = [
    "kind", "id", "version", "deleted", "scope", "createdAt", "updatedAt", "action", "actor",
    "comment", "changeId", "reverts", "nonce",
]  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One thing that someone did: what it touched, by kind, id and version."""

    change_id: int
    at: str
    actor: str
    comment: str | None
    action: str
    reverts: int | None
    items: tuple[Record, ...]


class History:
    """The change log of scripts, undo and redo."""

    def __init__(self, entities: Entities, orders: Orders) -> None:
        self.entities = entities
        self.records = entities.records
        self.orders = orders

    async def changes(self, script_id: int, *, page: int = 5000) -> AsyncIterator[Change]:
        """All changes of a script, newest first."""
        store = self.records.store
        await store.refresh("log")
        query = every([term("scope", script_id), between("version", 1, None)])
        group: dict[tuple[str, int, int], Record] = {}
        sort = [{"changeId": "desc"}]
        async for doc in store.search_all("log", query, sort=sort, source=_HEAD, page=page):
            item = from_document(doc)
            if group and item.change_id != next(iter(group.values())).change_id:
                yield _change(group)
                group = {}
            group.setdefault((item.kind, item.id, item.version), item)
        if group:
            yield _change(group)

    async def undo(self, script_id: int, why: Why, expected: int | None = None) -> Change:
        """Take the last change back that still stands; Conflict when there is none, when it is
        not the `expected` one, or when what it touched was changed by other means."""
        return await self._step(script_id, why, expected, "undo")

    async def redo(self, script_id: int, why: Why, expected: int | None = None) -> Change:
        """Do again what the last undo took back, if nothing new was done since."""
        return await self._step(script_id, why, expected, "redo")

    async def _step(self, script_id: int, why: Why, expected: int | None, action: str) -> Change:
        if why.resumed:
            done = await self._done_before(script_id, why)
            if done is not None:
                return done
        seen = (await self.orders.state(kinds.script_root(script_id))).revision
        target, begun = await self._candidate(script_id, action)
        if target is None:
            raise Conflict(
                f"There is nothing to {action} in script {script_id}.", code=f"nothing_to_{action}"
            )
        if expected is not None and target.change_id != expected:
            raise Conflict(
                f"Another change came last; read the changes of script {script_id}.",
                describe(target),
            )
        signed = replace(
            why, resumed=False, reverts=target.change_id, action=action, change_id=begun
        )
        await self._revert(target, signed, seen)
        return target

    async def _done_before(self, script_id: int, why: Why) -> Change | None:
        async for change in self.changes(script_id, page=200):
            if any(item.nonce.startswith(f"{why.nonce}.") for item in change.items):
                return await self._find(script_id, change.reverts)
        return None

    async def _find(self, script_id: int, change_id: int | None) -> Change | None:
        async for change in self.changes(script_id, page=200):
            if change.change_id == change_id:
                return change
        return None

    async def _candidate(self, script_id: int, action: str) -> tuple[Change | None, int | None]:
        """The change that the next step takes back: for undo the last one not undone, for redo
        the last undo not redone. What a later change took back is passed over, whatever came in
        between. If the last step was cut off, what is left of it, and its change id."""
        off: set[int | None] = set()
        newest = True
        async for change in self.changes(script_id, page=200):
            if newest and change.action in ("undo", "redo"):
                unfinished = await self._unfinished(script_id, change)
                if unfinished is not None and change.action == action:
                    return unfinished, change.change_id
            newest = False
            if change.change_id in off:
                continue
            if action == "redo" and change.action != "redo":
                return (change if change.action == "undo" else None), None
            if change.reverts is not None and (action == "redo" or change.action != "redo"):
                off.add(change.reverts)
            elif not await self._never_was(change):
                return change, None
        return None, None

    async def _unfinished(self, script_id: int, step: Change) -> Change | None:
        """The change that a step began to take back before it was cut off, if it was."""
        whole = await self._find(script_id, step.reverts)
        if whole is None:
            return None
        done = {(item.kind, item.id) for item in step.items}
        left = tuple(item for item in whole.items if (item.kind, item.id) not in done)
        if not left:
            return None
        return Change(
            whole.change_id, whole.at, whole.actor, whole.comment, whole.action,
            whole.reverts, left,
        )  # fmt: skip

    async def _never_was(self, change: Change) -> bool:
        """Whether a creation was cut off before it was published: nobody ever saw it."""
        if any(item.version != 1 or item.kind == ORDER for item in change.items):
            return False
        current = await self.records.get_many((item.kind, item.id) for item in change.items)
        if any(record.deleted for record in current.values()):
            return False
        return not await self.entities.visible(current.values())

    async def _revert(self, change: Change, why: Why, seen: int) -> None:
        items = [item for item in change.items if item.kind != ORDER]
        pairs = await self._ways_back(items, change)
        for item in change.items:
            if item.kind == ORDER:
                root_id = kinds.script_root(item.id)
                before, after = await self.orders.logged(root_id, item.version)
                await self.orders.change(root_id, _reverting(before, after), why, seen)
        if pairs:
            try:
                await self.entities.transitions.apply(pairs, why, why.action or "undo")
            except StoreConflict as error:
                raise Conflict("Somebody else changed the same meanwhile.", str(error)) from None

    async def _ways_back(
        self, items: Sequence[Record], change: Change
    ) -> list[tuple[Record, Target]]:
        """From each item's present version to what it was before the change."""
        current = await self.records.get_many((i.kind, i.id) for i in items)
        wanted = [(i.kind, i.id, n) for i in items for n in (i.version - 1, i.version) if n]
        versions = await self.records.version_many(wanted)
        pairs = []
        for item in items:
            now = current[item.key]
            changed = versions[item.kind, item.id, item.version]
            if now.deleted != changed.deleted or not same(now.content, changed.content):
                raise Conflict(
                    f"{item.key} was changed since; restore one of its versions instead.",
                    describe(change),
                )
            before = versions.get((item.kind, item.id, item.version - 1))
            target = (
                Target(now.content, now.scope, deleted=True)
                if before is None
                else Target(before.content, before.scope, before.deleted)
            )
            pairs.append((now, target))
        return pairs


def _reverting(before: Root, after: Root) -> Callable[[Root], tuple[Root, None]]:
    return lambda current: (revert(before, after, current), None)


def _change(group: dict[tuple[str, int, int], Record]) -> Change:
    items = tuple(group.values())
    head = items[0]
    return Change(
        head.change_id, head.updated_at, head.actor, head.comment, head.action, head.reverts,
        items,
    )  # fmt: skip


def describe(change: Change) -> str:
    """A change in one line, for people."""
    why = f": {change.comment}" if change.comment else ""
    touched = ", ".join(kinds.key(i.kind, i.id) for i in change.items[:5])
    more = f" and {len(change.items) - 5} more" if len(change.items) > 5 else ""
    who = f"by {change.actor} at {change.at}{why}"
    return f"change {change.change_id} ({change.action} of {touched}{more}) {who}"

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
from story_services.common.queries import between, every, terms
from story_services.common.records import Record, Why, from_document, same
from story_services.common.store.documents import Document, StoreConflict
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
    """One thing that someone did: what it touched, by kind, id and version. What was only
    numbered, without there being an entity, cannot be taken back: `lasts`."""

    change_id: int
    at: str
    actor: str
    comment: str | None
    action: str
    reverts: int | None
    items: tuple[Record, ...]
    lasts: bool = False


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
        query = every([terms("scope", [script_id, -script_id]), between("version", 1, None)])
        sort = [{"changeId": "desc"}]
        group: list[Document] = []
        found = store.search_all("log", query, sort=sort, source=_HEAD, page=page, tokens=True)
        async for doc in found:
            if group and doc.source["changeId"] != group[0].source["changeId"]:
                for change in self._changes(group):
                    yield change
                group = []
            group.append(doc)
        for change in self._changes(group):
            yield change

    def _changes(self, group: Sequence[Document]) -> list[Change]:
        """The changes under one change id: one, unless two processes did something in the very
        same microsecond."""
        apart: dict[str, dict[tuple[str, int, int], Record]] = {}
        lasting: set[str] = set()
        for doc in group:
            item = from_document(doc)
            request = str(item.reverts or item.nonce.partition(".")[0])
            apart.setdefault(request, {}).setdefault((item.kind, item.id, item.version), item)
            if self._is_entry(doc):
                lasting.add(request)
        return [_change(items, request in lasting) for request, items in apart.items()]

    def _is_entry(self, doc: Document) -> bool:
        """Whether it is of an id that was numbered without an entity."""
        within = doc.token.within if doc.token else ""
        name = self.records.store.name("numbering")
        return doc.id.startswith("numbering-") or within.startswith(f"{name}-")

    async def undo(self, script_id: int, why: Why, expected: int | None = None) -> Change:
        """Take the last change back that still stands; Conflict when there is none, when it is
        not the `expected` one, or when what it touched was changed by other means."""
        return await self._step(script_id, why, expected, "undo")

    async def redo(self, script_id: int, why: Why, expected: int | None = None) -> Change:
        """Do again what the last undo took back, if nothing new was done since."""
        return await self._step(script_id, why, expected, "redo")

    async def _step(self, script_id: int, why: Why, expected: int | None, action: str) -> Change:
        if why.resumed and (done := await self._completed(script_id, why, action)):
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
        await self._revert(target, _signed(why, target, action, begun), seen)
        return target

    async def _completed(self, script_id: int, why: Why, action: str) -> Change | None:
        """What an earlier try of the request took back, all of it by now; None if it did not
        begin with it."""
        async for step in self.changes(script_id, page=200):
            if any(item.is_by(why.nonce) for item in step.items):
                left = await self._unfinished(script_id, step)
                if left is not None:
                    seen = (await self.orders.state(kinds.script_root(script_id))).revision
                    await self._revert(left, _signed(why, left, action, step.change_id), seen)
                await self._settle(step)
                return await self._find(script_id, step.reverts)
        return None

    async def _settle(self, step: Change) -> None:
        """See to the numbers of what a step wrote, in case it was cut off before that."""
        items = {item.key: item for item in step.items if item.kind != ORDER}
        current = await self.records.get_many((item.kind, item.id) for item in items.values())
        mine = [r for key, r in current.items() if r.version == items[key].version]
        await self.records.confirm(mine)
        before = await self.records.version_many((r.kind, r.id, r.version - 1) for r in mine)
        await self.entities.transitions.settle([*before.values(), *mine])

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
                await self._settle(change)
            newest = False
            if change.change_id in off:
                continue
            if action == "redo" and change.action != "redo":
                if change.action != "undo" and not await self._real(change):
                    continue
                return (change if change.action == "undo" else None), None
            if change.reverts is not None and (action == "redo" or change.action != "redo"):
                off.add(change.reverts)
            elif real := await self._real(change):
                return replace(change, items=tuple(real)), None
        return None, None

    async def _unfinished(self, script_id: int, step: Change) -> Change | None:
        """The change that a step began to take back before it was cut off, if it was."""
        whole = await self._find(script_id, step.reverts)
        if whole is None:
            return None
        done = {(item.kind, item.id) for item in step.items}
        left = tuple(item for item in await self._real(whole) if (item.kind, item.id) not in done)
        if not left:
            return None
        return replace(whole, items=left)

    async def _real(self, change: Change) -> list[Record]:
        """Those of its items that anybody ever saw: without creations that were cut off before
        they were published, their being cleared away, and what lasts."""
        items = [item for item in change.items if not item.is_cleared and not change.lasts]
        firsts = [item for item in items if item.version == 1 and item.kind != ORDER]
        found = await self.records.get_many((item.kind, item.id) for item in firsts)
        fresh = [r for r in found.values() if r.version == 1 and self.entities.is_numbered(r)]
        places = {r.key: kinds.spaces(r.kind, r.content) for r in fresh}
        orders = await self.orders.spaces(s for spaces in places.values() for s in spaces)
        unseen = {r.key for r in found.values() if r.is_cleared}
        # An order remembers whom it held: an undo that was cut off took them out of it first.
        unseen |= {
            key
            for key, spaces in places.items()
            if not any(orders[s].number_of(key) or orders[s].is_deleted(key) for s in spaces)
        }
        return [
            item
            for item in items
            if item.kind == ORDER or item.version > 1 or item.key not in unseen
        ]

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


def _signed(why: Why, target: Change, action: str, begun: int | None) -> Why:
    """The reason under which a change is taken back."""
    return replace(why, resumed=False, reverts=target.change_id, action=action, change_id=begun)


def _change(group: dict[tuple[str, int, int], Record], lasts: bool) -> Change:
    items = tuple(group.values())
    head = items[0]
    return Change(
        head.change_id, head.updated_at, head.actor, head.comment, head.action, head.reverts,
        items, lasts,
    )  # fmt: skip


def describe(change: Change) -> str:
    """A change in one line, for people."""
    why = f": {change.comment}" if change.comment else ""
    touched = ", ".join(kinds.key(i.kind, i.id) for i in change.items[:5])
    more = f" and {len(change.items) - 5} more" if len(change.items) > 5 else ""
    who = f"by {change.actor} at {change.at}{why}"
    return f"change {change.change_id} ({change.action} of {touched}{more}) {who}"

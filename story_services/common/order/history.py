"""Taking back one change of an order without losing what happened since.

What an undo needs is the root before and after the change; both are cheap to keep in their stored
form, because roots share the pages that did not change. For every element it is decided by itself
whether it is live: when the present agrees with what the change left, the state before the change
returns; when it does not, someone has decided otherwise since, and that stays.
"""

from __future__ import annotations

from story_services.common.order.root import Root
from story_services.common.order.space import DELETED, Space


def revert(before: Root, after: Root, current: Root) -> Root:
    """The change from `before` to `after` undone in `current`.

    The slots are those of `before`, gaps included: its order, exactly. Behind them, in their
    present order, stand the elements added since. Deleted since stays deleted; what the change
    itself added is gone, what it deleted is back. If nothing happened since, the result equals
    `before`. A space that the change left alone stays as it is now. A later reorder of a space that
    it did change would be overruled: see `reordered`.
    """
    names = {*before.spaces, *after.spaces, *current.spaces}
    return Root(
        {n: _reverted(before.space(n), after.space(n), current.space(n)) for n in sorted(names)}
    )


def reordered(after: Root, current: Root) -> list[str]:
    """Names of the spaces whose elements stand in another order than the change left them in."""
    return [
        name
        for name, space in after.spaces.items()
        if _common(space, current.space(name)) != _common(current.space(name), space)
    ]


def _common(space: Space, other: Space) -> list[str]:
    return [ref for _, ref in space.live() if other.number_of(ref) is not None]


def _reverted(before: Space, after: Space, current: Space) -> Space:
    if before == after:
        return current  # the change was elsewhere, and what happened here since is not its business
    kept = [_old_slot(slot, after, current) for slot in before.slots]
    return Space((*kept, *(slot for slot in current.slots if _is_new(slot, before, after))))


def _old_slot(slot: str, after: Space, current: Space) -> str:
    """A slot from before the change as it has to be now."""
    ref = slot.removeprefix(DELETED)
    live = current.number_of(ref) is not None
    if live == (after.number_of(ref) is not None):
        return slot
    if live:
        return ref  # restored since
    return DELETED + ref if current.is_deleted(ref) else ""  # deleted since, or gone elsewhere


def _is_new(slot: str, before: Space, after: Space) -> bool:
    """Whether a slot of the present came after the change, or changed its state after it."""
    ref = slot.removeprefix(DELETED)
    if not ref or before.number_of(ref) is not None or before.is_deleted(ref):
        return False
    return after.number_of(ref) is None if slot == ref else not after.is_deleted(ref)

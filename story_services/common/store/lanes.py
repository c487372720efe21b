"""Changes that wait for the same order root: which of them share a write, what they amount to.

Pure but for the futures of their callers. A group holds at most one logged change, because each
of those keeps the order before and after itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from story_services.common.errors import Unavailable
from story_services.common.order.root import Root
from story_services.common.records import Why
from story_services.common.store.order_documents import State, overtaken

T = TypeVar("T")
Edit = Callable[[Root], tuple[Root, T]]


@dataclass
class PendingChange(Generic[T]):
    """A change and the caller who waits for it."""

    edit: Edit[T]
    why: Why | None
    expected: int | None
    done: asyncio.Future[T]


@dataclass
class Lane:
    """What waits for one root, and the newest value known of it."""

    waiting: list[PendingChange[Any]] = field(default_factory=list)
    known: State | None = None
    running: asyncio.Task[None] | None = None


def next_group(lane: Lane) -> list[PendingChange[Any]]:
    """What waits, up to the second logged change: each of those keeps its own before."""
    group: list[PendingChange[Any]] = []
    logged = 0
    while lane.waiting:
        logged += lane.waiting[0].why is not None
        if logged > 1:
            break
        group.append(lane.waiting.pop(0))
    return group


def apply(
    state: State, group: list[PendingChange[Any]]
) -> tuple[Root, list[tuple[Any, Exception | None]], Why | None, Root, Root]:
    """The new value, the answer or error of each change, and the logged one among them with the
    order before and after it."""
    answers: list[tuple[Any, Exception | None]] = []
    logged: Why | None = None
    before = after = root = state.root
    for entry in group:
        try:
            if entry.expected is not None and entry.expected != state.revision:
                raise overtaken(state)
            changed, answer = entry.edit(root)
        except Exception as error:  # belongs to this caller alone; the others go on
            answers.append((None, error))
            continue
        if entry.why is not None and changed != root:
            logged, before, after = entry.why, root, changed
        root = changed
        answers.append((answer, None))
    return root, answers, logged, before, after


def fail(group: list[PendingChange[Any]], error: BaseException) -> None:
    """Tell every caller of the group that it was not done."""
    for entry in group:
        if not entry.done.done():
            entry.done.set_exception(
                error if isinstance(error, Exception) else Unavailable(details="shutting down")
            )

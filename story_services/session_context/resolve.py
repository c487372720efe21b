"""Which contexts and world states hold at a place of a story. Pure: no I/O, no clock.

An entry with a `scriptId` holds in that script only, one with a `sessionId` only where that very
session is asked for, one with neither everywhere; leaving a script or session out of a question
therefore never shows what belongs to one. Among those that hold, the narrower scope (session,
then script) comes before the wider one, and within a scope the newest (created last, so the one
with the highest id) comes first. Ranges of sequence numbers include both ends; an end that is
missing is open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

Content = Mapping[str, Any]
Source = Literal["context", "session"]


class Stated(Protocol):
    """An entity of kind context or worldState."""

    @property
    def id(self) -> int: ...

    @property
    def content(self) -> Content: ...


S = TypeVar("S", bound=Stated)


def holds_in(content: Content, script_id: int | None, session_id: int | None) -> bool:
    """Whether it is meant for this script and session. Without one of them only those do that
    name none."""
    script, session = content.get("scriptId"), content.get("sessionId")
    return script in (None, script_id) and session in (None, session_id)


def serves(session: Content, script_id: int | None) -> bool:
    """Whether a session may be asked for in a script: it has no script of its own, or this one."""
    return session.get("scriptId") in (None, script_id)


def covers(content: Content, sequence: int) -> bool:
    """Whether the number lies in the range, both ends included."""
    low, high = content.get("fromSequence"), content.get("toSequence")
    return (low is None or low <= sequence) and (high is None or sequence <= high)


def precedence(entry: Stated) -> tuple[bool, bool, int]:
    """Sorts entries that hold at one place: narrowest scope first, then newest first."""
    content = entry.content
    return content.get("sessionId") is None, content.get("scriptId") is None, -entry.id


class Timeline(Generic[S]):
    """Entries with ranges, in the order given, for asking about many numbers.

    Between two ends of ranges the answer stays the same, so each such stretch is worked out once.
    """

    def __init__(self, entries: Iterable[S]) -> None:
        self._entries = list(entries)
        ends = {e.content.get("fromSequence") for e in self._entries}
        ends |= {
            None if (to := e.content.get("toSequence")) is None else to + 1 for e in self._entries
        }
        self._ends: list[int] = sorted(end for end in ends if end is not None)
        self._known: dict[int, tuple[S, ...]] = {}

    def at(self, sequence: int) -> tuple[S, ...]:
        """Those that cover the number."""
        stretch = bisect_right(self._ends, sequence)
        if stretch not in self._known:
            found = tuple(e for e in self._entries if covers(e.content, sequence))
            self._known[stretch] = found
        return self._known[stretch]


class Circumstances(Generic[S]):
    """What holds in one script, and in one session when one is asked for."""

    def __init__(
        self,
        contexts: Iterable[S],
        states: Iterable[S],
        *,
        script_id: int | None,
        session_id: int | None = None,
    ) -> None:
        def here(entries: Iterable[S]) -> list[S]:
            found = (e for e in entries if holds_in(e.content, script_id, session_id))
            return sorted(found, key=precedence)

        by_character: dict[int, list[S]] = {}
        for context in here(contexts):
            by_character.setdefault(context.content["characterId"], []).append(context)
        self._contexts = {c: Timeline(entries) for c, entries in by_character.items()}
        self._states = Timeline(sorted(here(states), key=lambda s: s.content["kind"]))

    def context_at(self, character_id: int | None, sequence: int) -> S | None:
        """The character's context at a number, if it has one there."""
        if character_id not in self._contexts:
            return None
        found = self._contexts[character_id].at(sequence)
        return found[0] if found else None

    def world_states_at(self, sequence: int) -> tuple[S, ...]:
        """All world states at a number, by kind; those of one kind in their precedence."""
        return self._states.at(sequence)


def context_at(
    contexts: Sequence[S],
    character_id: int | None,
    sequence: int,
    *,
    script_id: int | None = None,
    session_id: int | None = None,
) -> S | None:
    """`Circumstances.context_at` for one question."""
    asked = Circumstances(contexts, (), script_id=script_id, session_id=session_id)
    return asked.context_at(character_id, sequence)


def world_states_at(
    states: Sequence[S],
    sequence: int,
    *,
    script_id: int | None = None,
    session_id: int | None = None,
) -> tuple[S, ...]:
    """`Circumstances.world_states_at` for one question."""
    asked = Circumstances((), states, script_id=script_id, session_id=session_id)
    return asked.world_states_at(sequence)


@dataclass(frozen=True)
class Effective:
    """Data as it holds for a character in a session; `source` says of each key whose it is."""

    data: dict[str, Any]
    source: dict[str, Source]


def facts(session: Content) -> dict[str, Any]:
    """What a session states by key: the objects of its context, a later one over an earlier one,
    and its data over them all."""
    context = session.get("context")
    stated: dict[str, Any] = {}
    for entry in context if isinstance(context, list) else [context]:
        if isinstance(entry, Mapping):
            stated |= entry
    return stated | (session.get("data") or {})


def effective(context: Content | None, session: Content | None) -> Effective:
    """The session's facts over the data of a character's context, whole values key by key."""
    own: Content = (context or {}).get("data") or {}
    over = facts(session) if session else {}
    source: dict[str, Source] = dict.fromkeys(own, "context")
    return Effective({**own, **over}, source | dict.fromkeys(over, "session"))

"""Whole stories that were put together before and are still true.

A kept story is given out only after the store has said that nothing it was made from has changed
since: the order is the very same write, and the records of the script (with those that hold
everywhere) are as many, of as many versions, with the same newest change. Every change adds a
record or a version, so it shows in these three; a process whose clock lags cannot hide one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from story_services.common.queries import either, every, term, terms
from story_services.common.store.client import Store
from story_services.story_factory.reading import Ground

#: Bytes of all kept stories together; a whole play takes about 1.3 MB.
_SPACE = 12 * 1024 * 1024


class Signature(NamedTuple):
    """What a whole story was made from."""

    script: int
    session: tuple[int, int] | None
    order: tuple[int, int] | None
    records: int
    versions: int
    newest: int


class KeptStories:
    """Stories by script and session, the most recently read ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bodies: OrderedDict[tuple[int, int | None], tuple[Signature, bytes]] = OrderedDict()

    async def signature(self, ground: Ground) -> Signature:
        """What the story is made from now."""
        everywhere = every(
            [terms("kind", ("context", "worldState"))], without=[{"exists": {"field": "scope"}}]
        )
        body = {
            "size": 0,
            "query": every([either(term("scope", ground.script.id), everywhere)]),
            "aggs": {
                "versions": {"sum": {"field": "version"}},
                "newest": {"max": {"field": "changeId"}},
            },
        }
        found = await self._store.search("log", body)
        token = ground.state.token
        session = ground.session
        return Signature(
            ground.script.id,
            (session.id, session.revision) if session else None,
            (token.seq_no, token.primary_term) if token else None,
            found.total,
            int(found.aggregations["versions"]["value"]),
            int(found.aggregations["newest"]["value"] or 0),
        )

    def get(self, signature: Signature) -> bytes | None:
        """The story's body, if one is kept that was made from the same."""
        key = _key(signature)
        kept = self._bodies.get(key)
        if kept is None or kept[0] != signature:
            return None
        self._bodies.move_to_end(key)
        return kept[1]

    def put(self, signature: Signature, body: bytes) -> None:
        """Keep a body whose signature was taken before it was read."""
        key = _key(signature)
        self._bodies.pop(key, None)
        self._bodies[key] = signature, body
        while sum(len(kept) for _, kept in self._bodies.values()) > _SPACE:
            self._bodies.popitem(last=False)


def _key(signature: Signature) -> tuple[int, int | None]:
    return signature.script, signature.session[0] if signature.session else None

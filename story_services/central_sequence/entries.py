"""Numbers that were asked for before the entity was there.

The first clients of this contract number an id and create the entity afterwards. Such an id gets
an entry of its own that remembers its script and carries versions of whatever data comes with it.
Once an entity of that kind and id exists, the entry is of no more interest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from story_services.common import kinds
from story_services.common.clock import Clock
from story_services.common.kinds import SpaceId
from story_services.common.records import Record, Why, first, from_document
from story_services.common.store.client import Store
from story_services.common.store.past import Copy, keep

INDEX = "numbering"


class Entries:
    """The entries, kept as records in an index of their own."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def get_many(self, refs: Iterable[str]) -> dict[str, Record]:
        """Entries by reference, `action-12`; missing ones are left out."""
        wanted = list(dict.fromkeys(refs))
        found = await self.store.mget(INDEX, wanted) if wanted else {}
        return {ref: from_document(document) for ref, document in found.items()}

    async def create(self, news: Sequence[tuple[str, int, int | None, Why]]) -> dict[str, Record]:
        """Entries for (kind, id, script); those that another call made first are read back."""
        change = self.clock.change_id()
        records = {
            kinds.key(kind, number): first(
                kind,
                number,
                {"elementType": kind, "elementId": number, "scriptId": script, "data": {}},
                () if script is None else (script,),
                change,
                replace(why, nonce=f"{why.nonce}.{kind}.{number}"),
            )
            for kind, number, script, why in news
        }
        tokens = await self.store.bulk_create(INDEX, {k: r.document() for k, r in records.items()})
        made = {k: replace(r, token=tokens[k]) for k, r in records.items() if tokens[k]}
        return made | await self.get_many(k for k in records if k not in made)

    async def follow(self, before: Record, content: dict[str, object], why: Why) -> Record:
        """The next version of an entry. StoreConflict when another write came first."""
        assert before.token is not None
        key = _version_key(before, before.version)
        await keep(self.store, [Copy(key, before.document(), INDEX, before.key, before.nonce)])
        script = content["scriptId"]
        after = before.following(
            self.clock.change_id(before.change_id),
            why,
            content=content,
            scope=(script,) if isinstance(script, int) else (),
        )
        after = replace(after, nonce=f"{why.nonce}.{after.version}")
        token = await self.store.put(INDEX, after.key, after.document(), before.token)
        return replace(after, token=token)

    async def versions(self, current: Record) -> list[Record]:
        """All versions of an entry, oldest first."""
        older = [_version_key(current, n) for n in range(1, current.version)]
        found = await self.store.mget("version", older) if older else {}
        return [*(from_document(found[k]) for k in older if k in found), current]


def space_of(entry: Record) -> SpaceId:
    """Where an entry's number comes from."""
    script = entry.content["scriptId"]
    return kinds.script_spaces(entry.kind, () if script is None else (script,))[0]


def _version_key(entry: Record, number: int) -> str:
    return f"numbering-{entry.key}-{number}"

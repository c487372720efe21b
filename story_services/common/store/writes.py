"""Writes to the store, repeated until they have an outcome or their time is up.

When it is unknown what became of a conditional write, it is sent again. If a document is then in
the way, it is looked up: the same nonce means that it is ours. As it may have been read from the
node's memory before it reached the disk, it is written once more in its own place; only the
answer to that acknowledges it. The HTTP client below and the node's replication repeat requests
on their own, so every conflict is looked into, the first one too. What cannot be seen is whether
ours was there before the one that is there now: a write that lost may have been overtaken, and
who must know looks into what it keeps of the past.

A conditional write goes to the very index its token is from, because in the one that a migration
put in its place another write may have the same number. There, and wherever else only the number
has changed, the document is known by the nonce of the token, and the write goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import orjson

from story_services.common.store.bulk import Action, bodies, is_small, results
from story_services.common.store.documents import (
    Document,
    StoreConflict,
    Token,
    same_write,
    token_of,
)
from story_services.common.store.outcomes import Failure, Kind, Patience
from story_services.common.store.requests import Reads, quoted

#: Without it a write to a missing alias would make an index of that name.
_TO_ALIAS = {"require_alias": "true"}
#: What a conditional write meets when its index was replaced.
_PERHAPS_MOVED = {Kind.HELD, Kind.NOT_READY}
_UNCONFIRMED = Failure(Kind.LOST, "the change could not be confirmed")


class Writes:
    """Indices are full names of aliases. Raises Unavailable, StoreConflict, StoreDefect."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def one(self, index: str, action: Action) -> Token:
        """One write; StoreConflict when a different one holds the document."""
        assert action.source is not None
        body = orjson.dumps(action.source)
        patience = self._reads.patience()
        while True:
            verb = "_create" if action.verb == "create" else "_doc"
            path = f"/{_target(index, action)}/{verb}/{quoted(action.id)}"
            try:
                answer = await self._reads.send(
                    "PUT", path, body, patience.limit(), _arguments(action)
                )
                return token_of(answer, action.source)
            except Failure as failure:
                if _is_in_question(action, failure):
                    found = await self._reads.get(index, action.id, patience)
                    if failure.kind is Kind.CONFLICT or _has_moved(action, found):
                        again = _again(action, found)
                        if again is None:
                            raise StoreConflict(action.id, found) from None
                        action, failure = again, _UNCONFIRMED
                await patience.after(failure)

    async def many(self, index: str, actions: Iterable[Action]) -> dict[str, Token | None]:
        """Many writes, each under another id; None for those that another write holds."""
        left = {action.id: action for action in actions}
        done: dict[str, Token | None] = {}
        patience: Patience | None = None
        while left:
            requests = [
                (target, body)
                for target, group in _by_target(index, left.values()).items()
                for body in bodies(group)
            ]
            if patience is None:
                small = is_small([body for _, body in requests], len(left))
                patience = self._reads.patience(large=not small)
            asked: list[tuple[str, Failure]] = []
            failed: Failure | None = None
            try:
                for target, body in requests:
                    arguments = _TO_ALIAS if target == index else {}
                    answer = await self._reads.send(
                        "POST", f"/{target}/_bulk", body, patience.limit(), arguments
                    )
                    for id, result in results(answer):
                        if not isinstance(result, Failure):
                            done[id] = token_of(result, left.pop(id).source)
                            patience.worked()
                        elif _is_in_question(left[id], result):
                            asked.append((id, result))
                        else:
                            failed = _worse(failed, result)
            except Failure as failure:
                failed = _worse(failed, failure)
            if asked:
                failed = _worse(failed, await self._settle(index, left, done, asked, patience))
            if left:
                await patience.after(failed or _UNCONFIRMED)
        return done

    async def _settle(
        self,
        index: str,
        left: dict[str, Action],
        done: dict[str, Token | None],
        asked: list[tuple[str, Failure]],
        patience: Patience,
    ) -> Failure | None:
        """Decide about writes in question: lost ones are done with, others go on as they then
        must be said. Returns a failure that none of that explains."""
        unexplained: Failure | None = None
        found = await self._reads.mget(index, [id for id, _ in asked], patience)
        for id, failure in asked:
            if failure.kind is Kind.CONFLICT or _has_moved(left[id], found.get(id)):
                again = _again(left.pop(id), found.get(id))
                if again is None:
                    done[id] = None
                else:
                    left[id] = again
            else:
                unexplained = _worse(unexplained, failure)
        return unexplained


def _target(index: str, action: Action) -> str:
    return action.token.within if action.token and action.token.within else index


def _by_target(index: str, actions: Iterable[Action]) -> dict[str, list[Action]]:
    groups: dict[str, list[Action]] = {}
    for action in actions:
        groups.setdefault(_target(index, action), []).append(action)
    return groups


def _arguments(action: Action) -> dict[str, str]:
    if action.token is None:
        return _TO_ALIAS
    condition = {
        "if_seq_no": str(action.token.seq_no),
        "if_primary_term": str(action.token.primary_term),
    }
    return condition if action.token.within else condition | _TO_ALIAS


def _is_in_question(action: Action, failure: Failure) -> bool:
    """Whether only a look at the document can tell what has become of the write."""
    if failure.kind is Kind.CONFLICT:
        return True
    return failure.kind in _PERHAPS_MOVED and bool(action.token and action.token.within)


def _has_moved(action: Action, found: Document | None) -> bool:
    if found is None or found.token is None or action.token is None:
        return True
    return found.token.within != action.token.within


def _again(action: Action, found: Document | None) -> Action | None:
    """How to say the write now that this is found in its place; None when it has lost."""
    if found is None:
        return action if action.verb == "create" else None  # deleted meanwhile
    if action.source is not None and same_write(action.source, found.source):
        return replace(action, verb="index", token=found.token)
    nonce = action.token.nonce if action.token else None
    if nonce is not None and nonce == found.source.get("nonce"):
        return replace(action, token=found.token)
    return None


def _worse(one: Failure | None, other: Failure | None) -> Failure | None:
    """Of two failures the one that decides: a lasting one, else the first."""
    if one is None or (other is not None and one.passing and not other.passing):
        return other
    return one

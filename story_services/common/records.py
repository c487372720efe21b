"""What is stored of an entity: its content, its version, and who changed it when and why. Pure.

The record's document *is* the current version. Before the next one is written, the current one
is kept under `<kind>-<id>-<version>`; both are functions of the same document, so repeating
either write is harmless and no crash can tear history apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import orjson

from story_services.common.clock import instant
from story_services.common.kinds import key
from story_services.common.store.documents import Document, Token


@dataclass(frozen=True)
class Why:
    """Who asks for a change, and the reason given. `nonce` names the request, so that what it
    wrote can be found again; `keyed` says that it may be repeated under its nonce, `resumed` that
    an earlier try of it may have written. Several writes with one `change_id` are one change, to
    be taken back as one."""

    actor: str = "anonymous"
    comment: str | None = None
    nonce: str = field(default_factory=lambda: uuid4().hex)
    resumed: bool = False
    reverts: int | None = None
    action: str | None = None
    change_id: int | None = None
    keyed: bool = False


@dataclass(frozen=True)
class Record:
    """One version of one entity. `change_id` orders changes; `token` is for compare-and-set.

    `scope` names the scripts in whose change log it appears: those that it belongs to, and as
    its negative each one that it left with this version."""

    kind: str
    id: int
    version: int
    deleted: bool
    scope: tuple[int, ...]
    created_at: str
    action: str
    actor: str
    comment: str | None
    change_id: int
    reverts: int | None
    nonce: str
    content: Mapping[str, Any]
    token: Token | None = None

    @property
    def key(self) -> str:
        return key(self.kind, self.id)

    @property
    def updated_at(self) -> str:
        return instant(self.change_id)

    @property
    def version_key(self) -> str:
        return f"{self.key}-{self.version}"

    def is_by(self, nonce: str) -> bool:
        """Whether the request of this nonce wrote it."""
        return self.nonce.startswith(f"{nonce}.")

    @property
    def is_cleared(self) -> bool:
        """Whether it was cleared away: its creation was never finished, nobody was told of it."""
        return self.is_by(CLEARED)

    def document(self) -> dict[str, Any]:
        """The stored form."""
        return {
            "kind": self.kind,
            "id": self.id,
            "version": self.version,
            "deleted": self.deleted,
            "scope": list(self.scope),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "action": self.action,
            "actor": self.actor,
            "comment": self.comment,
            "changeId": self.change_id,
            "reverts": self.reverts,
            "nonce": self.nonce,
            "content": dict(self.content),
        }

    def following(
        self,
        change_id: int,
        why: Why,
        *,
        action: str = "update",
        content: Mapping[str, Any] | None = None,
        scope: tuple[int, ...] | None = None,
        deleted: bool = False,
    ) -> Record:
        """The next version."""
        return replace(
            self,
            version=self.version + 1,
            deleted=deleted,
            scope=self.scope if scope is None else scope,
            action=why.action or action,
            actor=why.actor,
            comment=why.comment,
            change_id=change_id,
            reverts=why.reverts,
            nonce=why.nonce,
            content=self.content if content is None else content,
        )


#: The nonce of what housekeeping clears away: no request's, as those are random.
CLEARED = "housekeeping"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. For Python `True == 1 == 1.0`; for a story they differ."""
    return bool(one == other) and _canonical(one) == _canonical(other)


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def first(
    kind: str,
    entity_id: int,
    content: Mapping[str, Any],
    scope: tuple[int, ...],
    change_id: int,
    why: Why,
) -> Record:
    """Version 1 of an entity."""
    return Record(
        kind=kind,
        id=entity_id,
        version=1,
        deleted=False,
        scope=scope,
        created_at=instant(change_id),
        action=why.action or "create",
        actor=why.actor,
        comment=why.comment,
        change_id=change_id,
        reverts=why.reverts,
        nonce=why.nonce,
        content=content,
    )


def from_document(document: Document) -> Record:
    """Read the stored form; for snapshots the token is that of the snapshot and of no use."""
    source = document.source
    return Record(
        kind=source["kind"],
        id=source["id"],
        version=source["version"],
        deleted=source["deleted"],
        scope=tuple(source.get("scope") or ()),
        created_at=source["createdAt"],
        action=source["action"],
        actor=source["actor"],
        comment=source.get("comment"),
        change_id=source["changeId"],
        reverts=source.get("reverts"),
        nonce=source["nonce"],
        content=source.get("content") or {},
        token=document.token,
    )

"""What the store holds and gives back: documents, their tokens, search results. Pure data.

A token names the very write that a document comes from, so that the next one can be conditional
on it. `same_write` tells whether a document found in the store is the one that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Token(NamedTuple):
    """For compare-and-set: names one write. `within` is the index behind the alias, as numbers
    mean nothing in another one; by the nonce the same content is known again there."""

    seq_no: int
    primary_term: int
    within: str = ""
    nonce: str | None = None


class Document(NamedTuple):
    """A stored document. `token` is None where the answer did not say it (searches)."""

    id: str
    source: dict[str, Any]
    token: Token | None = None
    sort: tuple[Any, ...] = ()
    highlight: Mapping[str, list[str]] | None = None
    score: float | None = None


@dataclass(frozen=True)
class SearchResult:
    """One page of a search; `total` counts all that match, exactly."""

    hits: list[Document]
    total: int
    aggregations: dict[str, Any]


class StoreConflict(Exception):
    """Another write holds the document. `current` is what was found instead, if anything.

    Not a ServiceError: whoever asked for the write knows what to do about it.
    """

    def __init__(self, document_id: str, current: Document | None = None) -> None:
        super().__init__(f"another write holds {document_id}")
        self.id = document_id
        self.current = current


class StoreDefect(Exception):
    """The store refused a request as malformed: a mistake of ours, never the caller's."""


def same_write(sent: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether `found` is what was sent: by the nonce, which every write has of its own, else by
    the whole content."""
    nonce = sent.get("nonce")
    return bool(nonce == found.get("nonce")) if nonce is not None else sent == found


def token_of(answer: Mapping[str, Any], source: Mapping[str, Any] | None) -> Token:
    """The token in any answer that names one document, whose content is `source`."""
    nonce = source.get("nonce") if source else None
    return Token(answer["_seq_no"], answer["_primary_term"], answer["_index"], nonce)


def read(answer: Mapping[str, Any]) -> Document:
    """A document as `_doc`, `_mget` or a hit of `_search` gives it."""
    source = answer.get("_source") or {}
    return Document(
        answer["_id"],
        source,
        token_of(answer, source) if "_seq_no" in answer else None,
        tuple(answer.get("sort", ())),
        answer.get("highlight"),
        answer.get("_score"),
    )


def read_search(answer: Mapping[str, Any]) -> SearchResult:
    """The answer of `_search`."""
    hits = answer["hits"]
    total = hits.get("total")
    return SearchResult(
        [read(hit) for hit in hits["hits"]],
        total["value"] if total else -1,
        answer.get("aggregations", {}),
    )

"""Clauses of the query language, built from values only. Pure data.

Whatever a caller typed ends up as a value of a fixed clause, never as a part of the language: no
query strings, wildcards, patterns or scripts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Clause = dict[str, Any]


def term(field: str, value: str | int | bool) -> Clause:
    """The field holds exactly this value."""
    return {"term": {field: value}}


def terms(field: str, values: Iterable[Any]) -> Clause:
    """The field holds one of the values."""
    return {"terms": {field: list(values)}}


def text(field: str, words: str) -> Clause:
    """All the words occur in a text field, in any order and any spelling it knows."""
    return {"match": {field: {"query": words, "operator": "and"}}}


def phrase(field: str, words: str) -> Clause:
    """The words occur one after the other."""
    return {"match_phrase": {field: {"query": words}}}


def between(field: str, low: int | None, high: int | None) -> Clause:
    """A number within bounds that are part of it; None is open."""
    bounds = {name: bound for name, bound in (("gte", low), ("lte", high)) if bound is not None}
    return {"range": {field: bounds}}


def missing(field: str) -> Clause:
    """The field has no value."""
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def either(*clauses: Clause) -> Clause:
    """At least one of the clauses."""
    return {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def every(clauses: Iterable[Clause], *, without: Iterable[Clause] = ()) -> Clause:
    """All of the clauses and none of the others, without a score."""
    return {"bool": {"filter": list(clauses), "must_not": list(without)}}


def live(kinds: Iterable[str]) -> list[Clause]:
    """Records of these kinds that are not deleted."""
    return [terms("kind", kinds), term("deleted", False)]

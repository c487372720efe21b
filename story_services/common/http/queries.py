"""Query strings, read strictly: every parameter is one that the operation has, and given once.

A misspelt filter that is ignored would show a caller everything and call it the answer. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from pydantic_core import PydanticCustomError

from story_services.common.errors import BadInput
from story_services.common.http.types import check_text

_PARAMETERS = 200  # more than any operation has, lists included


@dataclass(frozen=True)
class QueryRules:
    """The parameters of one operation; `many` are those that may be repeated."""

    names: frozenset[str]
    many: frozenset[str] = frozenset()

    def check(self, raw: bytes) -> None:
        """BadInput if the query string holds anything else."""
        parts = raw.split(b"&")
        if len(parts) > _PARAMETERS:
            raise _bad(f"more than {_PARAMETERS} query parameters")
        seen: set[str] = set()
        for part in parts:
            if not part:
                continue
            name, _, value = part.partition(b"=")
            key = _text(name)
            if key not in self.names:
                raise _bad(f"query {key[:100]} is not a parameter of this operation{self._known()}")
            if key in seen and key not in self.many:
                raise _bad(f"query {key} is given more than once")
            seen.add(key)
            try:
                check_text(_text(value))
            except PydanticCustomError as error:
                raise _bad(f"query {key} {error.message()}") from None

    def _known(self) -> str:
        return f" (there are: {', '.join(sorted(self.names))})" if self.names else ""


def _text(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise _bad("the query is not valid UTF-8") from None


def _bad(problem: str) -> BadInput:
    return BadInput("The request is not valid.", problem)


def rules(parameters: Iterable[tuple[str, bool]]) -> QueryRules:
    """Rules from (name, may be repeated)."""
    known = list(parameters)
    return QueryRules(
        frozenset(name for name, _ in known), frozenset(name for name, many in known if many)
    )

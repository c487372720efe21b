"""What the texts of a play may hold: the rules of the services, so that every play can be stored.

Nothing is trimmed or normalised; a text is kept as it is or refused with a CorpusError that names
the place. Lengths are in characters (Unicode code points), as in the contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic_core import PydanticCustomError

from story_services.common.http.types import check_name, check_text
from story_services.corpora.errors import CorpusError

TITLE = 200  #: of a play, a section; also an author
NAME = 100
DESCRIPTION = 2000  #: of somebody in the cast
SUMMARY = 10_000  #: of a play
TEXT = 10_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def source(content: str) -> str:
    """A whole file's text with `\\n` at line ends; refuses control characters by their line."""
    content = content.removeprefix("\ufeff").replace("\r\n", "\n")
    if found := _CONTROL.search(content):
        place = f"line {content.count(chr(10), 0, found.start()) + 1}"
        code = f"U+{ord(found.group()):04X}"
        raise CorpusError(f"must not contain the control character {code}", place)
    return content


def name(value: str, limit: int, place: str) -> str:
    """One line that shows something, of at most `limit` characters."""
    return _kept(value, check_name, 1, limit, place)


def text(value: str, limit: int, place: str, least: int = 0) -> str:
    """Any text of `least` to `limit` characters; newline and tab are its only controls."""
    return _kept(value, check_text, least, limit, place)


def _kept(value: str, check: Callable[[str], str], least: int, limit: int, place: str) -> str:
    if len(value) < least:
        raise CorpusError("must not be empty", place)
    if len(value) > limit:
        raise CorpusError(
            f"must have at most {limit:,} characters, has {len(value):,}: {value[:40]!r}...", place
        )
    try:
        return check(value)
    except PydanticCustomError as error:
        raise CorpusError(error.message(), place) from None

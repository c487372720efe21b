"""What a stage direction does: who enters, who leaves, and whose it is. Pure.

Reads the usual words of printed plays ("Enter", "Re-enter", "Exit", "Exeunt all but ..."). It
names nobody by guess: a direction that it cannot place belongs to no role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set

from story_services.corpora.model import Role
from story_services.corpora.names import NameBook

_VERB = re.compile(r"\b(re-?enters?|enters?|exits?|exeunt)\b", re.IGNORECASE)
_END = re.compile(r"\.(?:\s|$)")  # lists of names go on after commas and semicolons
_BUT = re.compile(r"\b(?:but|except|excepting|save)\b", re.IGNORECASE)
_LONE_EXIT = re.compile(r"\W*[Ee]xit(?:,[^A-Z]*|\W*)")  # names nobody: "Exit", "Exit, running"
#: What may stand before the name of the one who acts: "Enter to him, above, the".
_LEAD = re.compile(
    r"(?:(?:re-?)?enters?|exits?)?(?: to (?:him|her|them))?"
    r"(?:,? (?:above|below|within|again|also|then|aloft))*,? ?(?:the|an?|another)? ?",
    re.IGNORECASE,
)
_MORE = re.compile(r"\W*(?:and|with)\b|.*, and\b|.*; [A-Z]")  # others act as well


def entrances(text: str, cast: Sequence[Role] | NameBook) -> tuple[int, ...]:
    """The roles that a direction brings on the stage, in its order."""
    book = _book(cast)
    found: list[int] = []
    for verb, names in _clauses(text):
        if "ent" in verb and verb != "exeunt":
            found += [mention.role for mention in book.find(names)]
    return tuple(dict.fromkeys(found))


def exits(
    text: str,
    cast: Sequence[Role] | NameBook,
    on_stage: Set[int] = frozenset(),
    speaker: int | None = None,
) -> tuple[int, ...]:
    """The roles that a direction takes off the stage.

    "Exit" alone is the speaker's; "Exeunt" without names, "all but ..." and "all except ..." are
    about those on the stage.
    """
    book = _book(cast)
    found = [speaker] if speaker is not None and _LONE_EXIT.fullmatch(text) else []
    for verb, names in _clauses(text):
        if verb not in ("exit", "exits", "exeunt"):
            continue
        leaving, *kept = _BUT.split(names, maxsplit=1)
        named = [mention.role for mention in book.find(leaving)]
        stay = {mention.role for part in kept for mention in book.find(part)}
        if verb != "exeunt":
            found += named
        elif kept or not named:
            found += sorted(set(on_stage) - stay)
        else:
            found += named
    return tuple(dict.fromkeys(found))


def role_of(text: str, cast: Sequence[Role] | NameBook, speaker: int | None = None) -> int | None:
    """The one role that a direction is about, or None.

    The role must be the only one named and be the one who acts ("Exit Ghost", "HAMLET leaps"),
    not the one something is done to ("Pointing to POLONIUS"). "Exit" alone is the speaker's.
    """
    mentions = _book(cast).find(text)
    if not mentions:
        return speaker if _LONE_EXIT.fullmatch(text) else None
    if len({mention.role for mention in mentions}) > 1 or len(list(_clauses(text))) > 1:
        return None
    name = mentions[0]
    lead = re.split(r"[.;]\s", text[: name.start])[-1]
    alone = _LEAD.fullmatch(lead) and not _MORE.match(text, name.end)
    return name.role if alone else None


def _book(cast: Sequence[Role] | NameBook) -> NameBook:
    return cast if isinstance(cast, NameBook) else NameBook(cast)


def _clauses(text: str) -> Iterator[tuple[str, str]]:
    """(verb, the words it governs) of every entrance and exit."""
    verbs = list(_VERB.finditer(text))
    ends = [verb.start() for verb in verbs[1:]] + [len(text)]
    for verb, end in zip(verbs, ends, strict=False):
        words = text[verb.end() : end]
        yield verb[1].lower(), _END.split(words, maxsplit=1)[0]

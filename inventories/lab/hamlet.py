"""What Hamlet must be once the story services have it, told from what they answer. Pure.

Guarantees: the figures are those of the play itself, counted by hand of another reader, and not
of the import that is being judged; every failure is a LabError that names both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from inventories.lab.errors import LabError
from story_services.corpora import Play
from story_services.corpora.model import Section

Json = Mapping[str, Any]

NAME = "hamlet"
COUNTS = {"scenes": 20, "speeches": 1138, "spoken lines": 4004, "stage directions": 243}
WORD = "poisoned"  # the play never spells it like that
SPELLED = re.compile(r"\bpoison(?:e|')d\b", re.IGNORECASE)
BELL = "A bell strikes one."  # no direction of the play
BEGINNING = 14  # elements of the first scene that are shown


def counts(story: Json) -> dict[str, int]:
    """How much of everything a story that was put together has, each element once."""
    elements = {(e["elementType"], e["elementId"]): e for e in story["story"]}
    spoken = [e["spokenWord"] for (kind, _), e in elements.items() if kind == "spokenWord"]
    return {
        "scenes": sum(Section(s["title"]).kind == "scene" for s in story["sections"]),
        "speeches": len({words["speechId"] for words in spoken}),
        "spoken lines": len(spoken),
        "stage directions": sum(kind == "action" for kind, _ in elements),
    }


def checked(story: Json) -> str:
    """The counts in words; LabError when they, or the order, are not those of the play."""
    found = counts(story)
    if found != COUNTS:
        raise LabError(f"the services have {words(found)}; Hamlet has {words(COUNTS)}")
    numbers = [element["sequence"] for element in story["story"]]
    if len(numbers) != sum(COUNTS[what] for what in ("spoken lines", "stage directions")):
        raise LabError(f"the services tell {len(numbers):,} elements: some twice, or not of it")
    if any(one >= following for one, following in pairwise(numbers)):
        raise LabError("the numbers of the elements do not ascend")
    return words(found)


def words(found: Mapping[str, int]) -> str:
    """Counts as a person reads them."""
    return ", ".join(f"{number:,} {what}" for what, number in found.items())


def places(sections: Iterable[Json]) -> dict[int, str]:
    """Section ids to titles; a scene says its act too, since every act has a SCENE I."""
    titles, act = {}, ""
    for section in sections:
        title = section["title"]
        if Section(title).kind == "act":
            titles[section["headingId"]] = act = title
        else:
            titles[section["headingId"]] = f"{act}, {title}" if act else title
    return titles


def checked_hits(found: Sequence[Json], play: Play) -> None:
    """LabError unless the search gave all that the play has, and only that, in its order."""
    told = [(e.get("spokenWord") or {}).get("text") for e in found]
    wanted = [e.text for e in play.elements if e.kind == "spokenWord" and SPELLED.search(e.text)]
    if told != wanted:
        raise LabError(f"the search for {WORD!r} gave {told}, the play says {wanted}")

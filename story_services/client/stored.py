"""What a script holds, read back through the API as a play and the ids behind it.

Reads that do not fit together, because somebody writes in between, are repeated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from story_services.client.api import Api
from story_services.client.errors import ClientError
from story_services.client.wanted import Had
from story_services.corpora.errors import CorpusError
from story_services.corpora.json_format import read_json
from story_services.corpora.model import Play

_READS = 10
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Stored:
    """A script as it is: its play, and the ids of sections and cast in the play's order.

    The play's cast may be longer than `had.cast`: others may speak who are not in the cast.
    """

    script_id: int
    play: Play
    had: Had


def read(api: Api, script_id: int) -> Stored:
    """The script; Refused (404) without it."""
    for _ in range(_READS):
        script = api.get(f"/scripts/{script_id}").value
        cast = api.get(f"/characters/scripts/{script_id}").value
        play = exported(api, script_id)
        sections = tuple(section["headingId"] for section in script["sections"])
        people = tuple(character["characterId"] for character in cast)
        known = [character["name"] for character in cast]
        if len(sections) == len(play.sections) and known == [
            role.name for role in play.cast[: len(known)]
        ]:
            return Stored(script_id, play, Had(sections, people, len(play.elements)))
        time.sleep(_PAUSE_S)
    raise ClientError(
        f"Script {script_id} at {api.url} is being changed all the time.",
        "wait until nobody works on it, then run this again",
    )


def exported(api: Api, script_id: int) -> Play:
    """The play of a script."""
    text = api.export(script_id, "json").decode()
    try:
        return read_json(text)
    except CorpusError as error:
        raise ClientError(
            f"What {api.url} exports of script {script_id} is no play that this program reads: "
            f"{error}",
            "use a command line and services of the same version",
        ) from None

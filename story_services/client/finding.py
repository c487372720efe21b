"""Which script a play belongs into: one that was begun, one that is whole, or none yet.

Never guesses: a script that is something else than a beginning of the play is not touched.
"""

from __future__ import annotations

from story_services.client.api import Api
from story_services.client.compare import difference
from story_services.client.errors import ClientError, Refused
from story_services.client.stored import Stored, read
from story_services.client.wanted import SECTIONS
from story_services.corpora.model import Play


def begun(api: Api, play: Play) -> Stored | None:
    """The script to go on with, the whole one if there is one; None when there is none.

    ClientError when there are scripts of that name, and all of them are something else.
    """
    partial: Stored | None = None
    refusal: ClientError | None = None
    for script_id in _of_same_name(api, play):
        try:
            stored = read(api, script_id)
        except Refused as gone:
            if gone.status == 404:  # deleted meanwhile
                continue
            raise
        if reason := _something_else(stored, play):
            refusal = refusal or _refuse(api, script_id, play, reason)
        elif stored.had.is_whole(play):
            return stored
        else:
            partial = partial or stored
    if partial is None and refusal is not None:
        raise refusal
    return partial


def given(api: Api, script_id: int, play: Play) -> Stored:
    """The script that was asked for; ClientError unless it is a beginning of the play."""
    stored = read(api, script_id)
    if differs := _difference(stored, play):
        raise ClientError(
            f"Script {script_id} at {api.url} is no beginning of this {play.title}. {differs}.",
            "'--as-new' instead of '--script' imports it as a script of its own",
        )
    return stored


def _of_same_name(api: Api, play: Play) -> list[int]:
    # The services' filter reads words: a title without any is looked for in the whole list.
    has_words = any(letter.isascii() and letter.isalnum() for letter in play.title)
    found = api.get("/scripts", title=play.title if has_words else None).value
    return sorted(
        script["scriptId"]
        for script in found
        if script["title"] == play.title and (script["author"] or "") == play.author
    )


def _something_else(stored: Stored, play: Play) -> str:
    """Why a script found by its name is not this play, begun or whole; empty when it is."""
    if differs := _difference(stored, play):
        return differs
    if len(stored.had.sections) < min(len(play.sections), SECTIONS):
        # An import makes them together with the script: whoever made this one is to be asked.
        return f"It has {len(stored.had.sections)} of {len(play.sections)} sections"
    return ""


def _difference(stored: Stored, play: Play) -> str:
    if differs := difference(stored.play, play):
        return str(differs)
    if strangers := stored.play.cast[len(stored.had.cast) :]:
        return f"{strangers[0].name} has a part in it without being in its cast"
    return ""


def _refuse(api: Api, script_id: int, play: Play, reason: str) -> ClientError:
    return ClientError(
        f"{play.title} is at {api.url} as script {script_id} already, with other content. "
        f"{reason}.",
        f"'--as-new' imports this one as another script; '--script {script_id}' goes on with "
        "that one if it is only unfinished",
    )

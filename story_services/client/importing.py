"""Brings a play into the services: chunk by chunk, each once, whatever was cut off before.

Guarantees: what is stored is read back and must be a beginning of the play before anything is
added to it, and the whole play at the end. A kill at any point leaves a beginning that the next
run goes on with; a repeat of a finished import changes nothing. Two imports of one play at the
same time do not double it, since their requests have the same keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from story_services.client import finding, wanted
from story_services.client.api import Answer, Api
from story_services.client.errors import ClientError, Refused
from story_services.client.stored import Stored
from story_services.client.wanted import Had, Step
from story_services.corpora.model import Play

#: Tries of a request whose answer is known but whose effect was undone since.
_TRIES = 100


@dataclass(frozen=True)
class Imported:
    """What an import came to. `begun` says that the script was there before, `added` that
    anything was written."""

    script_id: int
    play: Play
    begun: bool
    added: bool


class Importer:
    """Imports plays through one Api. `found` hears of the script that something will be added
    to, `told` of how much of the play is there after every request."""

    def __init__(
        self,
        api: Api,
        found: Callable[[int, bool], None] = lambda _, __: None,
        told: Callable[[Had], None] = lambda _: None,
    ) -> None:
        self.api = api
        self._found, self._told = found, told

    def run(
        self, play: Play, *, comment: str, script_id: int | None = None, as_new: bool = False
    ) -> Imported:
        """Import the play: as a new script, into the given one, or wherever it was begun.

        ClientError when there is something else, or the services fail for too long.
        """
        play = wanted.storable(play)
        stored = self._begun(play, script_id, as_new)
        begun = stored is not None
        if stored is None:
            stored = self._create(play, comment, as_new)
        added = not stored.had.is_whole(play)
        if added:
            self._found(stored.script_id, begun)
            self._fill(play, stored)
        return Imported(stored.script_id, play, begun, added or not begun)

    def _begun(self, play: Play, script_id: int | None, as_new: bool) -> Stored | None:
        if script_id is not None:
            return finding.given(self.api, script_id, play)
        return None if as_new else finding.begun(self.api, play)

    def _create(self, play: Play, comment: str, as_new: bool) -> Stored:
        """A new script; `as_new` makes it another one than any other import makes."""
        body = wanted.script_body(play, comment)
        run = uuid4().hex if as_new else ""
        for number in range(_TRIES):
            key = wanted.key("/scripts", body, f"{run}{number}")
            answer = self._post("/scripts", body, key)
            if answer is None:
                continue
            script_id: int = answer.value["scriptId"]
            if answer.replayed:  # made by a run that was cut off, or deleted since
                try:
                    return finding.given(self.api, script_id, play)
                except Refused as gone:
                    if gone.status != 404:
                        raise
                    continue
            sections = tuple(section["headingId"] for section in answer.value["sections"])
            head = replace(play, cast=(), elements=(), sections=play.sections[: len(sections)])
            return Stored(script_id, head, Had(sections))
        raise ClientError(f"{self.api.url} does not make a script of {play.title}.")

    def _fill(self, play: Play, stored: Stored) -> None:
        """Add what is missing, then read all of it back."""
        script_id, had = stored.script_id, stored.had
        tries: Counter[str] = Counter()
        while (step := wanted.next_step(play, script_id, had)) is not None:
            self._told(had)
            answer = self._post(step.path, step.body, step.key(tries[step.key()]), step.after)
            if answer is None or answer.replayed:
                # Done before: by a run that was cut off, or so long ago that it was undone since.
                tries[step.key()] += 1
                if tries[step.key()] > _TRIES:
                    break
                had = finding.given(self.api, script_id, play).had
            else:
                had = _with(had, step, answer.value)
        self._told(had)
        if not (read_back := finding.given(self.api, script_id, play)).had.is_whole(play):
            raise ClientError(
                f"Script {script_id} at {self.api.url} lost a part of {play.title} while it was "
                f"imported: {len(read_back.play.elements)} of {len(play.elements)} elements are "
                "there.",
                "run this again once nobody else works on the script",
            )

    def _post(self, path: str, body: bytes, key: str, after: int = 0) -> Answer | None:
        """The answer; None when the request was refused to an earlier run under the same key,
        for a reason that may be gone."""
        try:
            return self.api.post(path, body, key)
        except Refused as refused:
            if refused.replayed:
                return None
            if refused.status == 400 and after:
                refused.what += f" In the play these are counted from {after + 1}."
            raise


def _with(had: Had, step: Step, answer: Any) -> Had:
    """What is there after a step that was just done."""
    if step.part == "sections":
        return replace(had, sections=(*had.sections, answer["headingId"]))
    if step.part == "cast":
        made = tuple(character["characterId"] for character in answer)
        return replace(had, cast=(*had.cast, *made))
    return replace(had, elements=had.elements + step.count)

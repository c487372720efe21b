"""Which wording is shown when a story is read paraphrased, and why. Pure.

A paraphrase made in a session is for that session: it is never shown in another one or in none.
Within the session the newest one for its present context comes first, then the newest one for an
older context; then the newest that is for no session at all. Without any the original stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from story_services.story_factory.parts import Item, Session


def choose(candidates: Sequence[Item], session: Session | None) -> tuple[Item, str] | None:
    """The paraphrase to show of these, given in their order, and the reason in a sentence."""
    of_session = [c for c in candidates if session and c.content.get("sessionId") == session.id]
    current = [
        c for c in of_session if session and c.content.get("contextRevision") == session.revision
    ]
    general = [c for c in candidates if c.content.get("sessionId") is None]
    if current and session:
        return current[-1], _reason(
            current, f"made for session {session.id} and its present context"
        )
    if of_session and session:
        revision = of_session[-1].content.get("contextRevision")
        return of_session[-1], _reason(
            of_session,
            f"made for session {session.id}, at revision {revision} of its context; "
            f"it is at {session.revision} now",
        )
    if general:
        return general[-1], _reason(general, "made for no session")
    return None


def _reason(equals: Sequence[Item], why: str) -> str:
    return why if len(equals) == 1 else f"the newest of {len(equals)} {why}"

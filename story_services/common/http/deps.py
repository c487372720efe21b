"""What a handler needs beyond its request: the process's context, and who asks and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from story_services.common.context import Context
from story_services.common.http import current
from story_services.common.records import Why


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


#: `context: Ctx` in a handler.
Ctx = Annotated[Context, Depends(_context)]


def why(comment: str | None = None) -> Why:
    """Who makes the running request, under which attempt, and the reason given."""
    attempt = current.current_attempt()
    if attempt is None:
        return Why(current.actor(), comment)
    return Why(current.actor(), comment, attempt.nonce, attempt.resumed, keyed=True)

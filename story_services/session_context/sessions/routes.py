"""The routes of sessions and their contexts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import Response

from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import (
    Comment,
    Limit,
    Offset,
    PathId,
    QueryId,
    QueryNumber,
    Text,
)
from story_services.session_context import views
from story_services.session_context.sessions.history import SessionHistory
from story_services.session_context.sessions.schemas import (
    ContextEntry,
    ContextMerge,
    ContextReplacement,
    Revision,
    Session,
    SessionChange,
    SessionContext,
    SessionCreate,
)
from story_services.session_context.sessions.service import Sessions
from story_services.session_context.states import States

router = service_router("/sessions", ["sessions"])

Words = Annotated[
    Annotated[str, Text(1000, 1)] | None,
    Field(description="Only with all these words.", examples=["ghost"]),
]


async def _sessions(request: Request, context: Ctx) -> Sessions:
    kept: Sessions | None = getattr(request.app.state, "sessions", None)
    if kept is None or kept.context is not context:
        kept = request.app.state.sessions = Sessions(context)
    return kept


Service = Annotated[Sessions, Depends(_sessions)]


def _reply(entity: Entity, status: int = 200) -> Response:
    return Reply(views.session(entity), status, version=entity.record.version)


async def _context_reply(entity: Entity, context: Ctx) -> Response:
    states = await States(context).of(entity.id, entity.content)
    shown = views.session_context(entity.record, states)
    return Reply(shown, version=entity.record.version)


@router.post(
    "",
    operation_id="createSession",
    summary="Create a session",
    description="The context may be a text, a list of entries or an object, and keeps its shape.",
    response_model=Session,
    status_code=201,
)
async def create_session(body: SessionCreate, sessions: Service) -> Response:
    return _reply(await sessions.create(body.stored(), why(body.comment)), 201)


@router.get(
    "",
    operation_id="listSessions",
    summary="List sessions",
    description="By id; those in whose context all the words occur and that have the values.",
    response_model=list[Session],
)
async def list_sessions(
    sessions: Service,
    context: Words = None,
    userId: QueryId | None = None,
    scriptId: QueryId | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    wanted = {"userId": userId, "scriptId": scriptId}
    found = await sessions.page(wanted, context, limit, offset)
    return page([views.session(entity) for entity in found.items], found.total)


@router.get(
    "/{sessionId}",
    operation_id="getSessionById",
    summary="Read a session",
    description="With its context and data as they are now.",
    response_model=Session,
)
async def get_session(sessionId: PathId, sessions: Service) -> Response:
    return _reply(await sessions.get(sessionId))


async def _change(
    session_id: int, body: SessionChange, seen: int | None, sessions: Sessions
) -> Response:
    expected = body.expected(seen)
    return _reply(await sessions.update(session_id, body.stored(), why(body.comment), expected))


_CHANGE = (
    "What is absent stays as it is, null clears a field; context and data are replaced whole. "
    "Each change is one revision; a stale ifRevision is a 409 that says who changed it and why."
)


@router.put(
    "/{sessionId}",
    operation_id="updateSession",
    summary="Change a session",
    description=_CHANGE,
    response_model=Session,
)
async def put_session(
    sessionId: PathId, body: SessionChange, seen: IfMatch, sessions: Service
) -> Response:
    return await _change(sessionId, body, seen, sessions)


@router.patch(
    "/{sessionId}",
    operation_id="patchSession",
    summary="Change a session",
    description=_CHANGE,
    response_model=Session,
)
async def patch_session(
    sessionId: PathId, body: SessionChange, seen: IfMatch, sessions: Service
) -> Response:
    return await _change(sessionId, body, seen, sessions)


@router.delete(
    "/{sessionId}",
    operation_id="deleteSession",
    summary="Delete a session",
    description="It can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_session(
    sessionId: PathId, seen: IfMatch, sessions: Service, comment: Comment | None = None
) -> Response:
    await sessions.delete(sessionId, why(comment), seen)
    return nothing()


@router.get(
    "/{sessionId}/context",
    operation_id="getSessionContext",
    summary="Read the context of a session",
    description="With the world states that hold in the session, at a number if one is given. "
    "asOf reads a revision as it was, its world states as they were when it ended.",
    response_model=SessionContext,
)
async def get_context(
    sessionId: PathId,
    sessions: Service,
    context: Ctx,
    asOf: Annotated[QueryNumber | None, Field(description="The revision to read.")] = None,
    atSequence: Annotated[
        QueryNumber | None, Field(description="Only world states that cover this number.")
    ] = None,
) -> Response:
    record, moment = await sessions.revision(sessionId, asOf)
    states = await States(context).of(
        sessionId, record.content, moment=moment, at_sequence=atSequence
    )
    return Reply(views.session_context(record, states), version=record.version)


@router.put(
    "/{sessionId}/context",
    operation_id="replaceSessionContext",
    summary="Replace the context of a session",
    description="In any shape. The data stays unless other data is given with it.",
    response_model=SessionContext,
)
async def put_context(
    sessionId: PathId, body: ContextReplacement, seen: IfMatch, sessions: Service, context: Ctx
) -> Response:
    expected = body.expected(seen)
    entity = await sessions.update(sessionId, body.stored(), why(body.comment), expected)
    return await _context_reply(entity, context)


@router.patch(
    "/{sessionId}/context",
    operation_id="mergeSessionData",
    summary="Change keys of a session's data",
    description="Each key of data replaces the value of that key, null removes it, the others "
    "stay. Somebody else's change at the same time is a 409.",
    response_model=SessionContext,
)
async def patch_context(
    sessionId: PathId, body: ContextMerge, seen: IfMatch, sessions: Service, context: Ctx
) -> Response:
    expected = body.expected(seen)
    entity = await sessions.merge(sessionId, body.data, why(body.comment), expected)
    return await _context_reply(entity, context)


@router.post(
    "/{sessionId}/context",
    operation_id="appendSessionContext",
    summary="Append an entry to the context of a session",
    description="The context becomes a list of what it was and the entry. It takes nothing away, "
    "so it goes behind whatever others append meanwhile; with ifRevision that is a 409.",
    response_model=SessionContext,
)
async def post_context(
    sessionId: PathId, body: ContextEntry, seen: IfMatch, sessions: Service, context: Ctx
) -> Response:
    expected = body.expected(seen)
    entity = await sessions.append(sessionId, body.entry, why(body.comment), expected)
    return await _context_reply(entity, context)


@router.get(
    "/{sessionId}/context/history",
    operation_id="listSessionContextHistory",
    summary="List the revisions of a session",
    description="Oldest first, each as the change from the one before, with who and why. To "
    "follow a session, ask for what comes afterRevision, the last one seen.",
    response_model=list[Revision],
)
async def get_history(
    sessionId: PathId,
    context: Ctx,
    q: Words = None,
    afterRevision: Annotated[
        QueryNumber | None, Field(description="Only revisions after this one.")
    ] = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    items, total = await SessionHistory(context).page(
        sessionId, after=afterRevision or 0, words=q, limit=limit, offset=offset
    )
    return page(items, total)

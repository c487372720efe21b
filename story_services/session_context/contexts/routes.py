"""The routes of contexts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId, QueryId
from story_services.session_context import views
from story_services.session_context.contexts.schemas import (
    CharacterContext,
    ContextChange,
    ContextCreate,
)
from story_services.session_context.entries import CONTEXT, Entries
from story_services.session_context.shapes import AtSequence, Key, Value

router = service_router("/contexts", ["contexts"])


async def _entries(context: Ctx) -> Entries:
    return Entries(context, CONTEXT)


Service = Annotated[Entries, Depends(_entries)]


def _reply(entity: Entity, status: int = 200) -> Response:
    return Reply(views.context(entity), status, version=entity.record.version)


@router.post(
    "",
    operation_id="createContext",
    summary="Create a context",
    description="What holds for a character over a range of numbers: in one script, in one "
    "session, or wherever the character is.",
    response_model=CharacterContext,
    status_code=201,
)
async def create_entry(body: ContextCreate, entries: Service) -> Response:
    return _reply(await entries.create(body.stored(), why(body.comment)), 201)


@router.get(
    "",
    operation_id="listContexts",
    summary="List contexts",
    description="By id; those with exactly these values, so one that names no script is none of "
    "any script's. key and value look into data.",
    response_model=list[CharacterContext],
)
async def list_entries(
    entries: Service,
    characterId: QueryId | None = None,
    scriptId: QueryId | None = None,
    sessionId: QueryId | None = None,
    atSequence: AtSequence = None,
    key: Key = None,
    value: Value = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    wanted = {"characterId": characterId, "scriptId": scriptId, "sessionId": sessionId}
    found = await entries.page(
        wanted, at_sequence=atSequence, key=key, value=value, limit=limit, offset=offset
    )
    return page([views.context(entity) for entity in found.items], found.total)


@router.get(
    "/{contextId}",
    operation_id="getContextById",
    summary="Read a context",
    description="As it is now.",
    response_model=CharacterContext,
)
async def get_entry(contextId: PathId, entries: Service) -> Response:
    return _reply(await entries.get(contextId))


async def _change(
    entry_id: int, body: ContextChange, seen: int | None, entries: Entries
) -> Response:
    expected = body.expected(seen)
    return _reply(await entries.update(entry_id, body.stored(), why(body.comment), expected))


_CHANGE = (
    "What is absent stays as it is, null clears a field; data is replaced whole. A stale "
    "ifRevision, or somebody else's change at the same time, is a 409."
)


@router.put(
    "/{contextId}",
    operation_id="updateContext",
    summary="Change a context",
    description=_CHANGE,
    response_model=CharacterContext,
)
async def put_entry(
    contextId: PathId, body: ContextChange, seen: IfMatch, entries: Service
) -> Response:
    return await _change(contextId, body, seen, entries)


@router.patch(
    "/{contextId}",
    operation_id="patchContext",
    summary="Change a context",
    description=_CHANGE,
    response_model=CharacterContext,
)
async def patch_entry(
    contextId: PathId, body: ContextChange, seen: IfMatch, entries: Service
) -> Response:
    return await _change(contextId, body, seen, entries)


@router.delete(
    "/{contextId}",
    operation_id="deleteContext",
    summary="Delete a context",
    description="It can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_entry(
    contextId: PathId, seen: IfMatch, entries: Service, comment: Comment | None = None
) -> Response:
    await entries.delete(contextId, why(comment), seen)
    return nothing()

"""The routes of world states."""

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
from story_services.session_context.entries import WORLD_STATE, Entries
from story_services.session_context.shapes import AtSequence, Key, Value
from story_services.session_context.world_states.schemas import (
    Kind,
    WorldState,
    WorldStateChange,
    WorldStateCreate,
)

router = service_router("/worldStates", ["worldStates"])


async def _entries(context: Ctx) -> Entries:
    return Entries(context, WORLD_STATE)


Service = Annotated[Entries, Depends(_entries)]


def _reply(entity: Entity, status: int = 200) -> Response:
    return Reply(views.world_state(entity), status, version=entity.record.version)


@router.post(
    "",
    operation_id="createWorldState",
    summary="Create a world state",
    description="What holds in the world over a range of numbers: in one script, in one session, "
    "or in every script.",
    response_model=WorldState,
    status_code=201,
)
async def create_entry(body: WorldStateCreate, entries: Service) -> Response:
    return _reply(await entries.create(body.stored(), why(body.comment)), 201)


@router.get(
    "",
    operation_id="listWorldStates",
    summary="List world states",
    description="By id; those with exactly these values, so one that names no script is none of "
    "any script's. key and value look into data.",
    response_model=list[WorldState],
)
async def list_entries(
    entries: Service,
    kind: Kind | None = None,
    scriptId: QueryId | None = None,
    sessionId: QueryId | None = None,
    atSequence: AtSequence = None,
    key: Key = None,
    value: Value = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    wanted = {"kind": kind, "scriptId": scriptId, "sessionId": sessionId}
    found = await entries.page(
        wanted, at_sequence=atSequence, key=key, value=value, limit=limit, offset=offset
    )
    return page([views.world_state(entity) for entity in found.items], found.total)


@router.get(
    "/{worldStateId}",
    operation_id="getWorldStateById",
    summary="Read a world state",
    description="As it is now.",
    response_model=WorldState,
)
async def get_entry(worldStateId: PathId, entries: Service) -> Response:
    return _reply(await entries.get(worldStateId))


async def _change(
    entry_id: int, body: WorldStateChange, seen: int | None, entries: Entries
) -> Response:
    expected = body.expected(seen)
    return _reply(await entries.update(entry_id, body.stored(), why(body.comment), expected))


_CHANGE = (
    "What is absent stays as it is, null clears a field; data is replaced whole. A stale "
    "ifRevision, or somebody else's change at the same time, is a 409."
)


@router.put(
    "/{worldStateId}",
    operation_id="updateWorldState",
    summary="Change a world state",
    description=_CHANGE,
    response_model=WorldState,
)
async def put_entry(
    worldStateId: PathId, body: WorldStateChange, seen: IfMatch, entries: Service
) -> Response:
    return await _change(worldStateId, body, seen, entries)


@router.patch(
    "/{worldStateId}",
    operation_id="patchWorldState",
    summary="Change a world state",
    description=_CHANGE,
    response_model=WorldState,
)
async def patch_entry(
    worldStateId: PathId, body: WorldStateChange, seen: IfMatch, entries: Service
) -> Response:
    return await _change(worldStateId, body, seen, entries)


@router.delete(
    "/{worldStateId}",
    operation_id="deleteWorldState",
    summary="Delete a world state",
    description="It can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_entry(
    worldStateId: PathId, seen: IfMatch, entries: Service, comment: Comment | None = None
) -> Response:
    await entries.delete(worldStateId, why(comment), seen)
    return nothing()

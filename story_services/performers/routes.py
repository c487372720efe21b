"""The routes of performers and castings."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.responses import Response

from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.documents import ServiceDefinition
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId, QueryId
from story_services.performers import schemas, views
from story_services.performers.service import Castings, Performers

performers = service_router("/performers", tags=["performers"])
castings = service_router("/castings", tags=["castings"])

PerformerId = Annotated[PathId, Path(description="The performer.")]
CastingId = Annotated[PathId, Path(description="The casting.")]


async def _castings(request: Request, context: Ctx) -> Castings:
    known: Castings | None = getattr(request.app.state, "castings", None)
    if known is None or known.context is not context:
        known = request.app.state.castings = Castings(context)
    return known


Cast = Annotated[Castings, Depends(_castings)]


async def _performers(context: Ctx, cast: Cast) -> Performers:
    return Performers(context, cast)


People = Annotated[Performers, Depends(_performers)]


def _performer(entity: Entity, status: int = 200) -> Response:
    return Reply(views.performer(entity), status, version=entity.record.version)


@performers.get(
    "",
    operation_id="listPerformers",
    summary="List performers",
    description="Ascending by number. With characterId or scriptId only those who are cast so; "
    "with both, who plays that character in that script.",
    response_model=list[schemas.Performer],
)
async def list_performers(
    people: People,
    characterId: QueryId | None = None,
    scriptId: QueryId | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {"characterId": characterId, "scriptId": scriptId}
    found = await people.page(filters, limit, offset)
    return page([views.performer(entity) for entity in found.items], found.total)


@performers.post(
    "",
    operation_id="createPerformer",
    summary="Create a performer",
    response_model=schemas.Performer,
    status_code=201,
)
async def create_performer(body: schemas.PerformerCreate, people: People) -> Response:
    made = await people.create({"name": body.name}, why(body.comment))
    return _performer(made, 201)


@performers.get(
    "/{performerId}",
    operation_id="getPerformerById",
    summary="Read a performer",
    response_model=schemas.Performer,
)
async def read_performer(performerId: PerformerId, people: People) -> Response:
    return _performer(await people.get(performerId))


async def _change(
    performer_id: int, body: schemas.PerformerChange, seen: int | None, people: People
) -> Response:
    changes = {name: value for name, value in body.given().items() if name == "name"}
    expected = expected_version(seen, body.versionNumber)
    reason = why(body.comment)
    return _performer(await people.update(performer_id, changes, reason, expected))


@performers.put(
    "/{performerId}",
    operation_id="updatePerformer",
    summary="Change a performer",
    description="Absent fields stay as they are.",
    response_model=schemas.Performer,
)
async def put_performer(
    performerId: PerformerId, body: schemas.PerformerChange, seen: IfMatch, people: People
) -> Response:
    return await _change(performerId, body, seen, people)


@performers.patch(
    "/{performerId}",
    operation_id="patchPerformer",
    summary="Change a performer",
    description="Absent fields stay as they are.",
    response_model=schemas.Performer,
)
async def patch_performer(
    performerId: PerformerId, body: schemas.PerformerChange, seen: IfMatch, people: People
) -> Response:
    return await _change(performerId, body, seen, people)


@performers.delete(
    "/{performerId}",
    operation_id="deletePerformer",
    summary="Delete a performer",
    description="Takes the castings out of sight, too; restoring a version brings all back.",
    status_code=204,
)
async def delete_performer(
    performerId: PerformerId, seen: IfMatch, people: People, comment: Comment | None = None
) -> Response:
    await people.delete(performerId, why(comment), seen)
    return nothing()


@castings.get(
    "",
    operation_id="listCastings",
    summary="List castings",
    description="Ascending by id. A casting is shown while its script, character and performer "
    "exist.",
    response_model=list[schemas.Casting],
)
async def list_castings(
    cast: Cast,
    scriptId: QueryId | None = None,
    characterId: QueryId | None = None,
    performerId: QueryId | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {"scriptId": scriptId, "characterId": characterId, "performerId": performerId}
    found = await cast.all(filters)
    shown = found[offset : None if limit is None else offset + limit]
    return page([views.casting(entity) for entity in shown], len(found))


@castings.post(
    "",
    operation_id="createCasting",
    summary="Cast a performer",
    description="A character may have several performers in a script; the same casting twice is "
    "a conflict.",
    response_model=schemas.Casting,
    status_code=201,
)
async def create_casting(body: schemas.CastingCreate, cast: Cast) -> Response:
    fields = body.model_dump(exclude={"comment"})
    made = await cast.create(fields, why(body.comment))
    return Reply(views.casting(made), 201, version=made.record.version)


@castings.get(
    "/{castingId}",
    operation_id="getCastingById",
    summary="Read a casting",
    response_model=schemas.Casting,
)
async def read_casting(castingId: CastingId, cast: Cast) -> Response:
    found = await cast.get(castingId)
    return Reply(views.casting(found), version=found.record.version)


@castings.delete(
    "/{castingId}",
    operation_id="deleteCasting",
    summary="Delete a casting",
    description="Restoring a version brings it back.",
    status_code=204,
)
async def delete_casting(
    castingId: CastingId, seen: IfMatch, cast: Cast, comment: Comment | None = None
) -> Response:
    await cast.delete(castingId, why(comment), seen)
    return nothing()


DEFINITION = ServiceDefinition(
    name="performers",
    title="Performers",
    description="Performers, and who of them plays which character in which script.",
    tags={
        "performers": "Those who play.",
        "castings": "Who plays whom in which script.",
    },
    version="1.0.0",
    routers=(performers, castings),
)

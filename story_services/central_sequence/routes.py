"""The routes of the Central Sequence."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from story_services.central_sequence import schemas
from story_services.central_sequence.numbers import Ask
from story_services.central_sequence.service import CentralSequence
from story_services.central_sequence.views import (
    content_view,
    made_view,
    number_view,
    reordered_view,
    version_view,
)
from story_services.common.http.deps import Ctx, why
from story_services.common.http.operation import service_router
from story_services.common.http.replies import Reply, page
from story_services.common.http.types import Limit, Offset, PathId, QueryId
from story_services.common.kinds import canonical
from story_services.editors import editors

router = service_router(tags=["sequence"])


async def _service(request: Request, context: Ctx) -> CentralSequence:
    service: CentralSequence | None = getattr(request.app.state, "central_sequence", None)
    if service is None or service.context is not context:
        service = request.app.state.central_sequence = CentralSequence(context, editors(context))
    return service


Service = Annotated[CentralSequence, Depends(_service)]


@router.post(
    "/sequence",
    operation_id="generateSequenceNumber",
    summary="Number an element",
    description="The next number of its space; the number it already holds if it has one. An id "
    "that no entity has yet may be numbered first.",
    response_model=schemas.SequenceNumber,
    status_code=201,
    responses={404: {"description": "It was deleted, or is a paraphrase that is not there."}},
)
async def generate(body: schemas.SequenceRequest, service: Service) -> Response:
    ask = Ask(canonical(body.elementType), body.elementId, body.scriptId, why(body.comment))
    return Reply(number_view(await service.numbers.allocate(ask), body.comment), 201)


@router.get(
    "/sequence",
    operation_id="listSequenceNumbers",
    summary="List numbers",
    description="Ascending within each space: sections, story and cast of a script, then the rest.",
    response_model=list[schemas.SequenceNumber],
)
async def numbers(
    service: Service,
    scriptId: QueryId | None = None,
    elementType: schemas.ElementType | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    kind = canonical(elementType) if elementType else None
    found, total = await service.list.page(scriptId, kind, limit, offset)
    return page([number_view(n, n.record.comment) for n in found], total)


@router.get(
    "/sequence/version",
    operation_id="listVersions",
    summary="List the versions of an element",
    description="Oldest first; also of an element that was deleted.",
    response_model=list[schemas.VersionEntry],
)
async def versions(
    service: Service,
    elementType: schemas.VersionedType,
    elementId: QueryId,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    found = await service.versions.all(canonical(elementType), elementId)
    end = None if limit is None else offset + limit
    return page([version_view(record) for record in found[offset:end]], len(found))


@router.post(
    "/sequence/version",
    operation_id="createVersion",
    summary="Make a new version of an element",
    description="The data is merged into the element's content and becomes current; the number "
    "stays. Version 1 is the content at creation.",
    response_model=schemas.VersionMade,
    status_code=201,
    responses={404: {"description": "There is no such element."}},
)
async def version(body: schemas.VersionRequest, service: Service) -> Response:
    kind = canonical(body.elementType)
    record = await service.versions.add(
        kind, body.elementId, body.newVersionData, why(body.comment), body.versionNumber
    )
    return Reply(made_view(record, await service.number_or_none(record)), 201)


@router.get(
    "/sequence/version/{elementType}/{elementId}/{versionNumber}",
    operation_id="getVersion",
    summary="Read one version of an element",
    description="With diff, also what changed from that version to this one.",
    response_model=schemas.VersionContent,
)
async def content(
    service: Service,
    elementType: schemas.VersionedType,
    elementId: PathId,
    versionNumber: PathId,
    diff: QueryId | None = None,
) -> Response:
    kind = canonical(elementType)
    wanted = await service.versions.get(kind, elementId, versionNumber)
    other = await service.versions.get(kind, elementId, diff) if diff else None
    return Reply(content_view(wanted, other))


@router.post(
    "/sequence/version/{elementType}/{elementId}/{versionNumber}/restore",
    operation_id="restoreVersion",
    summary="Go back to a version",
    description="Makes a new version with the content of an older one. A deleted element comes "
    "back with its id and, if it is free, its number.",
    response_model=schemas.VersionMade,
    status_code=201,
)
async def restore(
    service: Service,
    elementType: schemas.VersionedType,
    elementId: PathId,
    versionNumber: PathId,
    body: schemas.RestoreRequest | None = None,
) -> Response:
    given = body or schemas.RestoreRequest()
    record = await service.versions.restore(
        canonical(elementType), elementId, versionNumber, why(given.comment), given.versionNumber
    )
    return Reply(made_view(record, await service.number_or_none(record)), 201)


@router.get(
    "/sequence/{elementType}/{elementId}",
    operation_id="getSequenceNumber",
    summary="Read the number of an element",
    response_model=schemas.SequenceNumber,
)
async def number(service: Service, elementType: schemas.ElementType, elementId: PathId) -> Response:
    found = await service.numbers.find(canonical(elementType), elementId)
    return Reply(number_view(found, found.record.comment))


async def _reorder(body: schemas.ReorderRequest, service: CentralSequence) -> Response:
    wanted = [
        (canonical(move.elementType or body.elementType), move.elementId, move.newSequence)
        for move in body.elements
    ]
    reason = why(body.comment)
    done = await service.reordering.reorder(wanted, body.scriptId, reason, body.ifRevision)
    return Reply(reordered_view(done, body.comment))


_REORDER = (
    "All or nothing: the listed elements take the numbers asked for, the others keep their "
    "relative order in the free ones, so that gaps close."
)
_UNKNOWN: dict[int | str, dict[str, str]] = {
    404: {"description": "Elements that are not there, or not in that script; all are named."}
}


@router.post(
    "/sequence/reorder",
    operation_id="reorderElements",
    summary="Reorder elements",
    description=_REORDER,
    response_model=schemas.Reordered,
    responses=_UNKNOWN,
)
async def reorder(body: schemas.ReorderRequest, service: Service) -> Response:
    return await _reorder(body, service)


@router.put(
    "/sequence/reorder",
    operation_id="updateElementOrder",
    summary="Reorder elements",
    description=_REORDER,
    response_model=schemas.Reordered,
    responses=_UNKNOWN,
)
async def put_order(body: schemas.ReorderRequest, service: Service) -> Response:
    return await _reorder(body, service)

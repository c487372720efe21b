"""The routes of a script's history: what happened, undo, redo."""

from __future__ import annotations

from starlette.responses import Response

from story_services.central_sequence import schemas
from story_services.central_sequence.routes import Service
from story_services.central_sequence.views import change_view, step_view
from story_services.common.http.deps import why
from story_services.common.http.operation import service_router
from story_services.common.http.replies import Reply, page
from story_services.common.http.types import Limit, Offset, PathId

router = service_router(tags=["history"])


@router.get(
    "/scripts/{scriptId}/changes",
    operation_id="listChanges",
    summary="List what was done to a script",
    description="Newest first: who changed what, when and why. A request that touched many "
    "elements is one change.",
    response_model=list[schemas.ChangeEntry],
)
async def changes(
    service: Service, scriptId: PathId, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    found, total = await service.changes(scriptId, limit, offset)
    return page([change_view(change) for change in found], total)


@router.post(
    "/scripts/{scriptId}/undo",
    operation_id="undoChange",
    summary="Take the last change of a script back",
    description="Again and again as far as the first one. 409 when there is nothing to undo, or "
    "another change than the expected one came last.",
    response_model=schemas.StepDone,
)
async def undo(
    service: Service, scriptId: PathId, body: schemas.StepRequest | None = None
) -> Response:
    given = body or schemas.StepRequest()
    await service.require_script(scriptId)
    change = await service.history.undo(scriptId, why(given.comment), given.changeId)
    return Reply(step_view(change, "Took back"))


@router.post(
    "/scripts/{scriptId}/redo",
    operation_id="redoChange",
    summary="Do again what undo took back",
    description="Possible until something new is done. 409 when there is nothing to redo.",
    response_model=schemas.StepDone,
)
async def redo(
    service: Service, scriptId: PathId, body: schemas.StepRequest | None = None
) -> Response:
    given = body or schemas.StepRequest()
    await service.require_script(scriptId)
    change = await service.history.redo(scriptId, why(given.comment), given.changeId)
    return Reply(step_view(change, "Did again, by taking back"))

"""The routes of batches: below scripts, where their contents belong."""

from __future__ import annotations

from starlette.responses import Response

from story_services.characters.batch.schemas import BatchCreate, BatchMade, CastCreate
from story_services.characters.batch.service import Batch
from story_services.characters.people.schemas import Character
from story_services.characters.people.service import Cast
from story_services.characters.views import character, in_batch
from story_services.common.http.deps import Ctx, why
from story_services.common.http.operation import service_router
from story_services.common.http.replies import Reply
from story_services.common.http.types import PathId

router = service_router("/scripts/{scriptId}", ["Batches"])


@router.post(
    "/elements",
    operation_id="createElements",
    summary="Create up to 1000 elements",
    description="Actions, spoken words, transitions and notes at the end of the story, in the "
    "given order, all or nothing. Repeated under its Idempotency-Key it goes on where it was.",
    response_model=BatchMade,
    status_code=201,
)
async def create_elements(scriptId: PathId, body: BatchCreate, context: Ctx) -> Response:
    items = [(element.kind, element.stored()) for element in body.elements]
    made = await Batch(context).create(scriptId, items, why(body.comment))
    answer = {"elements": [in_batch(entity) for entity in made], "comment": body.comment}
    return Reply(answer, 201)


@router.post(
    "/cast",
    operation_id="createCast",
    summary="Create up to 500 characters",
    description="At the end of the script's cast, in the given order, all or nothing. Repeated "
    "under its Idempotency-Key it goes on where it was.",
    response_model=list[Character],
    status_code=201,
)
async def create_cast(scriptId: PathId, body: CastCreate, context: Ctx) -> Response:
    people = [member.given() for member in body.characters]
    made = await Cast(context).create_in(scriptId, people, why(body.comment))
    return Reply([character(entity) for entity in made], 201)

"""The routes of lines."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from story_services.characters.elements import Elements
from story_services.characters.filters import (
    Keyword,
    OfAction,
    OfCharacter,
    OfScript,
    OfSection,
    OfSpeech,
)
from story_services.characters.lines.schemas import Line, LineChange, LineCreate
from story_services.characters.views import line, own_section
from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId

router = service_router("/lines", ["Lines"])


async def _lines(context: Ctx) -> Elements:
    return Elements(context, "spokenWord")


Service = Annotated[Elements, Depends(_lines)]


async def _reply(entity: Entity, lines: Elements) -> Response:
    (shown,) = await lines.shown([entity], line)
    return Reply(shown, version=entity.record.version)


@router.get(
    "",
    operation_id="listLines",
    summary="List lines",
    description="Those that have all the values and words asked for: of a script or a section in "
    "the order of the story, else by id.",
    response_model=list[Line],
)
async def list_lines(
    lines: Service,
    characterId: OfCharacter = None,
    scriptId: OfScript = None,
    sectionId: OfSection = None,
    speechId: OfSpeech = None,
    actionId: OfAction = None,
    keyword: Keyword = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {
        "characterId": characterId,
        "scriptId": scriptId,
        "sectionId": sectionId,
        "speechId": speechId,
        "actionId": actionId,
    }
    found = await lines.page(filters, keyword, limit, offset)
    return page(await lines.shown(found.items, line), found.total)


@router.post(
    "",
    operation_id="createLine",
    summary="Create a line",
    description="At the end of its script's story. Section and action must be of that script; "
    "without a script the line comes into its section's.",
    response_model=Line,
    status_code=201,
)
async def create_line(body: LineCreate, lines: Service) -> Response:
    entity = await lines.create(body.stored(), why(body.comment))
    return Reply(line(entity, own_section(entity)), 201, version=entity.record.version)


@router.get(
    "/{lineId}",
    operation_id="getLineById",
    summary="Read a line",
    description="Its number is the one in its script's story.",
    response_model=Line,
)
async def get_line(lineId: PathId, lines: Service) -> Response:
    return await _reply(await lines.get(lineId), lines)


async def _change(entity_id: int, body: LineChange, seen: int | None, lines: Elements) -> Response:
    expected = expected_version(seen, body.versionNumber)
    entity = await lines.update(entity_id, body.stored(), why(body.comment), expected)
    return await _reply(entity, lines)


_CHANGE = (
    "What is absent stays as it is; null takes a reference away. With another script the line "
    "goes to the end of that one's story. An action must be of the same script."
)


@router.put(
    "/{lineId}",
    operation_id="updateLine",
    summary="Change a line",
    description=_CHANGE,
    response_model=Line,
)
async def put_line(lineId: PathId, body: LineChange, seen: IfMatch, lines: Service) -> Response:
    return await _change(lineId, body, seen, lines)


@router.patch(
    "/{lineId}",
    operation_id="patchLine",
    summary="Change a line",
    description=_CHANGE,
    response_model=Line,
)
async def patch_line(lineId: PathId, body: LineChange, seen: IfMatch, lines: Service) -> Response:
    return await _change(lineId, body, seen, lines)


@router.delete(
    "/{lineId}",
    operation_id="deleteLine",
    summary="Delete a line",
    description="The line can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_line(
    lineId: PathId, seen: IfMatch, lines: Service, comment: Comment | None = None
) -> Response:
    await lines.delete(lineId, why(comment), seen)
    return nothing()

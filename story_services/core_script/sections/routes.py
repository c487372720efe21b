"""The routes of sections."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from story_services.common.entities import Entity
from story_services.common.errors import BadInput
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId, QueryId
from story_services.core_script import views
from story_services.core_script.sections import schemas
from story_services.core_script.sections.reorder import SectionOrder
from story_services.core_script.sections.service import Sections

router = service_router("/scripts/{scriptId}/sections", tags=["sections"])

ScriptId = Annotated[PathId, Path(description="The script.")]
HeadingId = Annotated[PathId, Path(description="The section.")]


def _reply(section: Entity, status: int = 200) -> Response:
    return Reply(views.section(section), status, version=section.record.version)


@router.get(
    "",
    operation_id="listSectionHeadings",
    summary="List the sections of a script",
    description="Ascending by number.",
    response_model=list[schemas.Section],
)
async def list_sections(
    scriptId: ScriptId, context: Ctx, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    found = await Sections(context).of(scriptId)
    shown = found[offset : None if limit is None else offset + limit]
    return page([views.section(section) for section in shown], len(found))


@router.post(
    "",
    operation_id="addSectionHeading",
    summary="Add a section",
    description="At the end, or directly behind the section that afterHeadingId names; those "
    "behind it then move up by one.",
    response_model=schemas.Section,
    status_code=201,
)
async def create(scriptId: ScriptId, body: schemas.SectionCreate, context: Ctx) -> Response:
    fields = {"title": body.title}
    reason = why(body.comment)
    return _reply(
        await Sections(context).create(scriptId, fields, body.afterHeadingId, reason), 201
    )


@router.put(
    "",
    operation_id="updateSectionHeading",
    summary="Change the section that is named in query or body",
    description="For clients of the first contract, whose path had no place for the headingId.",
    response_model=schemas.Section,
)
async def put_named(
    scriptId: ScriptId,
    body: schemas.NamedSectionChange,
    seen: IfMatch,
    context: Ctx,
    headingId: QueryId | None = None,
) -> Response:
    named = {i for i in (headingId, body.headingId) if i is not None}
    if len(named) != 1:
        problem = "differs between query and body" if named else "is needed in query or body"
        raise BadInput.field("headingId", problem)
    return await _change(scriptId, named.pop(), body, seen, context)


async def _change(
    script_id: int,
    heading_id: int,
    body: schemas.SectionChange | schemas.NamedSectionChange,
    seen: int | None,
    context: Ctx,
) -> Response:
    changes = {name: value for name, value in body.changes().items() if name != "headingId"}
    expected = expected_version(seen, body.versionNumber)
    reason = why(body.comment)
    return _reply(await Sections(context).update(script_id, heading_id, changes, reason, expected))


@router.get(
    "/{headingId}",
    operation_id="getSectionHeadingById",
    summary="Read a section",
    response_model=schemas.Section,
)
async def read(scriptId: ScriptId, headingId: HeadingId, context: Ctx) -> Response:
    return _reply(await Sections(context).get(scriptId, headingId))


@router.put(
    "/{headingId}",
    operation_id="updateSectionHeadingById",
    summary="Change a section",
    description="Absent fields stay as they are.",
    response_model=schemas.Section,
)
async def put(
    scriptId: ScriptId,
    headingId: HeadingId,
    body: schemas.SectionChange,
    seen: IfMatch,
    context: Ctx,
) -> Response:
    return await _change(scriptId, headingId, body, seen, context)


@router.patch(
    "/{headingId}",
    operation_id="patchSectionHeading",
    summary="Change a section",
    description="Absent fields stay as they are.",
    response_model=schemas.Section,
)
async def patch(
    scriptId: ScriptId,
    headingId: HeadingId,
    body: schemas.SectionChange,
    seen: IfMatch,
    context: Ctx,
) -> Response:
    return await _change(scriptId, headingId, body, seen, context)


@router.delete(
    "/{headingId}",
    operation_id="deleteSectionHeading",
    summary="Delete a section",
    description="What it contains stays in the story without a section, until the section is "
    "restored.",
    status_code=204,
)
async def delete(
    scriptId: ScriptId,
    headingId: HeadingId,
    seen: IfMatch,
    context: Ctx,
    comment: Comment | None = None,
) -> Response:
    await Sections(context).delete(scriptId, headingId, why(comment), seen)
    return nothing()


async def _reorder(script_id: int, body: schemas.SectionReorder, context: Ctx) -> Response:
    done = await SectionOrder(context).reorder(
        script_id,
        [(move.headingId, move.newSequence) for move in body.elements],
        why(body.comment),
        with_contents=body.withContents,
        expected=body.ifRevision,
    )
    return Reply(
        {
            "message": f"Reordered {_count(len(done.sections), 'section')} and "
            f"{_count(done.moved_elements, 'element')} in them.",
            "updatedElements": [{"headingId": i, "newSequence": n} for i, n in done.sections],
            "revision": done.revision,
            "comment": body.comment,
        }
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_REORDER = (
    "All or nothing: the sections named take their new numbers, the others keep their relative "
    "order in the free ones. Unless withContents is false, what the sections contain moves with "
    "them."
)


@router.post(
    "/reorder",
    operation_id="reorderSectionHeadings",
    summary="Reorder the sections of a script",
    description=_REORDER,
    response_model=schemas.SectionsReordered,
)
async def reorder(scriptId: ScriptId, body: schemas.SectionReorder, context: Ctx) -> Response:
    return await _reorder(scriptId, body, context)


@router.put(
    "/reorder",
    operation_id="updateSectionHeadingOrder",
    summary="Reorder the sections of a script",
    description=_REORDER,
    response_model=schemas.SectionsReordered,
)
async def put_order(scriptId: ScriptId, body: schemas.SectionReorder, context: Ctx) -> Response:
    return await _reorder(scriptId, body, context)

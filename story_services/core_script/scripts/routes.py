"""The routes of scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId, QueryId, Text
from story_services.core_script import views
from story_services.core_script.scripts import schemas
from story_services.core_script.scripts.service import (
    Filters,
    Heading,
    Script,
    Scripts,
    SortBy,
)

router = service_router("/scripts", tags=["scripts"])

ScriptId = Annotated[PathId, Path(description="The script.")]
Words = Annotated[str | None, Text(200, 1)]


def _reply(script: Script, status: int = 200) -> Response:
    shown = views.script(script.entity, script.sections)
    return Reply(shown, status, version=script.entity.record.version)


@router.post(
    "",
    operation_id="createScript",
    summary="Create a script",
    description="The script comes with its sections: nobody sees one without the other.",
    response_model=schemas.Script,
    status_code=201,
)
async def create(body: schemas.ScriptCreate, context: Ctx) -> Response:
    fields = body.stored()
    titles = [section["title"] for section in fields.pop("sections")]
    return _reply(await Scripts(context).create(fields, titles, why(body.comment)), 201)


@router.get(
    "",
    operation_id="listScripts",
    summary="List scripts",
    description="All of the filters must fit; words match in any order, however accented. "
    "Ascending by number unless sorted by title or author.",
    response_model=list[schemas.Script],
)
async def list_scripts(
    context: Ctx,
    author: Words = None,
    title: Words = None,
    sectionTitle: Words = None,
    q: Annotated[Words, Query(description="In title, author or description.")] = None,
    characterId: QueryId | None = None,
    actionId: QueryId | None = None,
    sortBy: SortBy = "sequence",
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = Filters(author, title, sectionTitle, q, characterId, actionId)
    found, total = await Scripts(context).page(filters, sortBy, limit, offset)
    return page([views.script(each.entity, each.sections) for each in found], total)


@router.get(
    "/{scriptId}",
    operation_id="getScriptById",
    summary="Read a script",
    description="With its sections in their order.",
    response_model=schemas.Script,
)
async def read(scriptId: ScriptId, context: Ctx) -> Response:
    return _reply(await Scripts(context).get(scriptId))


async def _change(
    script_id: int, body: schemas.ScriptChange, seen: int | None, context: Ctx
) -> Response:
    changes = body.changes()
    changes.pop("sections", None)
    headings = [
        Heading(edit.headingId, edit.given().get("title"), edit.versionNumber)
        for edit in body.sections
    ]
    expected = expected_version(seen, body.versionNumber)
    reason = why(body.comment)
    return _reply(await Scripts(context).update(script_id, changes, headings, reason, expected))


_CHANGE = (
    "Absent fields stay as they are. Sections with a headingId are changed, those without are "
    "appended, none is removed. All of it is done, or nothing."
)


@router.put(
    "/{scriptId}",
    operation_id="updateScript",
    summary="Change a script",
    description=_CHANGE,
    response_model=schemas.Script,
)
async def put(
    scriptId: ScriptId, body: schemas.ScriptChange, seen: IfMatch, context: Ctx
) -> Response:
    return await _change(scriptId, body, seen, context)


@router.patch(
    "/{scriptId}",
    operation_id="patchScript",
    summary="Change a script",
    description=_CHANGE,
    response_model=schemas.Script,
)
async def patch(
    scriptId: ScriptId, body: schemas.ScriptChange, seen: IfMatch, context: Ctx
) -> Response:
    return await _change(scriptId, body, seen, context)


@router.delete(
    "/{scriptId}",
    operation_id="deleteScript",
    summary="Delete a script",
    description="Hides the script and all that is in it; restoring a version brings it back.",
    status_code=204,
)
async def delete(
    scriptId: ScriptId, seen: IfMatch, context: Ctx, comment: Comment | None = None
) -> Response:
    await Scripts(context).delete(scriptId, why(comment), seen)
    return nothing()

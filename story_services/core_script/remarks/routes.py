"""The routes of transitions and notes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId, QueryId
from story_services.core_script import views
from story_services.core_script.remarks import schemas
from story_services.core_script.remarks.service import Remarks, Shown

transitions = service_router("/scripts/{scriptId}/transitions", tags=["transitions"])
notes = service_router("/scripts/{scriptId}/notes", tags=["notes"])

ScriptId = Annotated[PathId, Path(description="The script.")]
TransitionId = Annotated[PathId, Path(description="The transition.")]
NoteId = Annotated[PathId, Path(description="The note.")]


def _views(kind: str, shown: Shown) -> list[views.View]:
    if kind == "transition":
        return [views.transition(entity, shown.sections) for entity in shown.items]
    return [views.note(entity, shown.sections, shown.targets) for entity in shown.items]


def _reply(kind: str, shown: Shown, status: int = 200) -> Response:
    return Reply(_views(kind, shown)[0], status, version=shown.items[0].record.version)


def _page(kind: str, shown: Shown) -> Response:
    return page(_views(kind, shown), shown.total)


@transitions.get(
    "",
    operation_id="listTransitions",
    summary="List the transitions of a script",
    description="Ascending by their number in the story.",
    response_model=list[schemas.Transition],
)
async def list_transitions(
    scriptId: ScriptId,
    context: Ctx,
    sectionId: QueryId | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {"sectionId": sectionId}
    shown = await Remarks(context, "transition").page(scriptId, filters, limit, offset)
    return _page("transition", shown)


@transitions.post(
    "",
    operation_id="createTransition",
    summary="Add a transition",
    description="At the end of the story; it is moved like every other element.",
    response_model=schemas.Transition,
    status_code=201,
)
async def create_transition(
    scriptId: ScriptId, body: schemas.TransitionCreate, context: Ctx
) -> Response:
    fields, reason = _as_text(body.stored()), why(body.comment)
    shown = await Remarks(context, "transition").create(scriptId, fields, reason)
    return _reply("transition", shown, 201)


@transitions.get(
    "/{transitionId}",
    operation_id="getTransitionById",
    summary="Read a transition",
    response_model=schemas.Transition,
)
async def read_transition(scriptId: ScriptId, transitionId: TransitionId, context: Ctx) -> Response:
    return _reply("transition", await Remarks(context, "transition").get(scriptId, transitionId))


async def _change(
    kind: str,
    script_id: int,
    entity_id: int,
    body: schemas.TransitionChange | schemas.NoteChange,
    seen: int | None,
    context: Ctx,
) -> Response:
    changes, reason = _as_text(body.changes()), why(body.comment)
    expected = expected_version(seen, body.versionNumber)
    shown = await Remarks(context, kind).update(script_id, entity_id, changes, reason, expected)
    return _reply(kind, shown)


def _as_text(fields: dict[str, Any]) -> dict[str, Any]:
    """The wording of every kind of element is kept as its text."""
    return {"text" if name == "description" else name: value for name, value in fields.items()}


@transitions.put(
    "/{transitionId}",
    operation_id="updateTransition",
    summary="Change a transition",
    description="Absent fields stay as they are.",
    response_model=schemas.Transition,
)
async def put_transition(
    scriptId: ScriptId,
    transitionId: TransitionId,
    body: schemas.TransitionChange,
    seen: IfMatch,
    context: Ctx,
) -> Response:
    return await _change("transition", scriptId, transitionId, body, seen, context)


@transitions.patch(
    "/{transitionId}",
    operation_id="patchTransition",
    summary="Change a transition",
    description="Absent fields stay as they are.",
    response_model=schemas.Transition,
)
async def patch_transition(
    scriptId: ScriptId,
    transitionId: TransitionId,
    body: schemas.TransitionChange,
    seen: IfMatch,
    context: Ctx,
) -> Response:
    return await _change("transition", scriptId, transitionId, body, seen, context)


@transitions.delete(
    "/{transitionId}",
    operation_id="deleteTransition",
    summary="Delete a transition",
    description="Restoring a version brings it back.",
    status_code=204,
)
async def delete_transition(
    scriptId: ScriptId,
    transitionId: TransitionId,
    seen: IfMatch,
    context: Ctx,
    comment: Comment | None = None,
) -> Response:
    await Remarks(context, "transition").delete(scriptId, transitionId, why(comment), seen)
    return nothing()


@notes.get(
    "",
    operation_id="listNotes",
    summary="List the notes of a script",
    description="Ascending by their number in the story.",
    response_model=list[schemas.Note],
)
async def list_notes(
    scriptId: ScriptId,
    context: Ctx,
    sectionId: QueryId | None = None,
    targetType: schemas.TargetType | None = None,
    targetId: QueryId | None = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {"sectionId": sectionId, "targetType": targetType, "targetId": targetId}
    return _page("note", await Remarks(context, "note").page(scriptId, filters, limit, offset))


@notes.post(
    "",
    operation_id="createNote",
    summary="Add a note",
    description="At the end of the story; it is moved like every other element.",
    response_model=schemas.Note,
    status_code=201,
)
async def create_note(scriptId: ScriptId, body: schemas.NoteCreate, context: Ctx) -> Response:
    fields, reason = body.stored(), why(body.comment)
    return _reply("note", await Remarks(context, "note").create(scriptId, fields, reason), 201)


@notes.get(
    "/{noteId}", operation_id="getNoteById", summary="Read a note", response_model=schemas.Note
)
async def read_note(scriptId: ScriptId, noteId: NoteId, context: Ctx) -> Response:
    return _reply("note", await Remarks(context, "note").get(scriptId, noteId))


@notes.put(
    "/{noteId}",
    operation_id="updateNote",
    summary="Change a note",
    description="Absent fields stay as they are.",
    response_model=schemas.Note,
)
async def put_note(
    scriptId: ScriptId, noteId: NoteId, body: schemas.NoteChange, seen: IfMatch, context: Ctx
) -> Response:
    return await _change("note", scriptId, noteId, body, seen, context)


@notes.patch(
    "/{noteId}",
    operation_id="patchNote",
    summary="Change a note",
    description="Absent fields stay as they are.",
    response_model=schemas.Note,
)
async def patch_note(
    scriptId: ScriptId, noteId: NoteId, body: schemas.NoteChange, seen: IfMatch, context: Ctx
) -> Response:
    return await _change("note", scriptId, noteId, body, seen, context)


@notes.delete(
    "/{noteId}",
    operation_id="deleteNote",
    summary="Delete a note",
    description="Restoring a version brings it back.",
    status_code=204,
)
async def delete_note(
    scriptId: ScriptId,
    noteId: NoteId,
    seen: IfMatch,
    context: Ctx,
    comment: Comment | None = None,
) -> Response:
    await Remarks(context, "note").delete(scriptId, noteId, why(comment), seen)
    return nothing()

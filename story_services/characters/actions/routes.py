"""The routes of actions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from story_services.characters.actions.schemas import Action, ActionChange, ActionCreate
from story_services.characters.elements import Elements
from story_services.characters.filters import Keyword, OfCharacter, OfScript, OfSection, OfSpeech
from story_services.characters.views import action, own_section
from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId

router = service_router("/actions", ["Actions"])


async def _actions(context: Ctx) -> Elements:
    return Elements(context, "action")


Service = Annotated[Elements, Depends(_actions)]


async def _reply(entity: Entity, actions: Elements) -> Response:
    (shown,) = await actions.shown([entity], action)
    return Reply(shown, version=entity.record.version)


@router.get(
    "",
    operation_id="listActions",
    summary="List actions",
    description="Those that have all the values and words asked for: of a script or a section in "
    "the order of the story, else by id.",
    response_model=list[Action],
)
async def list_actions(
    actions: Service,
    characterId: OfCharacter = None,
    scriptId: OfScript = None,
    sectionId: OfSection = None,
    speechId: OfSpeech = None,
    keyword: Keyword = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    filters = {
        "characterId": characterId,
        "scriptId": scriptId,
        "sectionId": sectionId,
        "speechId": speechId,
    }
    found = await actions.page(filters, keyword, limit, offset)
    return page(await actions.shown(found.items, action), found.total)


@router.post(
    "",
    operation_id="createAction",
    summary="Create an action",
    description="At the end of its script's story. A section must be of that script; without a "
    "script the action comes into its section's.",
    response_model=Action,
    status_code=201,
)
async def create_action(body: ActionCreate, actions: Service) -> Response:
    entity = await actions.create(body.stored(), why(body.comment))
    return Reply(action(entity, own_section(entity)), 201, version=entity.record.version)


@router.get(
    "/{actionId}",
    operation_id="getActionById",
    summary="Read an action",
    description="Its number is the one in its script's story.",
    response_model=Action,
)
async def get_action(actionId: PathId, actions: Service) -> Response:
    return await _reply(await actions.get(actionId), actions)


async def _change(
    entity_id: int, body: ActionChange, seen: int | None, actions: Elements
) -> Response:
    expected = expected_version(seen, body.versionNumber)
    entity = await actions.update(entity_id, body.stored(), why(body.comment), expected)
    return await _reply(entity, actions)


_CHANGE = (
    "What is absent stays as it is; null takes a reference away. With another script the action "
    "goes to the end of that one's story; 409 while lines of the old one come with it."
)


@router.put(
    "/{actionId}",
    operation_id="updateAction",
    summary="Change an action",
    description=_CHANGE,
    response_model=Action,
)
async def put_action(
    actionId: PathId, body: ActionChange, seen: IfMatch, actions: Service
) -> Response:
    return await _change(actionId, body, seen, actions)


@router.patch(
    "/{actionId}",
    operation_id="patchAction",
    summary="Change an action",
    description=_CHANGE,
    response_model=Action,
)
async def patch_action(
    actionId: PathId, body: ActionChange, seen: IfMatch, actions: Service
) -> Response:
    return await _change(actionId, body, seen, actions)


@router.delete(
    "/{actionId}",
    operation_id="deleteAction",
    summary="Delete an action",
    description="The action can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_action(
    actionId: PathId, seen: IfMatch, actions: Service, comment: Comment | None = None
) -> Response:
    await actions.delete(actionId, why(comment), seen)
    return nothing()

"""The routes of characters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from story_services.characters.filters import Keyword, OfScript
from story_services.characters.people.schemas import Character, CharacterChange, CharacterCreate
from story_services.characters.people.service import Cast
from story_services.characters.views import character
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId

router = service_router("/characters", ["Characters"])


async def _cast(context: Ctx) -> Cast:
    return Cast(context)


Service = Annotated[Cast, Depends(_cast)]


@router.get(
    "",
    operation_id="listCharacters",
    summary="List characters",
    description="All characters by id, or those of a script in the order of its cast. q finds "
    "those with all these words in the name or in the description.",
    response_model=list[Character],
)
async def list_characters(
    cast: Service,
    scriptId: OfScript = None,
    q: Keyword = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    found = await cast.page(scriptId, q, limit, offset)
    return page([character(entity) for entity in found.items], found.total)


@router.post(
    "",
    operation_id="createCharacter",
    summary="Create a character",
    description="The character comes last in the cast of each of its scripts.",
    response_model=Character,
    status_code=201,
)
async def create_character(body: CharacterCreate, cast: Service) -> Response:
    entity = await cast.create(body.stored(), why(body.comment))
    return Reply(character(entity), 201, version=entity.record.version)


@router.get(
    "/scripts/{scriptId}",
    operation_id="listCharactersByScript",
    summary="List the cast of a script",
    description="In the order of the cast; the numbers are those in this cast.",
    response_model=list[Character],
)
async def list_cast(
    scriptId: PathId, cast: Service, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    found = await cast.of_script(scriptId, limit, offset)
    return page([character(entity) for entity in found.items], found.total)


@router.get(
    "/{characterId}",
    operation_id="getCharacterById",
    summary="Read a character",
    description="Its number is the one in the cast of its first script.",
    response_model=Character,
)
async def get_character(characterId: PathId, cast: Service) -> Response:
    entity = await cast.get(characterId)
    return Reply(character(entity), version=entity.record.version)


async def _change(entity_id: int, body: CharacterChange, seen: int | None, cast: Cast) -> Response:
    expected = expected_version(seen, body.versionNumber)
    entity = await cast.update(entity_id, body.stored(), why(body.comment), expected)
    return Reply(character(entity), version=entity.record.version)


_CHANGE = (
    "What is absent stays as it is. A character that joins a script comes last in its cast; one "
    "that leaves gives its number there up."
)


@router.put(
    "/{characterId}",
    operation_id="updateCharacter",
    summary="Change a character",
    description=_CHANGE,
    response_model=Character,
)
async def put_character(
    characterId: PathId, body: CharacterChange, seen: IfMatch, cast: Service
) -> Response:
    return await _change(characterId, body, seen, cast)


@router.patch(
    "/{characterId}",
    operation_id="patchCharacter",
    summary="Change a character",
    description=_CHANGE,
    response_model=Character,
)
async def patch_character(
    characterId: PathId, body: CharacterChange, seen: IfMatch, cast: Service
) -> Response:
    return await _change(characterId, body, seen, cast)


@router.delete(
    "/{characterId}",
    operation_id="deleteCharacter",
    summary="Delete a character",
    description="The character can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_character(
    characterId: PathId, seen: IfMatch, cast: Service, comment: Comment | None = None
) -> Response:
    await cast.delete(characterId, why(comment), seen)
    return nothing()

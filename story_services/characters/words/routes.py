"""The routes of spoken words."""

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
from story_services.characters.views import own_section, spoken_word
from story_services.characters.words.schemas import SpokenWord, SpokenWordChange, SpokenWordCreate
from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId

router = service_router("/spokenWords", ["Spoken words"])


async def _words(context: Ctx) -> Elements:
    return Elements(context, "spokenWord")


Service = Annotated[Elements, Depends(_words)]


async def _reply(entity: Entity, words: Elements) -> Response:
    (shown,) = await words.shown([entity], spoken_word)
    return Reply(shown, version=entity.record.version)


@router.get(
    "",
    operation_id="listSpokenWords",
    summary="List spoken words",
    description="Those that have all the values and words asked for: of a script or a section in "
    "the order of the story, else by id.",
    response_model=list[SpokenWord],
)
async def list_words(
    words: Service,
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
    found = await words.page(filters, keyword, limit, offset)
    return page(await words.shown(found.items, spoken_word), found.total)


@router.post(
    "",
    operation_id="createSpokenWord",
    summary="Create a spoken line",
    description="At the end of its script's story. Section and action must be of that script; "
    "without a script the line comes into its section's.",
    response_model=SpokenWord,
    status_code=201,
)
async def create_word(body: SpokenWordCreate, words: Service) -> Response:
    entity = await words.create(body.stored(), why(body.comment))
    return Reply(spoken_word(entity, own_section(entity)), 201, version=entity.record.version)


@router.get(
    "/{spokenWordId}",
    operation_id="getSpokenWordById",
    summary="Read a spoken line",
    description="Its number is the one in its script's story.",
    response_model=SpokenWord,
)
async def get_word(spokenWordId: PathId, words: Service) -> Response:
    return await _reply(await words.get(spokenWordId), words)


async def _change(
    entity_id: int, body: SpokenWordChange, seen: int | None, words: Elements
) -> Response:
    expected = expected_version(seen, body.versionNumber)
    entity = await words.update(entity_id, body.stored(), why(body.comment), expected)
    return await _reply(entity, words)


_CHANGE = (
    "What is absent stays as it is; null takes a reference away. With another script the line "
    "goes to the end of that one's story. An action must be of the same script."
)


@router.put(
    "/{spokenWordId}",
    operation_id="updateSpokenWord",
    summary="Change a spoken line",
    description=_CHANGE,
    response_model=SpokenWord,
)
async def put_word(
    spokenWordId: PathId, body: SpokenWordChange, seen: IfMatch, words: Service
) -> Response:
    return await _change(spokenWordId, body, seen, words)


@router.patch(
    "/{spokenWordId}",
    operation_id="patchSpokenWord",
    summary="Change a spoken line",
    description=_CHANGE,
    response_model=SpokenWord,
)
async def patch_word(
    spokenWordId: PathId, body: SpokenWordChange, seen: IfMatch, words: Service
) -> Response:
    return await _change(spokenWordId, body, seen, words)


@router.delete(
    "/{spokenWordId}",
    operation_id="deleteSpokenWord",
    summary="Delete a spoken line",
    description="The line can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_word(
    spokenWordId: PathId, seen: IfMatch, words: Service, comment: Comment | None = None
) -> Response:
    await words.delete(spokenWordId, why(comment), seen)
    return nothing()

"""The routes of paraphrases: below their originals, and all together."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from story_services.characters.filters import (
    Keyword,
    OfAction,
    OfCharacter,
    OfSession,
    OfSpokenWord,
)
from story_services.characters.paraphrases.schemas import (
    NestedParaphrase,
    OriginalType,
    Paraphrase,
    ParaphraseChange,
    ParaphraseCreate,
    Style,
)
from story_services.characters.paraphrases.service import Original, Paraphrases
from story_services.characters.views import paraphrase
from story_services.common.entities import Entity
from story_services.common.http.deps import Ctx, why
from story_services.common.http.headers import expected_version
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import Comment, Limit, Offset, PathId
from story_services.common.kinds import canonical

router = service_router(tags=["Paraphrases"])


async def _paraphrases(context: Ctx) -> Paraphrases:
    return Paraphrases(context)


Service = Annotated[Paraphrases, Depends(_paraphrases)]


def _reply(entity: Entity, status: int = 200) -> Response:
    return Reply(paraphrase(entity), status, version=entity.record.version)


async def _list_of(
    original: Original, paraphrases: Paraphrases, limit: int | None, offset: int
) -> Response:
    found = await paraphrases.of(original, limit, offset)
    return page([paraphrase(entity) for entity in found.items], found.total)


async def _create_of(
    original: Original, body: NestedParaphrase, paraphrases: Paraphrases
) -> Response:
    original.require(body.originalType and canonical(body.originalType), body.originalId)
    return _reply(await paraphrases.create(original, body.stored(), why(body.comment)), 201)


_LIST = "In their own order, from 1."
_CREATE = (
    "The original stays as it is. Numbered after the paraphrases there are of it; with a session, "
    "the revision of its context is kept."
)


@router.get(
    "/characters/{characterId}/paraphrases",
    operation_id="listCharacterParaphrases",
    summary="List the paraphrases of a character",
    description=_LIST,
    response_model=list[Paraphrase],
)
async def list_of_character(
    characterId: PathId, paraphrases: Service, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    return await _list_of(Original("character", characterId), paraphrases, limit, offset)


@router.post(
    "/characters/{characterId}/paraphrases",
    operation_id="createCharacterParaphrase",
    summary="Paraphrase a character",
    description=_CREATE,
    response_model=Paraphrase,
    status_code=201,
)
async def create_of_character(
    characterId: PathId, body: NestedParaphrase, paraphrases: Service
) -> Response:
    return await _create_of(Original("character", characterId), body, paraphrases)


@router.get(
    "/actions/{actionId}/paraphrases",
    operation_id="listActionParaphrases",
    summary="List the paraphrases of an action",
    description=_LIST,
    response_model=list[Paraphrase],
)
async def list_of_action(
    actionId: PathId, paraphrases: Service, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    return await _list_of(Original("action", actionId), paraphrases, limit, offset)


@router.post(
    "/actions/{actionId}/paraphrases",
    operation_id="createActionParaphrase",
    summary="Paraphrase an action",
    description=_CREATE,
    response_model=Paraphrase,
    status_code=201,
)
async def create_of_action(
    actionId: PathId, body: NestedParaphrase, paraphrases: Service
) -> Response:
    return await _create_of(Original("action", actionId), body, paraphrases)


@router.get(
    "/spokenWords/{spokenWordId}/paraphrases",
    operation_id="listSpokenWordParaphrases",
    summary="List the paraphrases of a spoken line",
    description=_LIST,
    response_model=list[Paraphrase],
)
async def list_of_spoken_word(
    spokenWordId: PathId, paraphrases: Service, limit: Limit | None = None, offset: Offset = 0
) -> Response:
    return await _list_of(Original("spokenWord", spokenWordId), paraphrases, limit, offset)


@router.post(
    "/spokenWords/{spokenWordId}/paraphrases",
    operation_id="createSpokenWordParaphrase",
    summary="Paraphrase a spoken line",
    description=_CREATE,
    response_model=Paraphrase,
    status_code=201,
)
async def create_of_spoken_word(
    spokenWordId: PathId, body: NestedParaphrase, paraphrases: Service
) -> Response:
    return await _create_of(Original("spokenWord", spokenWordId), body, paraphrases)


@router.get(
    "/paraphrases",
    operation_id="listParaphrases",
    summary="List paraphrases",
    description="Those that have all the values asked for and all the words in the text or in "
    "the commentary: of one original in their order, else by id.",
    response_model=list[Paraphrase],
)
async def list_paraphrases(
    paraphrases: Service,
    characterId: OfCharacter = None,
    actionId: OfAction = None,
    spokenWordId: OfSpokenWord = None,
    originalType: OriginalType | None = None,
    sessionId: OfSession = None,
    style: Style | None = None,
    keyword: Keyword = None,
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    originals = {"character": characterId, "action": actionId, "spokenWord": spokenWordId}
    filters = {
        "originalType": originalType and canonical(originalType),
        "sessionId": sessionId,
        "style": style,
    }
    found = await paraphrases.page(originals, filters, keyword, limit, offset)
    return page([paraphrase(entity) for entity in found.items], found.total)


@router.post(
    "/paraphrases",
    operation_id="createParaphrase",
    summary="Create a paraphrase",
    description=_CREATE,
    response_model=Paraphrase,
    status_code=201,
)
async def create_paraphrase(body: ParaphraseCreate, paraphrases: Service) -> Response:
    original = Original(canonical(body.originalType), body.originalId)
    return _reply(await paraphrases.create_flat(original, body.stored(), why(body.comment)), 201)


@router.get(
    "/paraphrases/{paraphraseId}",
    operation_id="getParaphraseById",
    summary="Read a paraphrase",
    description="Its number is the one among all paraphrases of the same original.",
    response_model=Paraphrase,
)
async def get_paraphrase(paraphraseId: PathId, paraphrases: Service) -> Response:
    return _reply(await paraphrases.get(paraphraseId))


async def _change(
    entity_id: int, body: ParaphraseChange, seen: int | None, paraphrases: Paraphrases
) -> Response:
    expected = expected_version(seen, body.versionNumber)
    return _reply(await paraphrases.update(entity_id, body.stored(), why(body.comment), expected))


_CHANGE = (
    "What is absent stays as it is; null takes style or session away. The original cannot be "
    "changed. With another session its present revision is kept."
)


@router.put(
    "/paraphrases/{paraphraseId}",
    operation_id="updateParaphrase",
    summary="Change a paraphrase",
    description=_CHANGE,
    response_model=Paraphrase,
)
async def put_paraphrase(
    paraphraseId: PathId, body: ParaphraseChange, seen: IfMatch, paraphrases: Service
) -> Response:
    return await _change(paraphraseId, body, seen, paraphrases)


@router.patch(
    "/paraphrases/{paraphraseId}",
    operation_id="patchParaphrase",
    summary="Change a paraphrase",
    description=_CHANGE,
    response_model=Paraphrase,
)
async def patch_paraphrase(
    paraphraseId: PathId, body: ParaphraseChange, seen: IfMatch, paraphrases: Service
) -> Response:
    return await _change(paraphraseId, body, seen, paraphrases)


@router.delete(
    "/paraphrases/{paraphraseId}",
    operation_id="deleteParaphrase",
    summary="Delete a paraphrase",
    description="The paraphrase can be brought back by restoring a version of it.",
    status_code=204,
)
async def delete_paraphrase(
    paraphraseId: PathId, seen: IfMatch, paraphrases: Service, comment: Comment | None = None
) -> Response:
    await paraphrases.delete(paraphraseId, why(comment), seen)
    return nothing()

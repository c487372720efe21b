"""The routes of the Story Factory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from story_services.central_sequence.numbers import Numbers
from story_services.central_sequence.reorder import Reordering
from story_services.central_sequence.schemas import Reordered
from story_services.central_sequence.views import reordered_view
from story_services.common.errors import BadInput
from story_services.common.http.deps import Ctx, why
from story_services.common.http.operation import service_router
from story_services.common.http.replies import Reply, page
from story_services.common.http.types import (
    Limit,
    Name,
    Offset,
    PathId,
    QueryBool,
    QueryId,
    QueryNumber,
    Text,
)
from story_services.common.kinds import canonical
from story_services.story_factory import schemas
from story_services.story_factory.filters import Filter
from story_services.story_factory.kept import KeptStories
from story_services.story_factory.reading import Ground
from story_services.story_factory.search import Search, Wanted
from story_services.story_factory.service import Story, StoryFactory

router = service_router(tags=["stories"])


class Parts:
    """The Story Factory's objects in one process."""

    def __init__(self, context: Ctx) -> None:
        self.context = context
        self.factory = StoryFactory(context)
        self.search = Search(context, self.factory)
        self.kept = KeptStories(context.store)
        self.reordering = Reordering(Numbers(context), context.orders)


async def _parts(request: Request, context: Ctx) -> Parts:
    parts: Parts | None = getattr(request.app.state, "story_factory", None)
    if parts is None or parts.context is not context:
        parts = request.app.state.story_factory = Parts(context)
    return parts


Service = Annotated[Parts, Depends(_parts)]
CharacterName = Annotated[str, Name(100)]
ContextValue = Annotated[
    str, Text(5000, 1), Query(description='"value", or "key:value" of the context.')
]
Paraphrased = Annotated[QueryBool, Query(description="Add the wording chosen for each original.")]


@router.get(
    "/stories",
    operation_id="getFullStory",
    summary="Put a story together",
    description="The whole story in ascending sequence, or the part that the filters leave. "
    "With sessionId, the session's data is merged over the contexts.",
    response_model=schemas.Story,
    response_model_exclude_unset=True,
)
async def story(
    service: Service,
    scriptId: QueryId,
    limit: Limit | None = None,
    offset: Offset = 0,
    filterByCharacter: CharacterName | None = None,
    characterId: QueryId | None = None,
    filterByContext: ContextValue | None = None,
    sectionId: QueryId | None = None,
    sessionId: QueryId | None = None,
    paraphrased: Paraphrased = False,
) -> Response:
    wanted = Filter(filterByCharacter, characterId, filterByContext, sectionId)
    ground = await service.factory.reading.ground(scriptId, sessionId)
    whole = wanted == Filter() and limit is None and not offset and not paraphrased
    if whole:
        return await _whole(service, ground)
    found = await service.factory.story(
        ground, wanted, paraphrased=paraphrased, limit=limit, offset=offset
    )
    return await _reply(found, "story")


async def _whole(service: Parts, ground: Ground) -> Response:
    signature = await service.kept.signature(ground)
    if (body := service.kept.get(signature)) is not None:
        return Response(body, media_type="application/json")
    found = await service.factory.story(ground, Filter())
    if found.long:
        return await _reply(found, "story")
    elements = await _elements(found)
    reply = _body(found, "story", elements)
    if found.is_own(elements):
        service.kept.put(signature, bytes(reply.body))
    return reply


@router.get(
    "/stories/sequences",
    operation_id="getStorySequences",
    summary="Put a range of a story together",
    description="The elements from one number to another, both included. 404 when there are none.",
    response_model=schemas.Sequences,
    response_model_exclude_unset=True,
)
async def sequences(
    service: Service,
    scriptId: QueryId,
    startSequence: QueryNumber,
    endSequence: QueryNumber,
    filterByCharacter: CharacterName | None = None,
    characterId: QueryId | None = None,
    filterByContext: ContextValue | None = None,
    sectionId: QueryId | None = None,
    sessionId: QueryId | None = None,
    paraphrased: Paraphrased = False,
) -> Response:
    if startSequence > endSequence:
        raise BadInput.field("startSequence", "must not be greater than endSequence")
    wanted = Filter(filterByCharacter, characterId, filterByContext, sectionId)
    ground = await service.factory.reading.ground(scriptId, sessionId)
    found = await service.factory.sequences(
        ground, startSequence, endSequence, wanted, paraphrased=paraphrased
    )
    return await _reply(found, "sequences")


async def _reply(found: Story, name: str) -> Response:
    """The story as one body; one that is too long to be held at once is sent as it is read."""
    if found.long:
        return StreamingResponse(_stream(found, name), media_type="application/json")
    return _body(found, name, await _elements(found))


async def _elements(found: Story) -> list[Any]:
    elements: list[Any] = []
    async for piece in found.pieces:
        elements += piece
    return elements


def _body(found: Story, name: str, elements: Sequence[Any]) -> Response:
    head = found.head
    if name == "story":  # where the contract shows it: after the sections
        tail = {key: head[key] for key in ("orchestration", "comment")}
        head = {key: value for key, value in head.items() if key not in tail}
        return Reply({**head, name: elements, **tail})
    return Reply({**head, name: elements})


async def _stream(found: Story, name: str) -> AsyncIterator[bytes]:
    head = orjson.dumps(found.head)
    yield head[:-1] + b',"' + name.encode() + b'":['
    comma = b""
    async for piece in found.pieces:
        if piece:
            yield comma + _inside(piece)
            comma = b","
    yield b"]}"


def _inside(piece: Sequence[Any]) -> bytes:
    return orjson.dumps(piece)[1:-1]


@router.post(
    "/stories/{scriptId}/reorder",
    operation_id="reorderStory",
    summary="Reorder the elements of a story",
    description="All or nothing: the listed elements take the numbers asked for, the others keep "
    "their relative order in the free ones, so that gaps close.",
    response_model=Reordered,
)
async def reorder(service: Service, scriptId: PathId, body: schemas.StoryReorder) -> Response:
    await service.context.entities.get("script", scriptId)
    moves = [(canonical(m.elementType), m.elementId, m.newSequence) for m in body.elements]
    done = await service.reordering.reorder(moves, scriptId, why(body.comment), body.ifRevision)
    return Reply(reordered_view(done, body.comment))


@router.get(
    "/search",
    operation_id="searchScript",
    summary="Search the elements of a script",
    description='Every word must occur, in any spelling that the analysis knows: "over" finds '
    '"o\'er". Words in double quotes must stand together.',
    response_model=list[schemas.Found],
    response_model_exclude_unset=True,
)
async def search(
    service: Service,
    scriptId: QueryId,
    q: Annotated[str, Text(500, 1), Query(examples=["the question"])],
    characterId: QueryId | None = None,
    sectionId: QueryId | None = None,
    elementType: schemas.StoryType | None = None,
    startSequence: QueryNumber | None = None,
    endSequence: QueryNumber | None = None,
    sortBy: Literal["sequence", "relevance"] = "sequence",
    limit: Limit | None = None,
    offset: Offset = 0,
) -> Response:
    if startSequence is not None and endSequence is not None and startSequence > endSequence:
        raise BadInput.field("startSequence", "must not be greater than endSequence")
    wanted = Wanted(
        script=scriptId,
        question=q,
        kinds=(canonical(elementType),) if elementType else (),
        character=characterId,
        section=sectionId,
        start=startSequence,
        end=endSequence,
        by_relevance=sortBy == "relevance",
        limit=limit,
        offset=offset,
    )
    hits, total = await service.search.search(wanted)
    return page(
        [{**hit.view, "score": hit.score, "highlights": hit.highlights} for hit in hits], total
    )

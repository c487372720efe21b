"""The route that gives a script out as a file."""

from __future__ import annotations

from typing import Any, Literal

from starlette.responses import Response, StreamingResponse

from story_services.common.http.operation import service_router
from story_services.common.http.types import QueryId
from story_services.corpora import write
from story_services.story_factory.export import export
from story_services.story_factory.export_schemas import ExportedPlay
from story_services.story_factory.routes import Service

router = service_router(tags=["stories"])

_MEDIA = {"json": "application/json", "txt": "text/plain", "fountain": "text/plain"}
_TEXT = {
    "schema": {"type": "string"},
    "example": "Title: Hamlet\n\n# ACT I\n\nBERNARDO\nWho's there?\n",
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": ExportedPlay, "content": {"text/plain": _TEXT}}
}


@router.get(
    "/stories/export",
    operation_id="exportStory",
    summary="Give a script out as a file",
    description="As our JSON, as readable text, or as Fountain; what is exported can be imported "
    "again, and its export is the same to the byte.",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
async def give_out(
    service: Service, scriptId: QueryId, format: Literal["json", "txt", "fountain"] = "json"
) -> Response:
    play = await export(service.factory.reading, scriptId)
    return StreamingResponse(
        write(play, format),
        media_type=_MEDIA[format],
        headers={"Content-Disposition": f'attachment; filename="script-{scriptId}.{format}"'},
    )

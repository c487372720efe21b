"""A small service of the tests' own, and a real server for it: process or thread, free port."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated, Any, Literal

import httpx
import uvicorn
from fastapi import Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from story_services.common.errors import Conflict, NotFound, Unavailable
from story_services.common.http import current
from story_services.common.http.app import StoryApp, create_app
from story_services.common.http.documents import ServiceDefinition
from story_services.common.http.free_data import FreeData
from story_services.common.http.headers import expected_version
from story_services.common.http.idempotency import Fresh, Replay
from story_services.common.http.operation import IfMatch, service_router
from story_services.common.http.replies import Reply, nothing, page
from story_services.common.http.types import (
    Comment,
    EntityId,
    Input,
    Limit,
    Name,
    Number,
    Offset,
    PathId,
    QueryBool,
    Text,
)
from story_services.common.settings import Settings


class Memory:
    """What the tests' app works with: plays kept in memory, a store that can be told to fail."""

    def __init__(self, settings: Settings, on_call: Any) -> None:
        self.settings = settings
        self.on_call = on_call
        self.plays: dict[int, dict[str, Any]] = {}
        self.problem: str | None = None
        self.wait = 0.0
        self.log: list[str] = []
        self.keys = MemoryKeys()

    async def start(self) -> None:
        self.log.append("started")

    async def close(self) -> None:
        self.log.append("closed")

    async def health(self) -> dict[str, str | None]:
        await asyncio.sleep(self.wait)
        return {"store": self.problem}


class MemoryKeys:
    """Idempotency keys as the contract wants them, in memory."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}

    async def begin(self, key: str, operation: str, body_hash: str) -> Replay | Fresh:
        request = (operation, body_hash)
        entry = self.known.get(key)
        if entry is None:
            entry = self.known[key] = {"request": request, "nonce": f"nonce-{len(self.known)}"}
            return Fresh(key, entry["nonce"])
        if entry["request"] != request:
            raise Conflict("This key stands for another request.")
        if entry.get("state") == "suspended":
            entry["state"] = "running"
            return Fresh(key, entry["nonce"], resumed=True)
        if "answer" not in entry:
            raise Conflict("The request still runs.")
        return Replay(*entry["answer"])

    async def finish(
        self, token: object, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        self.known[str(token)]["answer"] = (status, headers, body)

    async def abandon(self, token: object, *, ran: bool) -> None:
        if ran:
            self.known[str(token)]["state"] = "suspended"
        else:
            del self.known[str(token)]


class Part(Input):
    title: Annotated[str, Name(200), Field(examples=["Act I"])]
    place: Number | None = None


class PlayIn(Input):
    title: Annotated[str, Name(200), Field(examples=["Hamlet"])]
    description: Annotated[str, Text(2000), Field(examples=["A prince."])] | None = None
    parts: list[Part] = Field(default=[], max_length=100)
    data: FreeData | None = None
    comment: Comment | None = None


class PlayChange(Input):
    read_only = frozenset({"playId"})
    title: Annotated[str, Name(200), Field(examples=["Hamlet"])] | None = None
    versionNumber: Number | None = None


class Play(BaseModel):
    playId: EntityId
    title: str = Field(examples=["Hamlet"])
    description: str | None = Field(examples=["A prince."])
    parts: list[Part]
    data: FreeData | None
    versionNumber: Number
    comment: Comment | None


router = service_router(tags=["Plays"])
more = service_router("/odd", tags=["Odd"])
PlayId = Annotated[PathId, Path(description="The play.")]
memory: Memory


def _context(app: StoryApp) -> Memory:
    context: Memory = app.state.context
    return context


def make_app(services: Any = None, **settings: Any) -> tuple[StoryApp, list[Memory]]:
    """The app, and where its memory will be once it has started."""
    made: list[Memory] = []

    def resources(given: Settings, on_call: Any) -> Memory:
        made.append(Memory(given, on_call))
        _MEMORY.append(made[-1])
        return made[-1]

    return create_app(services or PLAYS, Settings(**settings), resources), made


_MEMORY: list[Memory] = []


def _plays() -> dict[int, dict[str, Any]]:
    return _MEMORY[-1].plays


@router.post("/plays", operation_id="createPlay", status_code=201, response_model=Play)
async def create_play(body: PlayIn) -> Reply:
    """Keep a play."""
    attempt = current.current_attempt()
    _MEMORY[-1].log.append(f"create {attempt.resumed if attempt else None}")
    if body.title == "Away":
        raise Unavailable(retry_after=7)
    if body.title == "Taken":
        raise Conflict("That title is taken.", "by play 1")
    plays = _plays()
    play = {"playId": max(plays, default=0) + 1, **body.model_dump(), "versionNumber": 1}
    plays[play["playId"]] = play
    return Reply(play, 201, version=1)


@router.get("/plays", operation_id="listPlays", response_model=list[Play])
async def list_plays(
    limit: Limit | None = None,
    offset: Offset = 0,
    title: Annotated[str, Text(200)] | None = None,
    tags: Annotated[list[Annotated[str, Text(20)]], Query()] = [],  # noqa: B006
    whole: QueryBool = True,
    kind: Literal["tragedy", "comedy"] | None = None,
) -> Reply:
    """All plays, or some of them."""
    found = [p for p in _plays().values() if title in (None, p["title"])]
    return page(found[offset : offset + (limit or 1000)], len(found))


@router.get("/plays/{playId}", operation_id="getPlay", response_model=Play)
async def get_play(playId: PlayId) -> Reply:
    """One play."""
    if playId not in _plays():
        raise NotFound.of("play", playId)
    return Reply(_plays()[playId], version=_plays()[playId]["versionNumber"])


async def _change(playId: int, body: PlayChange, seen: int | None) -> Reply:
    play = (await get_play(playId), _plays()[playId])[1]
    expected = expected_version(seen, body.versionNumber)
    if expected not in (None, play["versionNumber"]):
        raise Conflict("The play was changed meanwhile.", f"version {play['versionNumber']}")
    play |= {k: v for k, v in body.given().items() if k != "versionNumber" and v is not None}
    play["versionNumber"] += 1
    return Reply(play, version=play["versionNumber"])


@router.put("/plays/{playId}", operation_id="updatePlay", response_model=Play)
async def update_play(playId: PlayId, body: PlayChange, seen: IfMatch) -> Reply:
    """Change a play."""
    return await _change(playId, body, seen)


@router.patch("/plays/{playId}", operation_id="patchPlay", response_model=Play)
async def patch_play(playId: PlayId, body: PlayChange, seen: IfMatch) -> Reply:
    """Change a play."""
    return await _change(playId, body, seen)


@router.delete("/plays/{playId}", operation_id="deletePlay", status_code=204)
async def delete_play(
    playId: PlayId, comment: Annotated[str | None, Text(1000)] = None
) -> Response:
    """Delete a play."""
    await get_play(playId)
    del _plays()[playId]
    return nothing()


@router.get("/plays/best", operation_id="getBestPlay", response_model=Play)
async def get_best_play() -> Reply:
    """Declared after /plays/{playId}, and yet its own address."""
    play = {"playId": 1, "title": "Hamlet", "description": None, "parts": [], "data": None}
    return Reply(play | {"versionNumber": 1, "comment": None})


@more.get("/slow", operation_id="getSlow", response_model=dict[str, str])
async def get_slow(seconds: Annotated[int, Query(ge=0, le=60)] = 1) -> Reply:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return Reply({"slept": str(seconds), "actor": current.actor()})


@more.post("/defect", operation_id="makeDefect", response_model=dict[str, str])
async def make_defect(body: PlayIn) -> Reply:
    """Raises what nobody expects, with the body's text in its message."""
    raise RuntimeError(f"this is a defect: {body.title}")


PIECES = {"content": {"text/plain": {"schema": {"type": "string"}, "example": "piece 0\n"}}}


@more.get(
    "/stream",
    operation_id="getStream",
    response_class=StreamingResponse,
    responses={200: PIECES},
)
async def get_stream(pieces: Offset = 3, fail: QueryBool = False) -> Response:
    """Many pieces."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(pieces):
            yield f"piece {number}\n".encode()
        if fail:
            raise RuntimeError("in the middle")

    return StreamingResponse(made(), media_type="text/plain")


PLAYS = (
    ServiceDefinition("plays", "Plays", "Keeps plays.", {"Plays": "Plays."}, "1.0.0", (router,)),
    ServiceDefinition("odd", "Odd", "Odd things.", {"Odd": "Odd."}, "1.2.0", (more,)),
)


class Served:
    """An app on a real server in a thread."""

    def __init__(self, app: StoryApp, made: list[Memory]) -> None:
        config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="on")
        self.server = uvicorn.Server(config)
        self.made = made
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self.server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        assert self.server.started
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def memory(self) -> Memory:
        return self.made[-1]

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def served(services: Any = None, **settings: Any) -> Iterator[tuple[Served, httpx.Client]]:
    """The app on a free port with a client for it."""
    server = Served(*make_app(services, **settings))
    try:
        with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
            yield server, client
    finally:
        server.stop()

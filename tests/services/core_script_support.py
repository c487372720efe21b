"""The real app of some services on the real node, for a whole file of tests."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from story_services.common.context import Context
from story_services.common.http.app import create_app
from story_services.common.http.documents import ServiceDefinition
from story_services.common.records import Why
from story_services.common.settings import Settings
from story_services.common.store.client import Store
from tests.services.foundation import Served
from tests.services.node_support import delete_indices

T = TypeVar("T")
ELEMENT = (
    "text", "scriptId", "sectionId", "characterId", "speechId", "actionId", "targetType",
    "targetId",
)  # fmt: skip


class Api:
    """A caller of the services; statuses that are not expected fail with the answer."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings

    def aside(self, act: Callable[[Context], Awaitable[T]], store: Store | None = None) -> T:
        """What another process does with the same store, meanwhile."""

        async def run() -> T:
            context = Context(self.settings, store)
            try:
                return await act(context)
            finally:
                await context.close()

        return asyncio.run(run())

    def element(self, kind: str, **content: Any) -> int:
        """A new element of a script's story."""
        fields = {**dict.fromkeys(ELEMENT), "text": "...", **content}
        return self.aside(lambda c: c.entities.create(kind, fields, Why())).id

    def restore(self, kind: str, entity_id: int, version: int = 1) -> None:
        """Back to that version."""
        self.aside(lambda c: c.entities.restore(kind, entity_id, version, Why()))

    def call(self, method: str, path: str, status: int, body: Any = None, **more: Any) -> Any:
        if body is not None:
            more["json"] = body
        answer = self.client.request(method, path, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.call("GET", path, status, params=params)

    def post(self, path: str, body: Any, status: int = 201, **more: Any) -> Any:
        return self.call("POST", path, status, body, **more)

    def put(self, path: str, body: Any, status: int = 200, **more: Any) -> Any:
        return self.call("PUT", path, status, body, **more)

    def patch(self, path: str, body: Any, status: int = 200, **more: Any) -> Any:
        return self.call("PATCH", path, status, body, **more)

    def delete(self, path: str, status: int = 204, **more: Any) -> Any:
        return self.call("DELETE", path, status, **more)

    def total(self, path: str, **params: Any) -> int:
        return int(self.client.get(path, params=params).headers["X-Total-Count"])

    def script(self, *titles: str, **fields: Any) -> dict[str, Any]:
        """A new script with sections of these titles."""
        body = {"title": "Hamlet", "sections": [{"title": title} for title in titles], **fields}
        made: dict[str, Any] = self.post("/scripts", body)
        return made


@contextlib.contextmanager
def serving(node_url: str, *services: ServiceDefinition) -> Iterator[Api]:
    """The services in one app with indices of its own, which are deleted afterwards."""
    settings = Settings(store_url=node_url, index_prefix=f"story-t{secrets.token_hex(4)}-")
    made: list[Any] = []

    def resources(given: Settings, on_call: Any) -> Context:
        made.append(Context(given, Store(given, on_call=on_call)))
        return made[-1]

    try:
        server = Served(create_app(services, settings, resources), made)
        try:
            with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
                yield Api(client, settings)
        finally:
            server.stop()
    finally:
        delete_indices(node_url, settings.index_prefix)


def fits(model: type[BaseModel], value: dict[str, Any]) -> None:
    """An answer is what the document says of it, all fields and no others."""
    assert value.keys() == model.model_fields.keys()
    model.model_validate(value, strict=True)


class Dying(Store):
    """A store that dies at its nth write, before it is sent: what a kill leaves at that point."""

    def __init__(self, settings: Settings, at: int) -> None:
        super().__init__(settings)
        self.left = at

    def _write(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    async def create(self, *args: Any) -> Any:
        self._write()
        return await super().create(*args)

    async def put(self, *args: Any) -> Any:
        self._write()
        return await super().put(*args)

    async def bulk_create(self, *args: Any) -> Any:
        self._write()
        return await super().bulk_create(*args)

    async def bulk_put(self, *args: Any) -> Any:
        self._write()
        return await super().bulk_put(*args)


class Killed(Exception):
    """The process is gone."""

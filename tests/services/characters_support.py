"""The service of characters on a real node, asked like its callers ask it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import pytest

from story_services.characters.routes import DEFINITION
from story_services.common.context import Context
from story_services.common.http.app import StoryApp, create_app
from story_services.common.records import Why
from story_services.common.settings import Settings
from story_services.common.store.client import Store
from tests.services import node_support

T = TypeVar("T")


class Api:
    """A process of the service: requests go through all its layers, without a socket."""

    def __init__(self, app: StoryApp, runner: asyncio.Runner, calls: list[str]) -> None:
        self.app = app
        self.calls = calls  # of the store, in their order
        self.runner = runner
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://story", timeout=60)

    @property
    def context(self) -> Context:
        context: Context = self.app.state.context
        return context

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine on the process's loop."""
        return self.runner.run(work)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.run(self.client.request(method, path, json=body, **more))

    def all_at_once(self, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
        """Answers to (method, path, body) asked for at the same time."""

        async def together() -> list[httpx.Response]:
            asked = (self.client.request(m, path, json=body) for m, path, body in requests)
            return list(await asyncio.gather(*asked))

        return self.run(together())

    def get(self, path: str, **query: Any) -> Any:
        """The body of a good answer."""
        return ok(self.ask("GET", path, params=query))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return ok(self.ask("POST", path, body, headers=headers), 201)

    def patch(self, path: str, **fields: Any) -> Any:
        return ok(self.ask("PATCH", path, fields))

    def delete(self, path: str, **query: Any) -> None:
        assert self.ask("DELETE", path, params=query).status_code == 204

    def total(self, path: str, **query: Any) -> int:
        return int(self.ask("GET", path, params=query).headers["X-Total-Count"])

    # What belongs to other services.

    def make(self, kind: str, **content: Any) -> int:
        return self.run(self.context.entities.create(kind, content, Why())).id

    def script(self, title: str = "Hamlet") -> int:
        return self.make("script", title=title, author=None, description=None)

    def section(self, script_id: int, title: str = "Act I") -> int:
        return self.make("section", scriptId=script_id, title=title)

    def drop(self, kind: str, entity_id: int) -> None:
        self.run(self.context.entities.delete(kind, entity_id, Why()))

    def restore(self, kind: str, entity_id: int, version: int = 1) -> None:
        self.run(self.context.entities.restore(kind, entity_id, version, Why()))


def ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int, *words: str) -> Mapping[str, Any]:
    """The error, which has the contract's shape and all the words somewhere."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"errorCode", "message", "details"}
    said = f"{body['errorCode']} {body['message']} {body['details']}"
    for word in words:
        assert word in said
    return body


@contextmanager
def process(node_url: str, prefix: str) -> Iterator[Api]:
    """One running process."""
    settings = Settings(store_url=node_url, index_prefix=prefix)
    calls: list[str] = []

    def resources(given: Settings, _: object) -> Context:
        return Context(given, Store(given, on_call=lambda operation, *_: calls.append(operation)))

    app = create_app(DEFINITION, settings, resources)
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        made = Api(app, runner, calls)
        try:
            yield made
        finally:
            runner.run(made.client.aclose())
            runner.run(lifespan.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    made = f"story-t{secrets.token_hex(4)}-"
    yield made
    node_support.delete_indices(node_url, made)


@pytest.fixture(scope="module")
def api(node_url: str, prefix: str) -> Iterator[Api]:
    """A process that the tests of one file share; each makes scripts of its own."""
    with process(node_url, prefix) as made:
        yield made

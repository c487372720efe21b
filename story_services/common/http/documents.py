"""The OpenAPI documents of services: one each, and one of all together.

Reads the routes through FastAPI and finishes what it says; examples are taken from the routes
themselves, because FastAPI drops every null from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from story_services.common.http.finishing import Document, finish

_HEALTH_TAG = {"name": "Health", "description": "Whether the services can work."}


@dataclass(frozen=True)
class ServiceDefinition:
    """One service: what its document says of it, and its routes. `name` is part of addresses,
    as in `core-script`; `tags` are name → description."""

    name: str
    title: str
    description: str
    tags: dict[str, str]
    version: str
    routers: Sequence[APIRouter] = field(default=(), repr=False)

    def routes(self) -> list[APIRoute]:
        """All routes. TypeError for anything that is no plain route on a listed router."""
        routes = [route for router in self.routers for route in router.routes]
        for route in routes:
            if not isinstance(route, APIRoute):
                raise TypeError(f"{self.name}: list every router, {route!r} is not a route")
        return [route for route in routes if isinstance(route, APIRoute)]


@dataclass(frozen=True)
class Whole:
    """What the document of all services together says of itself."""

    title: str = "FountainAI story services"
    description: str = (
        "Scripts, characters, lines, actions, their order, versions and context. Errors are "
        "{errorCode, message, details}; every answer has an X-Request-Id."
    )


def document(
    services: Sequence[ServiceDefinition],
    public_url: str | None = None,
    whole: Whole | None = None,
) -> Document:
    """The document of one service, or of several as a whole. `public_url` is the server it
    names; without it, the one it is read from. ValueError for what breaks the contract's form."""
    only = services[0] if len(services) == 1 and whole is None else None
    about = only or whole or Whole()
    routes = [route for service in services for route in service.routes()]
    tags = {name: text for service in services for name, text in service.tags.items()}
    raw = get_openapi(
        title=about.title,
        description=about.description,
        version=max((service.version for service in services), key=_version),
        routes=routes,
        tags=[{"name": name, "description": text} for name, text in tags.items()] + [_HEALTH_TAG],
        separate_input_output_schemas=False,
    )
    _put_examples(raw, routes)
    return finish(raw, [{"url": public_url or "/"}])


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def dumps(content: Document) -> bytes:
    """The bytes of a document; the same for the same document, to be compared and kept."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def compact(content: Document) -> bytes:
    """The same in a third of the bytes, to be sent."""
    return orjson.dumps(content)


def _put_examples(raw: dict[str, Any], routes: Iterable[APIRoute]) -> None:
    for route in routes:
        for method in route.methods or ():
            answers = raw["paths"].get(route.path_format, {}).get(method.lower(), {})
            for status, response in route.responses.items():
                for media, given in response.get("content", {}).items():
                    if "example" in given:
                        content = answers["responses"][str(status)]["content"]
                        content[media]["example"] = given["example"]

"""The table of routes: which function answers which method and path, and what it needs.

A path is matched segment by segment after splitting, so that `%2F` stays inside a name, as in
GitHub's environments. `/repositories/ID/...` is the same as `/repos/OWNER/NAME/...`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.github_standin.access import Need, Token
from tests.github_standin.wire import Refused, Reply, error, invalid, not_found, page
from tests.github_standin.world import Environment, Repository, World


@dataclass
class Call:
    """One request, resolved: whose it is, what it names, and what it says."""

    world: World
    base: str  # http://127.0.0.1:PORT
    path: str
    parameters: dict[str, str]
    query: dict[str, str]
    token: Token | None
    body: Any = None
    version: str = "2022-11-28"
    found: Repository | None = None

    @property
    def repository(self) -> Repository:
        if self.found is None:
            raise Refused(not_found())
        return self.found

    @property
    def environment(self) -> Environment:
        """The environment that the path names, in any case of letters."""
        known = self.repository.environments.get(self.parameters["environment"].lower())
        if known is None:
            raise Refused(not_found())
        return known

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object; a request without a body has none of the fields."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refused(error(400, "Body should be a JSON object"))
        return self.body

    def text(self, resource: str, name: str) -> str:
        """A required field of text."""
        if name not in self.fields:
            raise Refused(invalid(resource, name, "missing_field"))
        value = self.fields[name]
        if not isinstance(value, str):
            raise Refused(invalid(resource, name))
        return value

    def listing(self, name: str, items: list[Any], per_page: int = 30) -> Reply:
        """A page of items under `name`, with the count of all and the links to the others."""
        shown, links = page(self.base + self.path, self.query, items, per_page)
        return Reply(200, {"total_count": len(items), name: shown}, links)


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    method: str
    parts: tuple[str, ...]
    handler: Handler
    need: Need


ROUTES: list[Route] = []


def route(method: str, path: str, need: Need | None = None) -> Callable[[Handler], Handler]:
    """Register a handler; fixed parts win over `{names}` when it was registered first."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, split(path), handler, need or Need(public=True)))
        return handler

    return register


def split(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and the unquoted names in its path."""
    parts = split(path)
    if parts[0] == "repositories" and len(parts) > 1:
        parts = ("repos", "", *parts[1:])  # owner "" stands for: by number
    for known in ROUTES:
        if known.method != method or len(known.parts) != len(parts):
            continue
        pairs = list(zip(known.parts, parts, strict=True))
        if all(want.startswith("{") or want == got for want, got in pairs):
            names = {w[1:-1]: unquote(got) for w, got in pairs if w.startswith("{")}
            return known, names
    return None

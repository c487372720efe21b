"""From method and path to the route, in one walk down a tree instead of a try of every pattern.

Guarantees what OpenAPI promises whatever the order of declaration: a literal segment goes before
a parameter, with all its methods. An unknown path is 404, a known one without the method 405 with
all that it allows; HEAD is answered where GET is. A path is taken as it came: no redirects, no
encoded slashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from story_services.common.errors import NotFound, ServiceError

_NOT_FOUND = "There is nothing at this address."


class Route(Protocol):
    """What the tree needs of a route."""

    @property
    def path(self) -> str:
        """Its path, parameters in braces."""

    @property
    def methods(self) -> Any:
        """The methods it answers."""

    @property
    def app(self) -> ASGIApp:
        """What answers."""


class NotAllowed(ServiceError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        names = set(allowed)
        self.allow = ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))
        super().__init__("This address does not know that method.", f"it knows {self.allow}")

    def headers(self) -> dict[str, str]:
        """`Allow`, which a 405 must have."""
        return {"Allow": self.allow}


class _Node:
    __slots__ = ("literal", "parameter", "routes")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.routes: dict[str, tuple[Route, tuple[str, ...]]] = {}

    def find(self, segments: list[str], at: int) -> Iterator[tuple[_Node, tuple[str, ...]]]:
        """Every node that the path leads to, the most literal one first, with its values."""
        if at == len(segments):
            yield self, ()
            return
        segment = segments[at]
        if below := self.literal.get(segment):
            yield from below.find(segments, at + 1)
        if self.parameter is not None and segment:
            for node, values in self.parameter.find(segments, at + 1):
                yield node, (segment, *values)


class Dispatcher:
    """The innermost ASGI app: hands a request to its route."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node, names = self._root, []
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                if ":" in segment or not segment.endswith("}"):
                    raise ValueError(f"{route.path}: a parameter is one whole segment")
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        for method in route.methods:
            if method in node.routes:
                raise ValueError(f"two routes for {method} {route.path}")
            node.routes[method] = route, tuple(names)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its parameters. Raises NotFound or NotAllowed."""
        for node, values in self._root.find(path.split("/"), 1):
            if not node.routes:
                continue
            found = node.routes.get(method)
            if found is None and method == "HEAD":
                found = node.routes.get("GET")
            if found is None:
                raise NotAllowed(node.routes)
            route, names = found
            return route, dict(zip(names, values, strict=True))
        raise NotFound(_NOT_FOUND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if b"%2f" in scope.get("raw_path", b"").lower():
            raise NotFound(_NOT_FOUND)
        route, parameters = self.find(scope["method"], scope["path"])
        scope["route"] = route
        scope["path_params"] = parameters
        await route.app(scope, receive, send)

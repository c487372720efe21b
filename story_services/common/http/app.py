"""One ASGI app of one service or of several, with everything around them.

Guarantees: each service has its own document under `/openapi/<name>.json`, all together are
`/openapi.json`; served alone, a service's document is `/openapi.json`, too. What the app works
with is made when it starts and closed when it stops, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.types import Receive, Scope, Send

from story_services.common.http import documents, system
from story_services.common.http.dispatch import Dispatcher, Route
from story_services.common.http.documents import ServiceDefinition
from story_services.common.http.gate import Gate
from story_services.common.http.metrics import Metrics
from story_services.common.http.system import Resources, SystemRoute
from story_services.common.settings import Settings

__all__ = ["MakeResources", "Resources", "ServiceDefinition", "StoryApp", "create_app"]

#: Makes what an app works with; the second argument is told of every call of the store:
#: operation, outcome, seconds.
MakeResources = Callable[[Settings, Callable[[str, str, float], None]], Resources]


class StoryApp(FastAPI):
    """FastAPI with one lean stack in place of its own: gate, exit stack, dispatcher."""

    def __init__(
        self,
        services: Sequence[ServiceDefinition],
        settings: Settings,
        make_resources: MakeResources,
    ) -> None:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            resources = make_resources(settings, self.state.metrics.store_call)
            self.state.context = resources
            try:
                await resources.start()
                yield
            finally:
                await resources.close()

        super().__init__(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=lifespan,
            telemetry={"tracing": False, "metrics": False, "logs": False},
        )
        self.services = tuple(services)
        self.state.settings = settings
        self.state.metrics = Metrics()
        routes: list[Route] = [*self._system()]
        for service in services:
            self.router.routes.extend(service.routes())
            routes.extend(service.routes())
        dispatcher = AsyncExitStackMiddleware(Dispatcher(routes))
        self._gate = Gate(dispatcher, settings, self.state.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "http":
            await self._gate(scope, receive, send)
        else:
            await self.router(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The document of everything that this app serves."""
        return documents.document(self.services, self.state.settings.public_url)

    def _system(self) -> list[SystemRoute]:
        url = self.state.settings.public_url

        def own(service: ServiceDefinition) -> Callable[[], bytes]:
            return lambda: documents.compact(documents.document([service], url))

        routes = [
            SystemRoute("/health", system.health),
            SystemRoute("/metrics", system.numbers),
            SystemRoute("/openapi.json", system.fixed(lambda: documents.compact(self.openapi()))),
            SystemRoute("/docs", system.readable(self.openapi)),
        ]
        for service in self.services:
            routes.append(SystemRoute(f"/openapi/{service.name}.json", system.fixed(own(service))))
        return routes


def create_app(
    services: ServiceDefinition | Sequence[ServiceDefinition],
    settings: Settings,
    make_resources: MakeResources,
) -> StoryApp:
    """The app of a service or of several. ValueError when two of their routes are the same."""
    listed = [services] if isinstance(services, ServiceDefinition) else list(services)
    return StoryApp(listed, settings, make_resources)

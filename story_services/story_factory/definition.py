"""The Story Factory as a service."""

from __future__ import annotations

from story_services.common.http.documents import ServiceDefinition
from story_services.story_factory import export_routes, routes

DEFINITION = ServiceDefinition(
    name="story-factory",
    title="Story Factory",
    description="The story of a script put together in its order, with contexts, world states and "
    "paraphrases; searched, exported and reordered.",
    tags={"stories": "Whole stories, ranges of them, search and export."},
    version="1.0.0",
    routers=(routes.router, export_routes.router),
)

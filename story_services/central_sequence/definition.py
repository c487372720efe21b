"""The Central Sequence as a service."""

from __future__ import annotations

from story_services.central_sequence import history_routes, routes
from story_services.common.http.documents import ServiceDefinition

DEFINITION = ServiceDefinition(
    name="central-sequence",
    title="Central Sequence",
    description="Numbers, reordering and versions of everything in a story, and the history of "
    "each script with undo and redo.",
    tags={
        "sequence": "Numbers, their order, and versions.",
        "history": "What was done to a script; undo and redo.",
    },
    version="1.0.0",
    routers=(routes.router, history_routes.router),
)

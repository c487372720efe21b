"""The service's definition: its routes and what its document says of them."""

from __future__ import annotations

from story_services.common.http.documents import ServiceDefinition
from story_services.session_context.contexts.routes import router as contexts
from story_services.session_context.sessions.routes import router as sessions
from story_services.session_context.world_states.routes import router as world_states

DEFINITION = ServiceDefinition(
    name="session-context",
    title="Session and Context",
    description="Sessions whose context is kept by revisions, contexts of characters and states "
    "of the world, each valid over a range of a story.",
    tags={
        "sessions": "Sessions, their context and its history.",
        "contexts": "What holds for a character.",
        "worldStates": "What holds in the world.",
    },
    version="1.0.0",
    routers=(sessions, contexts, world_states),
)

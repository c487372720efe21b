"""All services in one process on the shared node, for a whole file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from story_services.central_sequence.definition import DEFINITION as SEQUENCE
from story_services.characters.routes import DEFINITION as CHARACTERS
from story_services.core_script.routes import DEFINITION as SCRIPTS
from story_services.performers.routes import DEFINITION as PERFORMERS
from story_services.session_context.routes import DEFINITION as SESSIONS
from story_services.story_factory.definition import DEFINITION as STORIES
from tests.services.core_script_support import Api, serving

__all__ = ["Api", "story_services"]


@contextmanager
def story_services(node_url: str) -> Iterator[Api]:
    """A caller of all services, with indices of their own."""
    with serving(node_url, SEQUENCE, SCRIPTS, CHARACTERS, SESSIONS, STORIES, PERFORMERS) as api:
        yield api

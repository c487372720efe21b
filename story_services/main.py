"""The story services put together: all of them in one process, or some of them.

`python -m story_services.main [service ...]` is what a container runs: settings come from the
environment, the log goes to stderr, SIGTERM ends it in order with status 0. Every service has its
own tables of routes and shares nothing with the others but the store, so any choice of them works.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from story_services.central_sequence.definition import DEFINITION as CENTRAL_SEQUENCE
from story_services.characters.routes import DEFINITION as CHARACTERS
from story_services.common.context import Context
from story_services.common.http import current, serve
from story_services.common.http.app import ServiceDefinition, StoryApp, create_app
from story_services.common.settings import Settings, load_or_exit
from story_services.common.store.client import Store
from story_services.core_script.routes import DEFINITION as CORE_SCRIPT
from story_services.performers.routes import DEFINITION as PERFORMERS
from story_services.session_context.routes import DEFINITION as SESSION_CONTEXT
from story_services.story_factory.definition import DEFINITION as STORY_FACTORY


class UnknownService(ValueError):
    """A name that no service has; the message lists those that there are."""


def services() -> list[ServiceDefinition]:
    """All services."""
    return [
        CENTRAL_SEQUENCE,
        CORE_SCRIPT,
        SESSION_CONTEXT,
        CHARACTERS,
        PERFORMERS,
        STORY_FACTORY,
    ]


def chosen(names: Sequence[str] = ()) -> list[ServiceDefinition]:
    """The services of these names, with hyphens or underscores; all without any."""
    known = {service.name: service for service in services()}
    wanted = [name.replace("_", "-") for name in names]
    for given, name in zip(names, wanted, strict=True):
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise UnknownService(
                f"There is no service {given!r}{meant}; there are {', '.join(known)}."
            )
    return [known[name] for name in dict.fromkeys(wanted)] or list(known.values())


def resources(settings: Settings, on_call: Callable[[str, str, float], None]) -> Context:
    """What the services of one process work with."""
    return Context(settings, Store(settings, on_call=on_call, opaque_id=current.request_id))


def app(names: Sequence[str] = (), settings: Settings | None = None) -> StoryApp:
    """The app of these services, all without any names."""
    return create_app(chosen(names), settings or Settings(), resources)


def main(names: Sequence[str]) -> int:
    """Serve until told to stop; the exit status."""
    try:
        wanted = chosen(names)
    except UnknownService as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    settings = load_or_exit(wanted[0].name if len(wanted) == 1 else None)
    return serve.run(create_app(wanted, settings, resources), settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The options that commands share, and how a command gets them as one connection."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from story_services.client.api import DEFAULT_URL, Connection, key_from
from story_services.client.errors import ClientError
from story_services.client.gateways import gateway

_WHERE = "Services"

Url = Annotated[
    str,
    typer.Option(
        envvar="STORY_URL",
        metavar="URL",
        help="address of the services or their gateway",
        rich_help_panel=_WHERE,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="STORY_API_KEY_FILE",
        metavar="FILE",
        help="file with the key for the gateway",
        rich_help_panel=_WHERE,
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        envvar="STORY_CA_FILE",
        metavar="FILE",
        help="CA certificate of the gateway, if it has one of its own",
        rich_help_panel=_WHERE,
    ),
]
Env = Annotated[
    str | None,
    typer.Option(
        envvar="STORY_ENV",
        metavar="NAME",
        help="the gateway of this environment, with the operator's key",
        rich_help_panel=_WHERE,
    ),
]
Wait = Annotated[
    float,
    typer.Option(
        min=0,
        max=3600,
        metavar="SECONDS",
        help="how long to go on trying while the services are away",
        rich_help_panel=_WHERE,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
Script = Annotated[int, typer.Argument(min=1, metavar="SCRIPT", help="number, as in 'story list'")]


def _connection(
    url: Url = DEFAULT_URL,
    key_file: KeyFile = None,
    ca: CaFile = None,
    env: Env = None,
    wait: Wait = 90.0,
) -> Connection:
    """Where the services are; the key is read now and shown nowhere."""
    if env is not None:
        if url != DEFAULT_URL or key_file or ca:
            raise ClientError(
                f"--env {env} says where the services are, and so do --url, --key-file or --ca.",
                "leave one of them out (STORY_ENV, STORY_URL, STORY_API_KEY_FILE, STORY_CA_FILE)",
            )
        return gateway(env, wait)
    named = () if url == DEFAULT_URL else ("--url", url)
    return Connection(url, key_from(key_file) if key_file else None, ca, wait, named)


_SHARED = inspect.signature(_connection, eval_str=True)


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes a Connection first, as one that has the shared options instead."""
    own = inspect.signature(command, eval_str=True)
    parameters = [*list(own.parameters.values())[1:], *_SHARED.parameters.values()]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        to = _connection(**{name: values.pop(name) for name in _SHARED.parameters})
        command(to, **values)

    # What typer looks at.
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run

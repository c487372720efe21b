"""`story migrate`: brings stored data to the form that this version of the program needs.

Nothing is lost and nothing is doubled, also while services write, and a run that was killed is
finished by the next one. A repeat has nothing to do. Nobody but a person starts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from story_services.client.console import Output
from story_services.client.errors import ClientError
from story_services.client.folder import Folder, default_folder
from story_services.client.stores import environment, local_node

Env = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="migrate the search host of this environment"),
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="migrate the stories kept here [default: as story serve]"),
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="another migration is dead for sure: go on for it")
]
_HEAP_MB = 512


def migrate(env: Env = None, data: Data = None, take_over: TakeOver = False) -> None:
    """Bring stored data to the form that this version needs, while the services go on.

    With --env as the operator, through the door of that environment; else on the data of `story
    serve`, which must not be running.
    """
    output = Output()
    if env is not None and data is not None:
        raise ClientError("--data and --env exclude each other.", "leave one of them out")
    with _store(env, data, output) as where:
        asyncio.run(_run(where, take_over, output))


@contextmanager
def _store(env: str | None, data: Path | None, output: Output) -> Iterator[Mapping[str, Any]]:
    """Settings for the store to migrate."""
    if env is not None:
        yield environment(env, "operator")
        return
    folder = Folder(data or default_folder())
    if not folder.node.exists():
        raise ClientError(f"There are no stories in {folder.path}.", "name their place: --data DIR")
    if left := folder.take("story migrate"):
        output.say(left)
    try:
        with local_node(folder.node, _HEAP_MB, output.say, lambda: None) as settings:
            yield settings
    finally:
        folder.release()


async def _run(where: Mapping[str, Any], take_over: bool, output: Output) -> None:
    from story_services.common.errors import ServiceError
    from story_services.common.settings import Settings
    from story_services.common.store.client import Store
    from story_services.common.store.copying import MigrationError
    from story_services.common.store.migrate import Migration

    store = Store(Settings(**where))
    try:
        reports = await Migration(store, output.say, take_over=take_over).run()
    except MigrationError as error:
        raise ClientError(str(error), "put that right, then run story migrate again") from None
    except ServiceError as error:
        what = f"{error.message} {error.details or ''}".strip()
        raise ClientError(what, "run story migrate again; it goes on where it was") from None
    finally:
        await store.close()
    output.say(
        f"Migrated {len(reports)} indices, {sum(r.documents for r in reports)} documents."
        if reports
        else "Nothing to migrate: the data has the form that this version needs."
    )

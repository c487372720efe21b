"""The command `provision github`: plan, apply, dispatch.

Exit codes as everywhere: 0 done, 1 failed, 2 changes pending (plan), 3 another run is at work.
Nothing here deploys: `dispatch` starts a build, and a person puts its digest into site.toml.
GitHub's client is loaded only when one of these commands runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Annotated

import typer

from inventories.errors import ProvisionError
from inventories.lock import env_lock
from inventories.progress import Progress
from inventories.worlds import World, world

app = typer.Typer(
    no_args_is_help=True,
    help="Secrets and variables of the GitHub repository, and its build of the image.",
)
Env = Annotated[str | None, typer.Option("--env", help="default: DEPLOY_ENV, else production")]
Prune = Annotated[
    bool, typer.Option("--prune", help="remove what was written from here and left site.toml")
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable result on stdout")]


@app.command()
def plan(
    env: Env = None,
    prune: Prune = False,
    json: Json = False,
) -> None:
    """Show by name what apply would write or remove; exit 2 if anything. Changes nothing."""
    from inventories.repository import work

    session = work.open_session(world(env), Progress())
    raise typer.Exit(work.plan(session, prune=prune, as_json=json))


@app.command()
def apply(
    env: Env = None,
    prune: Prune = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    json: Json = False,
) -> None:
    """Write what site.toml wants and GitHub does not have so; safe to repeat."""
    from inventories.repository import work

    where = world(env)
    session = work.open_session(where, Progress())
    again = f"provision github apply{' --prune' if prune else ''} --env {where.env}"
    _locked(where, again, lambda: work.apply(session, prune=prune, yes=yes, as_json=json))


@app.command()
def dispatch(
    ref: Annotated[str, typer.Option("--ref", help="branch or tag to build")] = "main",
    env: Env = None,
) -> None:
    """Start the build of the image and print the run's address. Deploys nothing."""
    from inventories.repository import work

    where = world(env)
    session = work.open_session(where, Progress())
    again = f"provision github dispatch --ref {shlex.quote(ref)} --env {where.env}"
    _locked(where, again, lambda: work.dispatch(session, ref))


def _locked(where: World, again: str, work: Callable[[], int]) -> None:
    """Run `work` under the environment's lock; every failure names the command to repeat."""
    with env_lock(where, again):
        try:
            code = work()
        except ProvisionError as failure:
            failure.next_step = failure.next_step or again
            raise
        except KeyboardInterrupt:
            raise ProvisionError(
                "interrupted; what was done is kept, what was begun shows in the plan", again
            ) from None
    raise typer.Exit(code)

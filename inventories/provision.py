"""The command `provision`: plan, apply, status, destroy, start, stop.

Parses the command line, holds the lock, and turns failures into a sentence, what exists and is
billed now, and the next command. Exit codes: 0 done, 1 failed, 2 changes pending (plan), 3 locked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from inventories import commands, console
from inventories.commands import Session, open_session
from inventories.errors import ProvisionError
from inventories.images.commands import app as images
from inventories.lock import env_lock
from inventories.plan_text import billed_lines
from inventories.progress import Progress
from inventories.repository.commands import app as github
from inventories.worlds import world

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Buy, show and give back the hosts of inventories/site.toml at AWS Lightsail. "
    "Exit codes: 0 done, 1 failed, 2 changes pending (plan), 3 another run is at work.",
)
app.add_typer(images, name="images")
app.add_typer(github, name="github")
Command = Callable[[Session], int]
Env = Annotated[
    str | None,
    typer.Option("--env", help="production, or a lab's name; default: DEPLOY_ENV, else production"),
]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable result on stdout")]


@app.command()
def plan(env: Env = None, json: Json = False) -> None:
    """Show what apply would do, what it costs and where memory goes; exit 2 if anything."""
    _read(env, lambda session: commands.plan(session, as_json=json), buying=True)


@app.command()
def apply(env: Env = None, yes: Yes = False, json: Json = False) -> None:
    """Create and configure hosts until they can be logged in to; safe to repeat."""
    _change(
        env,
        "provision apply",
        lambda session: commands.apply(session, yes=yes, as_json=json),
        buying=True,
    )


@app.command()
def status(env: Env = None, json: Json = False) -> None:
    """Show what exists and what it costs, from the API alone."""
    _read(env, lambda session: commands.status(session, as_json=json))


@app.command()
def destroy(
    hosts: Annotated[list[str] | None, typer.Argument(help="only these hosts")] = None,
    env: Env = None,
    yes: Yes = False,
    undrained: Annotated[
        bool, typer.Option("--undrained", help="named hosts also while others still use them")
    ] = False,
) -> None:
    """Delete hosts with their data, static IPs and the key pair. Works from tags alone."""
    only = frozenset(hosts or ())
    again = " ".join(["provision destroy", *sorted(only)])
    _change(
        env, again, lambda session: commands.destroy(session, only, yes=yes, undrained=undrained)
    )


@app.command()
def start(host: str, env: Env = None) -> None:
    """Start a stopped host and wait until it can be logged in to."""
    _change(env, f"provision start {host}", lambda session: commands.start(session, host))


@app.command()
def stop(host: str, env: Env = None) -> None:
    """Stop a host. It still costs the same until it is destroyed."""
    _change(env, f"provision stop {host}", lambda session: commands.stop(session, host))


def _read(env: str | None, command: Command, *, buying: bool = False) -> None:
    raise typer.Exit(command(open_session(world(env), Progress(), buying=buying)))


def _change(env: str | None, name: str, command: Command, *, buying: bool = False) -> None:
    """Run a changing command under the lock; on failure add what exists and the next command."""
    where, progress = world(env), Progress()
    session = open_session(where, progress, buying=buying)
    again = f"{name} --env {where.env}"
    with env_lock(where, again):
        try:
            code = command(session)
        except KeyboardInterrupt:
            _explain(session, ProvisionError("interrupted"), again)
            code = 1
        except Exception as error:
            failure = console.expected(error)
            if failure is None:
                raise
            _explain(session, failure, again)
            code = failure.exit_code
    raise typer.Exit(code)


def _explain(session: Session, failure: ProvisionError, again: str) -> None:
    """What happened, what exists and is billed, what to run next."""
    session.progress.fail(failure.what, "")
    try:
        lines = billed_lines(session.owner, session.remote())
    except ProvisionError:
        lines = [f"What exists could not be read: provision status --env {session.owner.env}"]
    for line in lines:
        session.progress.say(line)
    hint = failure.next_step
    step = hint if again in hint or "provision " in hint else f"{hint}, then {again}"
    session.progress.fail("", step if hint else again)


def main() -> None:
    """Entry point of the console script."""
    console.run(app)


if __name__ == "__main__":
    main()

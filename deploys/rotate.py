"""The command `secrets`: list what there is, and replace each of it without an interruption.

It changes files of the operator's machine only; the converge it names brings them to the hosts.
Never shows a value. Exit codes: 0 done, 1 failed, 2 something is left to the person.
"""

from __future__ import annotations

import dataclasses
import getpass
import json as json_text
import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from deploys import keys
from deploys.pki import Pki
from deploys.rotate_keys import ApiKey, RecordKey, RegistryToken
from deploys.rotate_pki import Ca, GatewayCertificate, Leaf
from deploys.rotation import Context, Item, Outcome, Row
from deploys.secrets import SecretError
from deploys.sources import LIMIT
from inventories import console
from inventories.progress import Progress
from inventories.spec import load_site
from inventories.worlds import world

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Show and replace keys, tokens and certificates: rotate adds the new one, a converge "
    "brings it to the hosts, retire takes the old one away. Exit codes: 0 done, 1 failed, 2 left "
    "to you.",
)
Env = Annotated[
    str | None,
    typer.Option("--env", help="production, or a lab's name; default: DEPLOY_ENV, else production"),
]
Name = Annotated[str, typer.Argument(help="as shown by secrets list")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable result on stdout")]
Converged = Annotated[
    bool, typer.Option("--converged", help="all hosts have the new one, though no run noted it")
]


def context_of(env: str | None, *, converged: bool = False) -> Context:
    """Everything local that the commands need; no host is asked."""
    where = world(env)
    site = load_site(where)
    # Without the operator's own authority: to change to it is one of the commands.
    return Context(where, site, Pki(where.secrets, where.env), converged, _ask)


def items(context: Context) -> list[Item]:
    """All that can be listed and replaced here, in the order shown."""
    names = [c.name for c in context.site.kong.consumers]
    left = keys.left_over(context.where, context.site)
    return [
        *(ApiKey(name) for name in (*names, *left)),
        RegistryToken(),
        GatewayCertificate(),
        Ca(),
        *(Leaf(leaf) for leaf in context.pki.leafs()),
        RecordKey(),
    ]


def row_of(item: Item, context: Context) -> Row:
    """An item's row, also when it cannot be read."""
    try:
        return item.row(context)
    except SecretError as problem:
        return Row(item.name, "-", None, None, str(problem))


def chosen(name: str, context: Context) -> Item:
    """The item of that name; SecretError with the near or all names."""
    known = {item.name: item for item in items(context)}
    if name not in known:
        near = get_close_matches(name, known, 3, 0.5) or list(known)
        raise SecretError(f"there is no secret {name!r} in {context.where.env}: {', '.join(near)}")
    return known[name]


@app.command(name="list")
def list_(env: Env = None, json: Json = False) -> None:
    """Show every secret's name, source, age, days left and state, and never a value."""
    context = context_of(env)
    rows = [row_of(item, context) for item in items(context)]
    Progress().raw(_as_json(rows) if json else _as_table(rows))


@app.command()
def rotate(name: Name, env: Env = None, converged: Converged = False) -> None:
    """Make a new one that is valid beside the old one."""
    context = context_of(env, converged=converged)
    _tell(chosen(name, context).rotate(context))


@app.command()
def retire(name: Name, env: Env = None, converged: Converged = False) -> None:
    """Take the old one away once every host has the new one."""
    context = context_of(env, converged=converged)
    _tell(chosen(name, context).retire(context))


def _tell(outcome: Outcome) -> None:
    progress = Progress()
    progress.show(list(outcome.lines))
    for number, step in enumerate(outcome.next):
        progress.show([("Next: " if number == 0 else "      ") + step])
    raise typer.Exit(outcome.code)


def _ask(question: str) -> bytes:
    """A new value, unseen: typed at a terminal, or all of stdin without one end of line."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{question}: ").encode()
    return sys.stdin.buffer.read(LIMIT).removesuffix(b"\n")


def _as_json(rows: list[Row]) -> str:
    return json_text.dumps([dataclasses.asdict(row) for row in rows], indent=2)


def _as_table(rows: list[Row]) -> str:
    head = ("NAME", "SOURCE", "AGE", "DAYS LEFT", "STATE")
    body = [
        (
            *(row.name, row.source),
            "-" if row.age is None else f"{row.age} d",
            "-" if row.days_left is None else str(row.days_left),
            row.state,
        )
        for row in rows
    ]
    widths = [max(len(line[n]) for line in [head, *body]) for n in range(4)]
    lines = []
    for line, then in zip([head, *body], ["", *(row.next for row in rows)], strict=True):
        first = "  ".join(cell.ljust(width) for cell, width in zip(line[:4], widths, strict=True))
        lines += [f"{first}  {line[4]}", *([f"  next: {then}"] if then else [])]
    return "\n".join(lines)


def main() -> None:
    """Entry point of the console script."""
    console.run(app)


if __name__ == "__main__":
    main()

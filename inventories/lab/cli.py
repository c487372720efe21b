"""`rehearse`: throw-away hosts to rehearse on, from nothing and back to nothing.

Exit codes: 0 done, 1 failed. Every expected failure is a sentence, never a traceback.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from inventories import console, worlds
from inventories.lab import lifecycle, publish, state, status
from inventories.lab.errors import LabError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
DEFAULT = os.environ.get("LAB") or "lab"
Name = Annotated[str, typer.Option("--name", help="which lab; several may live side by side")]


def say(text: str) -> None:
    """One line of progress, on stderr so that --json stays clean."""
    typer.echo(text, err=True)


@app.command()
def up(
    name: Name = DEFAULT,
    rtt: Annotated[int, typer.Option(min=0, max=2000, help="ms added to each ssh round trip")] = 0,
    site: Annotated[Path | None, typer.Option(help="site overlay instead of lab/site.toml")] = None,
    subnet: Annotated[str | None, typer.Option(help="a /24 instead of a free 10.83.N.0/24")] = None,
    bare: Annotated[bool, typer.Option("--bare", help="network and API only, no hosts")] = False,
) -> None:
    """Make the lab, or complete it: image, network, API stand-in, then the hosts by `provision`."""
    lab = lifecycle.up(name, rtt_ms=rtt, site=site, subnet=subnet, bare=bare, say=say)
    if untried := status.untried():
        say(untried)
    say(f"The lab '{lab.name}' is up: {lab.subnet}, API {lab.api}")
    say(f"Next: rehearse status --name {lab.name}, or rehearse down --name {lab.name}")


@app.command("status")
def show(
    name: Name = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show hosts, addresses and what answers."""
    found = status.of(state.load(name))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    table = Table("host", "roles", "ssh", "private", "memory", "state")
    for host in found["hosts"]:
        table.add_row(
            host["name"],
            ", ".join(host["roles"]) or "-",
            f"{host['ip']}:{host['port']}",
            host["private_ip"],
            f"{host['memory_mb']} MB",
            host["state"],
        )
    out = Console()
    out.print(table)
    for what, url in {**found["urls"], **found["files"]}.items():
        out.print(f"{what:9} {url or 'not up'}", highlight=False)
    if not found["lab"]["ready"]:
        out.print(f"This lab is not complete: 'rehearse up --name {name}' completes it.")
    if untried := status.untried():
        out.print(untried)


@app.command()
def image(name: Name = DEFAULT) -> None:
    """Bring the services' image and the gateway's stand-in to the lab, and name them in its site.

    The image is built from the project's Dockerfile and pushed to the lab's own registry.
    """
    reference = publish.image(name, say)
    typer.echo(reference)
    say(f"The next converge of lab '{name}' runs it: DEPLOY_ENV={name}")


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    host: Annotated[str, typer.Argument(help="a host's name, as in status")],
    command: Annotated[list[str] | None, typer.Argument(help="run this instead of a shell")] = None,
    name: Name = DEFAULT,
) -> None:
    """Log in to a host, strictly checked against the host keys that the API gave."""
    lab = state.load(name)
    config = worlds.project_root() / "inventories/generated" / lab.name / "ssh_config"
    if not config.exists():
        raise LabError(
            f"The lab '{name}' has no {config}: 'provision apply --env {name}' writes it."
        )
    known = status.provisioned(config.parent)
    if host not in known:
        raise LabError(f"The lab '{name}' has no host '{host}' (it has: {', '.join(known)}).")
    os.execvp("ssh", ["ssh", "-F", str(config), host, *(command or [])])  # noqa: S606


@app.command()
def down(
    name: Name = DEFAULT,
    every: Annotated[bool, typer.Option("--all", help="all labs of this machine")] = False,
) -> None:
    """Remove the lab completely: hosts, disks, network, API, keys; fine when there is none."""
    for lab in state.names() if every else [name]:
        if lifecycle.down(lab):
            say(f"The lab '{lab}' is gone. The image of the hosts stays for the next one.")
        else:
            say(f"There is no lab '{lab}': nothing to remove.")


def main() -> None:
    """Entry of the console script."""
    run(app)


def run(command: typer.Typer) -> NoReturn:
    """Run, and turn expected failures into one sentence and exit code 1."""
    console.run(
        command, interrupted="'rehearse up' continues, 'rehearse down' removes what is there"
    )

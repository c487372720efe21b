"""The main job from nothing, as a person would type it: `python -m inventories.lab.rehearsal`.

Runs the project's own commands one after the other as processes, shows each with its output, and
judges what they said: the first one that fails ends the rehearsal with its name, the command to
repeat it and exit code 1. Safe to repeat on a lab that stands. The hosts stay; it never removes
anything. The complete output and the full dry run are kept in the lab's `log/`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from inventories import worlds
from inventories.lab import rehearsal_text as text
from inventories.lab import state
from inventories.lab.cli import DEFAULT, run
from inventories.lab.step import Step
from inventories.lab.transcript import Transcript

SITE = ".venv/bin/pyinfra inventory.py deploys/site.py"
PENDING = 2  # provision plan: there is something to do


def steps(name: str) -> list[Step]:
    """Every step in order. `name` is the lab, and with it DEPLOY_ENV."""
    here = f"DEPLOY_ENV={name} "
    return [
        Step("Boot the lab", f".venv/bin/rehearse up --bare --name {name}"),
        Step("Build the image", f".venv/bin/rehearse image --name {name}", judge=text.image),
        Step(
            "Plan the hosts",
            f".venv/bin/provision plan --env {name}",
            codes=(0, PENDING),
            judge=text.provision_plan,
        ),
        Step("Buy the hosts", f".venv/bin/provision apply --yes --env {name}"),
        Step(
            "Show what would change",
            f"{here}{SITE} --dry --diff",
            show=text.dry_line,
            keep="dry-run.txt",
            judge=text.dry_run,
        ),
        Step("Converge", f"{here}{SITE} -y --json", judge=text.converged, data=True),
        Step(
            "Converge again",
            f"{here}{SITE} -y --json",
            show=text.dry_line,
            judge=text.unchanged,
            data=True,
        ),
        Step(
            "Import Hamlet, ask, change",
            f"{here}.venv/bin/python -m inventories.lab.smoke",
            judge=text.imported,
        ),
        Step("Verify", f"{here}make --no-print-directory verify", judge=text.verified),
    ]


def rehearse(name: str) -> None:
    """Run all steps; LabError names the first that failed."""
    state.checked_name(name)
    log = Transcript(worlds.project_root())
    log.say(
        f"Rehearsal in lab '{name}': {len(steps(name))} steps, about three minutes, "
        "eight the first time"
    )
    for number, step in enumerate(steps(name), 1):
        log.run(step, number, len(steps(name)), lambda: _logs(name))
    log.summary()
    for line in text.next_steps(name, _logs(name)):
        log.say(line)


def _logs(name: str) -> Path | None:
    """Where this lab keeps its logs; none before it is there."""
    folder = worlds.labs_root() / name / "log"
    return folder if folder.is_dir() else None


def main(
    name: Annotated[str, typer.Option("--name", help="which lab; made when it is not there")] = (
        DEFAULT
    ),
) -> None:
    """The main job from nothing: boot, buy, plan, converge twice, verify, import a play, ask."""
    rehearse(name)


def entry() -> None:
    """Expected failures end in one sentence and exit code 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    run(app)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    entry()

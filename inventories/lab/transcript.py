"""Commands run one after the other for a person to watch: each shown, timed, recorded and judged.

Guarantees: a command that fails stops everything after it, and the message carries the command to
repeat it; a command does not outlive us. All output is also kept in files that only the owner can
read. On a terminal a spinner shows the running step, without one a line every half minute.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from inventories.lab.errors import LabError
from inventories.lab.step import Outcome, Step, output, start

LOG = "rehearsal.log"


class Transcript:
    """Runs steps in `root` and remembers what came of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._console = Console(highlight=False, soft_wrap=True)
        self._results: list[tuple[str, str, float]] = []
        self._unwritten: list[str] = []
        self._log: Path | None = None

    def say(self, line: str, style: str = "") -> None:
        """One line on the screen and in the log."""
        self._console.print(Text(line, style=style))
        self._record(line)

    def run(
        self, step: Step, number: int, total: int, find_folder: Callable[[], Path | None]
    ) -> None:
        """Run one step; LabError when it fails. `find_folder` says where logs go, once there."""
        self.say("")
        self.say(f"[{number}/{total}] {step.name}", "bold")
        self.say(f"$ {step.command}", "cyan")
        began = time.monotonic()
        outcome = self._carried_out(step)
        outcome.seconds = time.monotonic() - began
        self._keep(step, outcome, find_folder())
        try:
            if outcome.code not in step.codes:
                how = f"exit {outcome.code}" if outcome.code >= 0 else f"signal {-outcome.code}"
                raise LabError(f"it ended with {how}, the reason is above")
            verdict = step.judge(outcome)
        except LabError as problem:
            self._results.append((step.name, "FAILED", outcome.seconds))
            self.summary()
            where = f" The whole output: {self._log}." if self._log else ""
            raise LabError(
                f"step {number} of {total}, '{step.name}', failed: {problem}.{where}\n"
                f"Repeat it with: {step.command}"
            ) from None
        self._results.append((step.name, verdict, outcome.seconds))
        self.say(f"{step.name}: {verdict} ({_span(outcome.seconds)})", "green")

    def summary(self) -> None:
        """Every step with its result and time, and the sum."""
        table = Table("step", "result", "time")
        table.columns[2].justify = "right"
        for name, verdict, seconds in self._results:
            table.add_row(Text(name), Text(verdict), _span(seconds))
            self._record(f"{name}: {verdict}, {_span(seconds)}")
        table.add_section()
        table.add_row("all", "", _span(sum(seconds for *_, seconds in self._results)))
        self._console.print()
        self._console.print(table, soft_wrap=False)

    def _carried_out(self, step: Step) -> Outcome:
        outcome, began = Outcome(0), time.monotonic()

        def still() -> None:
            if not self._console.is_terminal:
                self.say(f"    ... {step.name}: {_span(time.monotonic() - began)} so far")

        with self._working(step.name):
            process = start(step, self.root)
            for line, is_data in output(process, step, still):
                (outcome.data if is_data else outcome.lines).append(line)
                if not is_data and step.show(line):
                    self._console.print(Text(f"    {line}", style="dim"))
                self._record(f"    {line}")
            outcome.code = process.wait()
        return outcome

    @contextlib.contextmanager
    def _working(self, name: str) -> Iterator[None]:
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
            with Progress(
                *columns, TimeElapsedColumn(), console=self._console, transient=True
            ) as p:
                p.add_task(name, total=None)
                yield
        else:
            yield

    def _keep(self, step: Step, outcome: Outcome, folder: Path | None) -> None:
        if folder is None:
            return
        if self._log is None:
            self._log = folder / LOG
            _private(self._log).close()
        self._record()
        if step.keep:
            outcome.file = folder / step.keep
            with _private(outcome.file) as file:
                file.writelines(f"{line}\n" for line in outcome.lines)
            self.say(f"    All of it, every difference included: {outcome.file}")

    def _record(self, *lines: str) -> None:
        self._unwritten += lines
        if self._log is not None:
            with self._log.open("a") as file:
                file.writelines(f"{line}\n" for line in self._unwritten)
            self._unwritten.clear()


def _private(path: Path) -> IO[str]:
    """An empty file for its owner alone."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    )

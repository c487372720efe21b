"""What a person sees: results on stdout, everything else on stderr, a bar only on a terminal.

Texts of stories are shown as they are, never as markup. Prints no key and no header.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

#: Called with how much is done.
Advance = Callable[[int], None]


class Output:
    """Output of one command."""

    def __init__(self) -> None:
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self.out = Console(highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One step, or something worth knowing."""
        self.err.print(Text(line))

    def show(self, result: RenderableType) -> None:
        """A result for people."""
        self.out.print(result)

    def json(self, value: Any) -> None:
        """A result for programs."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")

    def fail(self, what: str, next_step: str) -> None:
        """What went wrong and what to do next."""
        if what:
            self.err.print(Text(what, style="red"))
        if next_step:
            self.err.print(Text(f"Next: {next_step}", style="bold"))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """How far something is: a bar on a terminal, else a line now and then."""
        if not self.err.is_terminal:
            yield self._lines(what, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.err, transient=True) as bars:
            bar = bars.add_task(what, total=total)
            yield lambda done: bars.update(bar, completed=done)

    def _lines(self, what: str, total: int) -> Advance:
        said = -1

        def advance(done: int) -> None:
            nonlocal said
            percent = 100 * done // total if total else 100
            if percent // 10 > said:
                said = percent // 10
                self.say(f"{what}: {done:,} of {total:,} ({percent} %)")

        return advance

"""What a person sees while something runs: plain lines, and a spinner only on a terminal.

Progress goes to stderr, results to stdout, so that `--json` can be piped. Never prints secrets:
it is only ever given sentences.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold yellow"}


class Progress:
    """Output of one command."""

    def __init__(self) -> None:
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._out = Console(highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One finished step."""
        self._err.print(Text(line))

    def show(self, lines: list[str]) -> None:
        """A result, coloured by each line's first sign when someone looks."""
        for line in lines:
            self._out.print(Text(line, style=_STYLES.get(line.lstrip()[:1], "")))

    def raw(self, text: str) -> None:
        """A machine-readable result, byte for byte."""
        sys.stdout.write(text + "\n")

    def fail(self, what: str, next_step: str) -> None:
        """What went wrong and what to run next."""
        self._err.print(Text(what, style="red"))
        if next_step:
            self._err.print(Text(f"Next: {next_step}", style="bold"))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """While something takes time: a spinner on a terminal, one line without."""
        if self._err.is_terminal:
            with self._err.status(Text(what)):
                yield
        else:
            self.say(what)
            yield

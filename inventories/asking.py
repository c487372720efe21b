"""The one question before something is changed. Without a terminal nothing is asked or done.

Whatever is not the whole word means no; so do the end of input and Ctrl-C, which leave the line
of the question first.
"""

from __future__ import annotations

import sys

from inventories.errors import ProvisionError


def confirm(question: str, yes: bool, *, word: str = "yes") -> None:
    """Return when `yes`, or when `word` is typed; else ProvisionError: nothing was done."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ProvisionError("nothing was done: there is no terminal to ask on", "add --yes")
    try:
        answer = input(f"{question}: ").strip()
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        answer = ""
    if answer != word:
        raise ProvisionError("nothing was done: not confirmed")

"""Asking a host again and again until it has nothing left, and telling the person meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click
import gevent
from pyinfra.api import Host, State, StringCommand

from deploys.facts.observed import AGENT

PAUSE_S = 1.0


@dataclass(frozen=True)
class Wait:
    """What is waited for: `busy` turns the agent's answer into what is left, "" for nothing."""

    busy: Callable[[Mapping[str, Any]], str]
    given_up: str  # the sentence of a wait that was in vain; {left} and {limit} are filled in
    limit_s: int
    renewed: bool = False  # the limit counts from the last progress, not from the start
    calm: int = 1  # looks in a row that have to find nothing


def until_done(state: State, host: Host, script: str, wait: Wait, then: Callable[[], None]) -> bool:
    """Ask by `script` until nothing is left, then call `then`; False, with a sentence, when the
    host refuses or the limit is over."""
    last, quiet, deadline = "", 0, time.monotonic() + wait.limit_s
    while True:
        try:
            good, output = host.run_shell_command(
                StringCommand(AGENT), _stdin=script, _sudo=True, _timeout=120
            )
        except OSError as problem:  # a silent network included
            host.log(
                f"the connection was lost while waiting ({problem}); run the same command again"
            )
            return False
        if not good:
            host.log(output.stderr.strip() or "the host did not answer")
            return False
        left = wait.busy(json.loads(output.stdout_lines[-1]))
        quiet = 0 if left else quiet + 1
        if quiet >= wait.calm:
            then()
            return True
        if left and left != last:
            click.echo(f"[{host.name}] waits: {left}", err=True)
            if wait.renewed:
                deadline = time.monotonic() + wait.limit_s
        last = left or last
        if time.monotonic() > deadline:
            host.log(wait.given_up.format(left=left or last, limit=wait.limit_s))
            return False
        gevent.sleep(PAUSE_S)

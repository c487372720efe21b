"""Operations that carry a plan's steps out: no decisions here, only the slice they are given.

Each takes the changes of its step, computed once by `deploys/plan.py`, and the script that
makes them by stdin. No changes: one "No changes" line and no command at all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from pyinfra.api import (
    FileUploadCommand,
    FunctionCommand,
    Host,
    State,
    StringCommand,
    operation,
)
from pyinfra.api.command import PyinfraCommand
from pyinfra.context import host

from deploys.agent.look import STAGING
from deploys.change import Change
from deploys.facts.observed import AGENT
from deploys.leaving import busy, moving
from deploys.locking import holder, lock_all
from deploys.ops.waits import Wait, until_done
from deploys.requests import script, step
from deploys.ssh_check import confirm_over_new_connection

DRAINED = Wait(
    moving,
    "{left}, and none moved within {limit} s. Nothing is lost and the host goes on; look at "
    "GET /_cluster/allocation/explain, then run the same command again",
    limit_s=600, renewed=True,
)  # fmt: skip
IDLE = Wait(
    busy,
    "it left site.toml, but after {limit} s still has {left}; end what asks it, then run the same "
    "command again",
    limit_s=180, calm=3,
)  # fmt: skip
Commands = Generator[PyinfraCommand, None, None]


class AgentCommand(StringCommand):
    """A host that dies is a failure like any other: paramiko reports the end of its connection in
    a way that pyinfra takes for a fault of its own, with a traceback."""

    def execute(self, state: State, host: Host, connector_arguments: Any) -> Any:
        try:
            return super().execute(state, host, connector_arguments)
        except EOFError:
            raise ConnectionResetError("the host ended the connection") from None


def _signed(request: Mapping[str, object]) -> str:
    """The request as a script, with the holder of the lock it stands on."""
    return script({**request, "holder": holder(host)})


@operation()
def carry_out(label: str, changes: Sequence[Change]) -> Commands:
    """One step of the plan by one command on the host.

    + label: name of the step, as in `deploys/change.py`
    + changes: the plan's changes of that step
    """
    if not changes:
        host.noop(f"{label}: as wanted")
        return
    yield AgentCommand(AGENT, _stdin=_signed(step(label, changes)))


@operation()
def artefacts(changes: Sequence[Change], archives: Mapping[str, str]) -> Commands:
    """Upload what the host does not have yet, then check and unpack it there.

    + changes: the plan's changes of the step `artefacts`
    + archives: sha256 -> checked file on this machine, for what has to be uploaded
    """
    for digest in (c.payload["sha256"] for c in changes if not c.payload["staged"]):
        # As the login user, into a folder every user may write: the host checks the sha256.
        yield FileUploadCommand(archives.get(digest, ""), STAGING % digest, _sudo=False)
    yield from carry_out._inner("artefacts", changes)


@operation()
def drain(changes: Sequence[Change]) -> Commands:
    """Tell the search cluster who leaves, then wait until these hosts hold no data any more.

    + changes: the plan's changes of the step `drain`
    """
    if not changes:
        host.noop("drain: as wanted")
        return
    asked = _signed(step("drain", changes))
    yield FunctionCommand(until_done, (asked, DRAINED, lambda: None), {})


@operation()
def idle(needed: Mapping[str, object], then: Callable[[], None]) -> Commands:
    """Wait until nobody needs a host that leaves.

    + needed: what the agent is asked, as in `deploys/leaving.py`
    + then: called once, when the host is idle
    """
    yield FunctionCommand(until_done, (_signed({"do": "needed", "of": needed}), IDLE, then), {})


@operation()
def firewall(changes: Sequence[Change]) -> Commands:
    """Load rules, then prove that a new SSH connection still gets in; else the old ones return.

    + changes: the plan's changes of the step `firewall`
    """
    yield from carry_out._inner("firewall", changes)
    if changes:
        yield FunctionCommand(confirm_over_new_connection, (_signed({"do": "confirm"}),), {})


@operation()
def request(wanted: Mapping[str, object]) -> Commands:
    """A request that belongs to the run as a whole: opening it, writing its record.

    + wanted: the request
    """
    yield AgentCommand(AGENT, _stdin=_signed(wanted))


@operation()
def take_locks() -> Commands:
    """Lock every host that will change, or stop before the first change and name the holder."""
    yield FunctionCommand(lock_all, (), {})


@operation()
def note(what: Callable[[], None]) -> Commands:
    """Something to remember on this machine once the host has gone through.

    + what: does it
    """
    yield FunctionCommand(lambda *_: what(), (), {})

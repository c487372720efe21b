"""The one base error of provisioning: a sentence for the person at the terminal.

`what` says what happened and to which host or resource, `next_step` what to run or change now.
Commands catch `ProvisionError` alone; anything else is a defect and may show a traceback.
"""

from __future__ import annotations


class ProvisionError(Exception):
    """An expected failure. Exit code 1 unless a subclass says otherwise."""

    exit_code = 1

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


class SpecError(ProvisionError):
    """`site.toml` (or a lab's overlay) cannot be used: every problem found, one per line."""


class PlanRefused(ProvisionError):
    """What exists does not allow the plan: a foreign host, another size, a size not sold."""


class KeyAlarm(ProvisionError):
    """An instance shows other SSH host keys than the ones pinned for it. Never auto-accepted."""


class Locked(ProvisionError):
    """Another run holds the environment's lock."""

    exit_code = 3

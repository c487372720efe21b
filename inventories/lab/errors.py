"""The one error of the rehearsal: a sentence for the person at the terminal, never a traceback."""

from __future__ import annotations

from inventories.errors import ProvisionError


class LabError(ProvisionError):
    """What happened, to which lab or host, and what to run next, in one or two sentences."""

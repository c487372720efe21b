"""How long provisioning waits and how often it asks. Values only; the environment may change them.

Waiting is always polling against a limit, never a sleep for luck.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from inventories.errors import ProvisionError


@dataclass(frozen=True)
class Limits:
    """Each field can be set by the environment as `PROVISION_<FIELD>`, for example
    `PROVISION_READY_S=900`."""

    poll_s: float = 3.0  # between two looks at what is under way
    ready_s: float = 900.0  # from create or start to running with an address
    operation_s: float = 300.0  # for one operation of the API to end
    host_keys_s: float = 300.0  # from running until the API knows the host keys
    port_s: float = 180.0  # from there until sshd answers
    attempts: float = 6  # tries of one API call, throttling and 5xx included


def limits(*, is_lab: bool = False) -> Limits:
    """The limits in force. ProvisionError for a value that is no positive number."""
    chosen = {"poll_s": 0.3} if is_lab else {}
    for field in fields(Limits):
        name = f"PROVISION_{field.name.upper()}"
        text = os.environ.get(name)
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < 1e6:
            raise ProvisionError(f"{name}={text!r} is no positive number", f"unset {name}")
        chosen[field.name] = value
    return Limits(**chosen)

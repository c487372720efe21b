"""What can be made to go wrong, and when.

A `Fault` names an operation and a kind; the book hands at most one fault to each call, in the
order they were set, and counts it down. It never acts by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

KINDS = {
    "throttle": "ThrottlingException, nothing happens",
    "error500": "ServiceException with HTTP 500, nothing happens",
    "access_denied": "AccessDeniedException, nothing happens",
    "expired_credentials": "ExpiredTokenException, nothing happens",
    "quota": "refused because the account's limit is reached",
    "drop_reply": "the effect happens, the connection is closed without a reply",
    "operation_fails": "the call is accepted, its operation ends Failed and changes nothing",
    "stuck_pending": "a create or start stays pending until faults are cleared or it is deleted",
    "no_host_keys": "access details carry no host keys",
    "change_host_keys": "access details carry other host keys than the host has",
    "foreign_tag": "the instance is shown with another owner's tags",
}


@dataclass(frozen=True)
class Fault:
    """One planned misfortune.

    `times` calls suffer it (-1: every call until cleared), after `after` matching calls went
    through untouched. `name` limits it to calls that name this resource. `operation` may be "*".
    Raises ValueError for a kind that does not exist.
    """

    operation: str
    kind: str
    times: int = 1
    after: int = 0
    name: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(KINDS)}")
        if self.times < -1 or self.after < 0:
            raise ValueError(f"fault {self.kind}: times is -1 or more, after is 0 or more")

    @classmethod
    def from_json(cls, data: Any) -> Fault:
        """A fault from a control request; ValueError says what is wrong with it."""
        if not isinstance(data, dict) or not isinstance(data.get("operation"), str):
            raise ValueError('a fault is {"operation": ..., "kind": ..., "times": 1, "after": 0}')
        try:
            return cls(**data)
        except TypeError as e:
            raise ValueError(str(e)) from e

    def matches(self, operation: str, names: list[str]) -> bool:
        right_name = self.name is None or self.name in names
        return self.operation in ("*", operation) and right_name


class FaultBook:
    """The faults still to come. Safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[dict[str, Any]]:
        """The faults left, for the control path."""
        with self._lock:
            return [asdict(f) for f in self._faults]

    def take(self, operation: str, names: list[str]) -> str | None:
        """The kind this call suffers, if any. At most one, the first set that is due."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.matches(operation, names) or fault.times == 0:
                    continue
                if fault.after > 0:
                    self._faults[index] = replace(fault, after=fault.after - 1)
                    continue
                if fault.times > 0:
                    self._faults[index] = replace(fault, times=fault.times - 1)
                self._faults = [f for f in self._faults if f.times != 0]
                return fault.kind
        return None

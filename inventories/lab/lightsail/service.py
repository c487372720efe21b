"""The account in motion: one lock, the driver, the faults, the delays, and the work under way.

Handlers get a `Service` and a `Call`, check everything before they change anything, and change
records only under the lock (the server holds it). Slow work runs in `jobs`, outside the lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventories.lab.lightsail.account import Account, Instance, KeyPair, Operation, StaticIp
from inventories.lab.lightsail.driver_api import Driver, Host, KnowsAddress
from inventories.lab.lightsail.errors import invalid, name_exists, not_found
from inventories.lab.lightsail.faults import FaultBook

log = logging.getLogger("lightsail")

Reply = dict[str, Any]
OPERATIONS_KEPT = 500  # ended ones
PAGE_SIZE = 5  # small, so that a client that does not paginate fails at once


@dataclass(frozen=True)
class Delays:
    """How slow the service is. The defaults suit tests; `lab()` is short but can be seen."""

    pending_s: float = 0.05  # an instance stays pending at least this long
    operation_s: float = 0.02  # stop, start, reboot, delete, attach
    address_polls: int = 1  # readings of a running instance before its address shows
    host_key_polls: int = 2  # reads of the access details before host keys show

    @classmethod
    def lab(cls) -> Delays:
        return cls(pending_s=2.0, operation_s=0.7, address_polls=1, host_key_polls=2)


@dataclass(frozen=True)
class Call:
    """One accepted request: its parameters and the fault it suffers, if any."""

    operation: str
    params: dict[str, Any]
    fault: str | None = None

    def __getitem__(self, key: str) -> Any:
        return self.params[key]

    @property
    def fails(self) -> bool:
        return self.fault == "operation_fails"


@dataclass
class Service:
    account: Account
    driver: Driver
    delays: Delays
    faults: FaultBook
    quota: int = 20
    state_file: Path | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    stopping: threading.Event = field(default_factory=threading.Event)
    workers: list[threading.Thread] = field(default_factory=list)

    def save(self) -> None:
        if self.state_file is not None:
            self.account.save(self.state_file)

    # -- finding things ------------------------------------------------------------------
    def instance(self, name: str) -> Instance:
        found = self.account.instances.get(name)
        if found is None:
            raise not_found("Instance", name)
        self.reconcile(found)
        return found

    def static_ip(self, name: str) -> StaticIp:
        found = self.account.static_ips.get(name)
        if found is None:
            raise not_found("StaticIp", name)
        return found

    def key_pair(self, name: str) -> KeyPair:
        found = self.account.key_pairs.get(name)
        if found is None:
            raise not_found("KeyPair", name)
        return found

    def refuse_taken(self, names: list[str]) -> None:
        taken = [n for n in names if n in self.account.names()]
        if taken:
            raise name_exists(taken)

    def host(self, instance: Instance) -> Host | None:
        return self.driver.get(instance.name)

    def own_address(self, host: Host) -> str:
        """The host's address, also where SSH is dialled at a proxy in front of it."""
        if isinstance(self.driver, KnowsAddress):
            return self.driver.private_address(host.name)
        return host.address

    def reconcile(self, instance: Instance) -> None:
        """A host that died by itself (or with the machine) shows as stopped."""
        if instance.job is None and instance.state == "running":
            host = self.host(instance)
            if host is None or host.state != "running":
                log.warning("%s: its host is not running any more", instance.name)
                instance.state = "stopped"

    # -- operations ----------------------------------------------------------------------
    def begin(self, thing: Instance | StaticIp | KeyPair, type_: str, status: str) -> Operation:
        """Open an operation on a thing and remember it."""
        zone = thing.zone if isinstance(thing, Instance) else "all"
        operation = Operation(thing.name, thing.kind, type_, zone, status)
        self.account.operations[operation.id] = operation
        self._forget_oldest()
        return operation

    def _forget_oldest(self) -> None:
        """Keep the file small: a lab may live for weeks."""
        now = time.time()
        for operation in self.account.operations.values():
            operation.settle(now)
        ended = [o.id for o in self.account.operations.values() if o.terminal]
        for identity in ended[: max(0, len(ended) - OPERATIONS_KEPT)]:
            del self.account.operations[identity]

    def done(
        self,
        call: Call,
        thing: Instance | StaticIp | KeyPair,
        effect: Callable[[], object],
        *,
        status: str = "Succeeded",
        slow: bool = False,
    ) -> Operation:
        """An operation whose effect is immediate; `slow` ones report their end a little later."""
        operation = self.begin(thing, call.operation, status if not slow else "Started")
        if call.fails:
            operation.error_code = "InternalError"
            operation.error_details = f"{call.operation} of {thing.name} did not succeed"
            operation.outcome = "Failed"
        else:
            effect()
            operation.outcome = status
        operation.due = time.time() + (self.delays.operation_s if slow else 0)
        if not slow:
            operation.move(operation.outcome, operation.error_code, operation.error_details)
        return operation


def page(
    items: list[dict[str, Any]], key: str, params: dict[str, Any], size: int = PAGE_SIZE
) -> Reply:
    """One page of a list. The token is opaque to the client; a made-up one is refused."""
    token = params.get("pageToken")
    start = 0
    if token is not None:
        text = token.removeprefix(f"{key}-page-")
        if text == token or not (text.isascii() and text.isdigit() and len(text) < 9):
            raise invalid(f"The page token is not valid: {token}")
        start = int(text)
    reply: Reply = {key: items[start : start + size]}
    if start + size < len(items):
        reply["nextPageToken"] = f"{key}-page-{start + size}"
    return reply

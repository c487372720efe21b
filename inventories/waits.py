"""Waiting by polling: for operations, for instances to run, to be stopped, or to be gone.

Every wait has a limit and ends in a sentence that says what was seen last. Hosts are waited for
together, so three of them boot in the time of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from inventories.errors import ProvisionError
from inventories.lightsail import Lightsail
from inventories.limits import Limits
from inventories.remote import Instance, Operation

Failures = dict[str, ProvisionError]


def poll(done: Callable[[], bool], *, limit_s: float, every_s: float) -> bool:
    """Ask until `done` says so; False when the limit is over. Asks at least once."""
    end = time.monotonic() + limit_s
    while not done():
        left = end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(every_s, left))
    return True


def operation_failure(operation: Operation) -> ProvisionError:
    return ProvisionError(
        f"{operation.resource}: AWS accepted the call but its operation ended as Failed"
        + (f": {operation.error}" if operation.error else "")
    )


def wait_operations(client: Lightsail, operations: Iterable[Operation], limits: Limits) -> None:
    """Until each has ended; ProvisionError for one that failed or takes too long."""
    waiting = {o.id: o for o in operations}

    def look() -> bool:
        for found in list(waiting.values()):
            now = found if found.done else client.operation(found.id)
            if now.failed:
                raise operation_failure(now)
            if now.done:
                del waiting[found.id]
        return not waiting

    if not poll(look, limit_s=limits.operation_s, every_s=limits.poll_s):
        slow = next(iter(waiting.values()))
        raise ProvisionError(
            f"{slow.resource}: operation {slow.id} is still {slow.status} after "
            f"{limits.operation_s:g} s"
        )


def wait_running(
    client: Lightsail, names: set[str], operations: dict[str, list[Operation]], limits: Limits
) -> Failures:
    """Until every named instance runs and has an address. Returns the ones that did not make it.

    `operations` are those that were to bring a host up; one that fails ends its host's wait.
    """
    failures: Failures = {}
    waiting = set(names)
    seen: dict[str, str] = {}

    def look() -> bool:
        for name in sorted(waiting):
            failed = _failed(client, operations.get(name, []))
            if failed is not None:
                failures[name] = operation_failure(failed)
                waiting.discard(name)
        instances = {i.name: i for i in client.instances()} if waiting else {}
        for name in sorted(waiting):
            found = instances.get(name)
            seen[name] = _described(found)
            if found and found.state == "running" and found.public_address:
                waiting.discard(name)
        return not waiting

    if not poll(look, limit_s=limits.ready_s, every_s=limits.poll_s):
        for name in waiting:
            failures[name] = ProvisionError(
                f"{name}: {seen[name]} after {limits.ready_s:g} s of waiting"
            )
    return failures


def _failed(client: Lightsail, operations: list[Operation]) -> Operation | None:
    """The first that failed; those still under way are looked at again next time."""
    for at, operation in enumerate(operations):
        if not operation.done:
            operations[at] = operation = client.operation(operation.id)
        if operation.failed:
            return operation
    return None


def _described(instance: Instance | None) -> str:
    if instance is None:
        return "does not exist"
    if instance.state == "running":
        return "runs but has no public address"
    return f"is still {instance.state}"


def wait_state(client: Lightsail, name: str, state: str, limits: Limits) -> Instance:
    """Until the instance is in `state`."""
    last: list[Instance | None] = [None]

    def look() -> bool:
        last[0] = next((i for i in client.instances() if i.name == name), None)
        return last[0] is not None and last[0].state == state

    if poll(look, limit_s=limits.ready_s, every_s=limits.poll_s) and last[0] is not None:
        return last[0]
    raise ProvisionError(f"{name}: {_described(last[0])} after {limits.ready_s:g} s")


def wait_gone(client: Lightsail, names: set[str], limits: Limits) -> None:
    """Until no named instance exists."""
    left: set[str] = set()

    def look() -> bool:
        left.clear()
        left.update(names & {i.name for i in client.instances()})
        return not left

    if not poll(look, limit_s=limits.ready_s, every_s=limits.poll_s):
        raise ProvisionError(
            f"{', '.join(sorted(left))}: still there after {limits.ready_s:g} s of deleting"
        )

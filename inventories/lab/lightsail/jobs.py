"""Work that takes time: booting, stopping, starting, rebooting, deleting a host.

Each job runs in its own thread, waits as the real service would, lets the driver act, and then
changes the record under the lock. What a job is to do stands in the instance's record, so that
`resume` takes it up again after the stand-in was killed. Jobs of one instance run one after
another. A driver that fails ends the operation as Failed with its message; it never ends the
stand-in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from inventories.lab.lightsail.account import Instance, Operation
from inventories.lab.lightsail.driver_api import CanMove, Host
from inventories.lab.lightsail.service import Service

log = logging.getLogger("lightsail")

TICK_S = 0.02


class _Gone(Exception):
    """The stand-in is stopping or the instance is being deleted: leave things as they are."""


def launch(service: Service, instance: Instance, job: str, operation: Operation) -> None:
    """Start a job. Called under the lock, with the record already in its passing state."""
    instance.job, instance.job_operation = job, operation.id
    previous = [w for w in service.workers if w.name == instance.name and w.is_alive()]
    thread = threading.Thread(
        target=_run,
        args=(service, instance, job, operation, previous),
        name=instance.name,
        daemon=True,
    )
    service.workers[:] = [w for w in service.workers if w.is_alive() or w is thread]
    service.workers.append(thread)
    thread.start()


def resume(service: Service) -> None:
    """Take up what a killed stand-in left half done."""
    with service.lock:
        for instance in [*service.account.instances.values()]:
            if instance.job is None:
                continue
            operation = service.account.operations[instance.job_operation or ""]
            log.info("%s: going on with %s", instance.name, instance.job)
            instance.resumed, instance.stuck = True, False  # the fault died with its process
            launch(service, instance, instance.job, operation)


def release_stuck(service: Service) -> None:
    """Let instances that a fault holds in pending go on."""
    with service.lock:
        for instance in service.account.instances.values():
            instance.stuck = False
        service.save()


def _run(
    service: Service,
    instance: Instance,
    job: str,
    operation: Operation,
    previous: list[threading.Thread],
) -> None:
    for thread in previous:
        thread.join()
    try:
        with service.lock:
            _still_wanted(service, instance, job)
            operation.move("Started", operation.error_code, operation.error_details)
            service.save()
        _wait(service, instance, job)
        if operation.outcome == "Failed":
            raise RuntimeError(f"{job} of {instance.name} did not succeed")
        _JOBS[job](service, instance)
        with service.lock:
            _still_wanted(service, instance, job)
            _finish(service, instance, job)
            instance.job = instance.job_operation = None
            operation.move("Succeeded")
            service.save()
    except _Gone:
        with service.lock:
            if not service.stopping.is_set():
                operation.move("Failed", "Cancelled", f"{instance.name} is being deleted")
    except Exception as e:
        log.warning("%s: %s failed: %s", instance.name, job, e)
        _fail(service, instance, job, operation, str(e) or type(e).__name__)


def _still_wanted(service: Service, instance: Instance, job: str) -> None:
    current = service.account.instances.get(instance.name)
    if service.stopping.is_set() or current is not instance or instance.job != job:
        raise _Gone


def _wait(service: Service, instance: Instance, job: str) -> None:
    seconds = service.delays.pending_s if job == "create" else service.delays.operation_s
    end = monotonic() + seconds
    while monotonic() < end or instance.stuck:
        if service.stopping.wait(min(TICK_S, max(0.0, end - monotonic()) or TICK_S)):
            raise _Gone
        with service.lock:
            _still_wanted(service, instance, job)


def _create(service: Service, instance: Instance) -> None:
    host: Host | None = service.driver.get(instance.name)
    if host is not None and not instance.resumed:
        log.warning("%s: a host without an instance is in the way, removing it", instance.name)
        service.driver.delete(instance.name)
        host = None
    if host is None:
        host = service.driver.create(
            instance.name,
            instance.memory_mb,
            instance.disk_gb,
            instance.user,
            instance.authorized_keys,
        )
    elif host.state != "running":
        service.driver.start(instance.name)
    instance.private_ip = service.own_address(host)


def _start(service: Service, instance: Instance) -> None:
    service.driver.start(instance.name)
    static = service.account.static_ip_of(instance.name)
    if static is not None and isinstance(service.driver, CanMove):
        service.driver.set_address(instance.name, static.address)


def _stop(service: Service, instance: Instance) -> None:
    service.driver.stop(instance.name)


def _reboot(service: Service, instance: Instance) -> None:
    service.driver.reboot(instance.name)


def _delete(service: Service, instance: Instance) -> None:
    service.driver.delete(instance.name)


_JOBS: dict[str, Callable[[Service, Instance], None]] = {
    "create": _create,
    "start": _start,
    "stop": _stop,
    "reboot": _reboot,
    "delete": _delete,
}


def _finish(service: Service, instance: Instance, job: str) -> None:
    if job in ("create", "start"):
        instance.state, instance.running_reads = "running", 0
    elif job == "stop":
        instance.state = "stopped"
    elif job == "delete":
        static = service.account.static_ip_of(instance.name)
        if static is not None:
            static.attached_to = None  # it stays, and from now on it costs
        del service.account.instances[instance.name]


def _fail(
    service: Service, instance: Instance, job: str, operation: Operation, details: str
) -> None:
    if job == "create":  # nothing half made: neither a host nor a name that is taken
        try:
            if service.driver.get(instance.name) is not None:
                service.driver.delete(instance.name)
        except Exception as e:
            log.warning("%s: could not be cleaned up: %s", instance.name, e)
    with service.lock:
        operation.move("Failed", "InternalError", details)
        if service.account.instances.get(instance.name) is instance and instance.job == job:
            instance.job = instance.job_operation = None
            if job == "create":
                del service.account.instances[instance.name]
            else:
                host = service.driver.get(instance.name)
                instance.state = host.state if host else "stopped"
        service.save()

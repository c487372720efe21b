"""Carries a plan out, step by step, against the API.

Creates are sent one per host and waited for together. A host whose step fails is skipped while
the others are finished, their firewalls closed above all; then every failure is told. A call that
failed is believed only after a look at what is there, so a lost reply is found again and nothing
is made twice. What it never does: anything that is not in the plan.
"""

from __future__ import annotations

from inventories import instructions as do
from inventories.api_errors import ApiFailure
from inventories.done import is_done
from inventories.errors import ProvisionError
from inventories.lightsail import Lightsail
from inventories.limits import Limits
from inventories.ownership import Owner
from inventories.progress import Progress
from inventories.remote import Instance, Operation
from inventories.sshkey import ensure_key, read_key
from inventories.waits import Failures, wait_gone, wait_operations, wait_running, wait_state
from inventories.worlds import World

#: Failures that every further call would meet as well.
_HOPELESS = ("credentials", "denied", "network")


class Executor:
    """Runs the steps of one plan."""

    def __init__(
        self, client: Lightsail, where: World, owner: Owner, limits: Limits, progress: Progress
    ) -> None:
        self._client = client
        self._key_path = where.secrets / "ssh" / "id_rsa"
        self._owner = owner
        self._limits = limits
        self._progress = progress
        self._bringing_up: dict[str, list[Operation]] = {}
        self._failures: Failures = {}

    def run(self, steps: tuple[do.Instruction, ...], hosts: set[str]) -> None:
        """Carry out `steps`, then wait until `hosts` run. Raises what failed, all of it."""
        early = [s for s in steps if isinstance(s, _BEFORE_RUNNING)]
        late = [s for s in steps if not isinstance(s, _BEFORE_RUNNING)]
        for first in early:
            self._attempt(first)
        up = hosts - self._failures.keys()
        if up:
            with self._progress.waiting(f"Waiting until all run and have an address: {_list(up)}"):
                self._failures |= wait_running(self._client, up, self._bringing_up, self._limits)
        for step in late:
            self._attempt(step)
        if self._failures:
            raise _together(self._failures)

    def destroy(self, steps: tuple[do.Instruction, ...]) -> None:
        """Carry out a destroy plan: hosts first, then, when they are gone, the rest."""
        doomed = {s.name for s in steps if isinstance(s, do.DeleteInstance)}
        for step in steps:
            if isinstance(step, do.DeleteInstance):
                self._attempt(step)
        gone = doomed - self._failures.keys()
        if gone:
            with self._progress.waiting(f"Waiting until all are gone: {_list(gone)}"):
                wait_gone(self._client, gone, self._limits)
        for step in steps:
            if not isinstance(step, do.DeleteInstance):
                self._attempt(step)
        if self._failures:
            raise _together(self._failures)

    def _attempt(self, step: do.Instruction) -> None:
        target = step.host if isinstance(step, do.AllocateIp | do.AttachIp) else step.name
        if target in self._failures or step.name in self._failures:
            return
        try:
            operations = self._call(step)
            if isinstance(step, do.CreateInstance | do.StartInstance):
                self._bringing_up[step.name] = operations
            elif not isinstance(step, do.DeleteInstance):
                wait_operations(self._client, operations, self._limits)
            self._read_back(step)
        except ApiFailure as failure:
            if self._took_effect_anyway(step, failure):
                self._progress.say(f"done: {step} (the reply was lost; found again)")
                return
            self._failures[target] = _named(step, failure)
            if failure.kind in _HOPELESS or isinstance(step, do.ImportKey | do.DeleteKey):
                raise _together(self._failures) from None
        except ProvisionError as failure:
            self._failures[target] = failure
        else:
            self._progress.say(f"done: {step}")

    def _took_effect_anyway(self, step: do.Instruction, failure: ApiFailure) -> bool:
        """Look before believing a failure; only refusals are believed at once."""
        if failure.kind in ("credentials", "denied", "quota"):
            return False
        try:
            remote = self._client.remote(self._owner.tags)
        except ApiFailure:
            return False
        return is_done(step, self._owner, remote, read_key(self._key_path))

    def _call(self, step: do.Instruction) -> list[Operation]:
        client = self._client
        match step:
            case do.ImportKey():
                return client.import_key(step.name, ensure_key(self._key_path))
            case do.DeleteKey():
                return client.delete_key(step.name)
            case do.TagResource():
                return client.tag(step.name, step.tags)
            case do.CreateInstance():
                return client.create(
                    step.name,
                    zone=step.zone,
                    blueprint_id=step.blueprint_id,
                    bundle_id=step.bundle_id,
                    key_name=step.key_name,
                    tags=step.tags,
                )
            case do.StartInstance():
                if self._state(step.name) == "stopping":
                    wait_state(client, step.name, "stopped", self._limits)
                return client.start(step.name)
            case do.PutPorts():
                return client.put_ports(step.name, step.rules)
            case do.AllocateIp():
                return client.allocate_ip(step.name)
            case do.AttachIp():
                return client.attach_ip(step.name, step.host)
            case do.DetachIp():
                return client.detach_ip(step.name)
            case do.ReleaseIp():
                return client.release_ip(step.name)
            case do.DeleteInstance():
                return client.delete(step.name)

    def _read_back(self, step: do.Instruction) -> None:
        """The firewall is believed only after it was read again."""
        if not isinstance(step, do.PutPorts):
            return
        found = self._instance(step.name)
        rules = self._client.with_ports(found).open_ports if found else set()
        if rules != set(step.rules):
            raise ProvisionError(
                f"{step.name}: its Lightsail firewall reads back as "
                f"{'; '.join(map(str, sorted(rules))) or 'all closed'} instead of "
                f"{'; '.join(map(str, step.rules))}"
            )

    def _instance(self, name: str) -> Instance | None:
        return next((i for i in self._client.instances() if i.name == name), None)

    def _state(self, name: str) -> str:
        found = self._instance(name)
        return found.state if found else ""


_BEFORE_RUNNING = (do.ImportKey, do.DeleteKey, do.TagResource, do.CreateInstance, do.StartInstance)


def _named(step: do.Instruction, failure: ApiFailure) -> ProvisionError:
    """The failure with the resource in front, unless it says its name already."""
    what = failure.what if step.name in failure.what else f"{step.name}: {failure.what}"
    return ProvisionError(what, failure.next_step)


def _together(failures: Failures) -> ProvisionError:
    hints = dict.fromkeys(f.next_step for f in failures.values() if f.next_step)
    return ProvisionError("\n".join(f.what for f in failures.values()), "; ".join(hints))


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))

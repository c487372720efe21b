"""Whether a step's effect is there, by what the API shows. Pure.

A call whose reply was lost, or that the SDK sent twice, looks like a failure though it worked:
the executor asks here before it believes a failure.
"""

from __future__ import annotations

from inventories import instructions as do
from inventories.ownership import Owner
from inventories.plan import LocalKey
from inventories.remote import Remote


def is_done(step: do.Instruction, owner: Owner, remote: Remote, local_key: LocalKey | None) -> bool:
    """True when `remote` shows what `step` wanted, and it is ours."""
    match step:
        case do.CreateInstance():
            found = remote.instance(step.name)
            return (
                found is not None
                and owner.owns(found.tags)
                and (found.blueprint_id, found.bundle_id) == (step.blueprint_id, step.bundle_id)
            )
        case do.StartInstance():
            found = remote.instance(step.name)
            return found is not None and found.state in ("running", "pending", "starting")
        case do.DeleteInstance():
            found = remote.instance(step.name)
            return found is None or found.state in ("shutting-down", "terminated", "deleting")
        case do.ImportKey():
            key = remote.key_pair(step.name)
            return (
                key is not None
                and local_key is not None
                and key.fingerprint in local_key.fingerprints
            )
        case do.DeleteKey():
            return remote.key_pair(step.name) is None
        case do.AllocateIp():
            return remote.static_ip(step.name) in owner.static_ips(remote)
        case do.AttachIp():
            ip = remote.static_ip(step.name)
            return ip is not None and ip.attached_to == step.host
        case do.DetachIp():
            ip = remote.static_ip(step.name)
            return ip is None or not ip.attached_to
        case do.ReleaseIp():
            return remote.static_ip(step.name) is None
        case do.PutPorts():
            found = remote.instance(step.name)
            return found is not None and found.open_ports == set(step.rules)
        case do.TagResource():
            tagged = remote.instance(step.name) or remote.key_pair(step.name)
            return tagged is not None and set(step.tags) <= set(tagged.tags)

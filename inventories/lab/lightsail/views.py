"""How records look on the wire. Pure, but for the counting that makes addresses show late."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from inventories.lab.lightsail.account import Account, Instance, KeyPair, Operation, StaticIp
from inventories.lab.lightsail.catalogue import find_blueprint, find_bundle
from inventories.lab.lightsail.service import Service

JSON = dict[str, Any]

# EC2's codes, which the service passes on as free text.
STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "stopping": 64, "stopped": 80}


# Calls that make operations whose type the model's list does not have; it is left out then.
UNLISTED_TYPES = {"TagResource", "UntagResource", "ImportKeyPair", "DeleteKeyPair"}


def location(account: Account, zone: str = "all") -> JSON:
    return {"availabilityZone": zone, "regionName": account.region}


def tag_list(tags: dict[str, str]) -> list[JSON]:
    return [{"key": k, "value": v} if v else {"key": k} for k, v in tags.items()]


def state(instance: Instance) -> JSON:
    return {"code": STATE_CODES[instance.state], "name": instance.state}


def operation(account: Account, op: Operation) -> JSON:
    op.settle(time.time())
    view: JSON = {
        "id": op.id,
        "resourceName": op.resource,
        "resourceType": op.resource_kind,
        "createdAt": op.created_at,
        "location": location(account, op.zone),
        "isTerminal": op.terminal,
        "operationDetails": op.details,
        "status": op.status,
        "statusChangedAt": op.changed_at,
    }
    if op.type not in UNLISTED_TYPES:
        view["operationType"] = op.type
    if op.status == "Failed":
        view |= {"errorCode": op.error_code, "errorDetails": op.error_details}
    return view


def public_address(service: Service, item: Instance) -> str | None:
    """The address the world sees: the static IP at any time, otherwise only while running."""
    static = service.account.static_ip_of(item.name)
    if static is not None:
        return static.address
    if item.state != "running" or item.running_reads <= service.delays.address_polls:
        return None
    host = service.host(item)
    return service.own_address(host) if host else None


def ipv6_address(item: Instance) -> str:
    """Of the documentation prefix: shown because dual-stack instances have one, not reachable."""
    digest = hashlib.sha256(item.uid.encode()).hexdigest().upper()
    return "2001:DB8:" + ":".join(digest[i : i + 4] for i in range(0, 24, 4))


def instance(service: Service, item: Instance, fault: str | None = None) -> JSON:
    """One reading of an instance; readings count (see Delays.address_polls)."""
    account = service.account
    if item.state == "running":
        item.running_reads += 1
    bundle = find_bundle(account.region, item.bundle_id)
    blueprint = find_blueprint(item.blueprint_id)
    assert bundle is not None
    assert blueprint is not None
    tags = {"owner": "somebody-else"} if fault == "foreign_tag" else item.tags
    view: JSON = {
        "name": item.name,
        "arn": account.arn(item),
        "supportCode": f"{int(item.uid[:8], 16)}/i-{item.uid.replace('-', '')[:17]}",
        "createdAt": item.created_at,
        "location": location(account, item.zone),
        "resourceType": "Instance",
        "tags": tag_list(tags),
        "blueprintId": item.blueprint_id,
        "blueprintName": blueprint.name,
        "bundleId": item.bundle_id,
        "addOns": [],
        "isStaticIp": account.static_ip_of(item.name) is not None,
        "ipAddressType": item.ip_type,
        "hardware": {
            "cpuCount": bundle["cpuCount"],
            "disks": [
                {
                    "createdAt": item.created_at,
                    "sizeInGb": item.disk_gb,
                    "isSystemDisk": True,
                    "iops": item.disk_gb * 3,
                    "path": "/dev/xvda",
                    "attachedTo": item.name,
                    "attachmentState": "attached",
                }
            ],
            "ramSizeInGb": bundle["ramSizeInGb"],
        },
        "networking": {
            "monthlyTransfer": {"gbPerMonthAllocated": bundle["transferPerMonthInGb"]},
            "ports": [port_info(p) for p in item.ports],
        },
        "state": state(item),
        "username": item.user,
        "sshKeyName": item.key_name,
        "metadataOptions": item.metadata,
    }
    if item.private_ip:
        view["privateIpAddress"] = item.private_ip
    public = public_address(service, item)
    if public:
        view["publicIpAddress"] = public
        if item.ip_type == "dualstack":
            view["ipv6Addresses"] = [ipv6_address(item)]
    return view


def port_info(port: JSON) -> JSON:
    return {
        **port,
        "accessFrom": "Anywhere (0.0.0.0/0)" if "0.0.0.0/0" in port["cidrs"] else "Custom",
        "accessType": "Public",
        "commonName": "",
        "accessDirection": "inbound",
    }


def static_ip(account: Account, item: StaticIp) -> JSON:
    view = {
        "name": item.name,
        "arn": account.arn(item),
        "supportCode": f"{int(item.uid[:8], 16)}/{item.address}",
        "createdAt": item.created_at,
        "location": location(account),
        "resourceType": "StaticIp",
        "ipAddress": item.address,
        "isAttached": item.attached_to is not None,
    }
    if item.attached_to:
        view["attachedTo"] = item.attached_to
    return view


def key_pair(account: Account, item: KeyPair) -> JSON:
    return {
        "name": item.name,
        "arn": account.arn(item),
        "supportCode": f"{int(item.uid[:8], 16)}/{item.name}",
        "createdAt": item.created_at,
        "location": location(account),
        "resourceType": "KeyPair",
        "tags": tag_list(item.tags),
        "fingerprint": item.fingerprint,
    }

"""Calls about instances. Each checks everything first, then changes the record and starts work."""

from __future__ import annotations

import re
from typing import Any

from inventories.lab.lightsail import jobs, views
from inventories.lab.lightsail.account import Instance
from inventories.lab.lightsail.catalogue import Blueprint, find_blueprint, find_bundle, zones
from inventories.lab.lightsail.errors import bad_state, invalid, not_found, quota_reached
from inventories.lab.lightsail.service import Call, Reply, Service, page
from inventories.lab.lightsail.tags import read_tags

USER_DATA_LIMIT = 16 * 1024  # bytes, as on EC2
_PUBLIC_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) AAAA[A-Za-z0-9+/]{40,}={0,3}"
)
WORLD = {"cidrs": ["0.0.0.0/0"], "ipv6Cidrs": ["::/0"], "cidrListAliases": []}


def default_ports() -> list[dict[str, Any]]:
    """What Linux blueprints open to the world at creation."""
    return [{"fromPort": p, "toPort": p, "protocol": "tcp", **WORLD} for p in (22, 80)]


def create_instances(service: Service, call: Call) -> Reply:
    names: list[str] = call["instanceNames"]
    blueprint, bundle = _check_create(service, call, names)
    key_name = call.params.get("keyPairName", "LightsailDefaultKeyPair")
    # User data is not run and not kept; the public keys in it are what a host here can use.
    keys = _PUBLIC_KEY.findall(call.params.get("userData", ""))
    if key_name in service.account.key_pairs:
        keys.insert(0, service.account.key_pairs[key_name].public_key)
    operations = []
    for name in names:
        instance = Instance(
            name=name,
            zone=call["availabilityZone"],
            blueprint_id=blueprint.id,
            bundle_id=bundle["bundleId"],
            user=blueprint.user,
            memory_mb=int(bundle["ramSizeInGb"] * 1024),
            disk_gb=bundle["diskSizeInGb"],
            key_name=key_name,
            authorized_keys=list(dict.fromkeys(keys)),
            tags=read_tags(call.params.get("tags", [])),
            ip_type=call.params.get("ipAddressType", "dualstack"),
            ports=default_ports(),
            stuck=call.fault == "stuck_pending",
        )
        service.account.instances[name] = instance
        operation = service.begin(instance, "CreateInstance", "NotStarted")
        operation.outcome = "Failed" if call.fails else "Succeeded"
        operations.append(views.operation(service.account, operation))
        jobs.launch(service, instance, "create", operation)
    return {"operations": operations}


def _refuse(call: Call, *parameters: str) -> None:
    """Parameters of the service that have no effect here must not look as if they had one."""
    for parameter in parameters:
        if call.params.get(parameter):
            raise invalid(f"{parameter} cannot be had here")


def _check_create(service: Service, call: Call, names: list[str]) -> tuple[Blueprint, Reply]:
    account = service.account
    _refuse(call, "addOns", "customImageName")
    if not names or len(set(names)) != len(names):
        raise invalid("instanceNames has to hold at least one name, each once")
    for name in names:
        if not re.fullmatch(r"\w[\w\-]*\w", name, re.ASCII):
            raise invalid(
                f"{name} is not a valid resource name. Resource names must be at least 2 "
                "characters long and contain only alphanumerics, - and _"
            )
    if call["availabilityZone"] not in zones(account.region):
        raise invalid(f"The availability zone is not valid: {call['availabilityZone']}")
    blueprint = find_blueprint(call["blueprintId"])
    if blueprint is None or not blueprint.active:
        raise invalid(f"The blueprint is not available: {call['blueprintId']}", "InvalidBlueprint")
    bundle = find_bundle(account.region, call["bundleId"])
    if bundle is None or not bundle["isActive"]:
        raise invalid(f"The bundle is not available: {call['bundleId']}", "InvalidBundle")
    if blueprint.platform not in bundle["supportedPlatforms"]:
        raise invalid(f"{blueprint.id} does not run on {bundle['bundleId']}", "InvalidBundle")
    if blueprint.platform != "LINUX_UNIX":
        raise invalid("Windows cannot be had here: no host could be made", "InvalidBlueprint")
    if bundle["power"] < blueprint.min_power:
        raise invalid(f"{blueprint.id} needs a larger bundle", "InvalidBundle")
    only_v6 = bundle["publicIpv4AddressCount"] == 0
    if only_v6 != (call.params.get("ipAddressType") == "ipv6"):
        raise invalid(f"{bundle['bundleId']} does not fit the ipAddressType", "InvalidBundle")
    key = call.params.get("keyPairName")
    if key is not None and key not in {*account.key_pairs, "LightsailDefaultKeyPair"}:
        raise not_found("KeyPair", key)
    if len(call.params.get("userData", "").encode()) > USER_DATA_LIMIT:
        raise invalid(f"User data is limited to {USER_DATA_LIMIT} bytes")
    read_tags(call.params.get("tags", []))
    service.refuse_taken(names)
    if len(account.instances) + len(names) > service.quota:
        raise quota_reached("instances")
    return blueprint, bundle


def get_instance(service: Service, call: Call) -> Reply:
    instance = service.instance(call["instanceName"])
    return {"instance": views.instance(service, instance, call.fault)}


def get_instances(service: Service, call: Call) -> Reply:
    found = sorted(service.account.instances.values(), key=lambda i: i.name)
    for instance in found:
        service.reconcile(instance)
    # page first, so that only what is shown counts as read
    reply = page([{"name": i.name} for i in found], "instances", call.params)
    reply["instances"] = [
        views.instance(service, service.account.instances[row["name"]], call.fault)
        for row in reply["instances"]
    ]
    return reply


def get_instance_state(service: Service, call: Call) -> Reply:
    return {"state": views.state(service.instance(call["instanceName"]))}


def _power(
    service: Service, call: Call, verb: str, needs: tuple[str, ...], passing: str | None
) -> Reply:
    instance = service.instance(call["instanceName"])
    if instance.state not in needs or instance.job is not None:
        busy = f"{instance.state} ({instance.job} under way)" if instance.job else instance.state
        raise bad_state(verb, instance.name, busy)
    operation = service.begin(instance, f"{verb.capitalize()}Instance", "Started")
    operation.outcome = "Failed" if call.fails else "Succeeded"
    if passing:
        instance.state = passing
    instance.stuck = passing == "pending" and call.fault == "stuck_pending"
    reply = {"operations": [views.operation(service.account, operation)]}
    jobs.launch(service, instance, verb, operation)
    return reply


def start_instance(service: Service, call: Call) -> Reply:
    _refuse(call, "attributeUpdates")
    return _power(service, call, "start", ("stopped",), "pending")


def stop_instance(service: Service, call: Call) -> Reply:
    return _power(service, call, "stop", ("running",), "stopping")


def reboot_instance(service: Service, call: Call) -> Reply:
    return _power(service, call, "reboot", ("running",), None)


def delete_instance(service: Service, call: Call) -> Reply:
    """Possible in any state; once more while it is under way answers with that operation."""
    instance = service.instance(call["instanceName"])
    if instance.job == "delete":
        under_way = service.account.operations[instance.job_operation or ""]
        return {"operations": [views.operation(service.account, under_way)]}
    operation = service.begin(instance, "DeleteInstance", "Started")
    operation.outcome = "Failed" if call.fails else "Succeeded"
    instance.state, instance.stuck = "shutting-down", False
    reply = {"operations": [views.operation(service.account, operation)]}
    jobs.launch(service, instance, "delete", operation)
    return reply


def update_instance_metadata_options(service: Service, call: Call) -> Reply:
    instance = service.instance(call["instanceName"])
    if instance.state not in ("running", "stopped"):
        raise bad_state("change the metadata options of", instance.name, instance.state)
    wanted = {k: v for k, v in call.params.items() if k != "instanceName"}
    if not wanted:
        raise invalid("No metadata option was given")

    def effect() -> None:
        instance.metadata |= wanted

    operation = service.done(call, instance, effect)
    return {"operation": views.operation(service.account, operation)}


HANDLERS = {
    "CreateInstances": create_instances,
    "GetInstance": get_instance,
    "GetInstances": get_instances,
    "GetInstanceState": get_instance_state,
    "StartInstance": start_instance,
    "StopInstance": stop_instance,
    "RebootInstance": reboot_instance,
    "DeleteInstance": delete_instance,
    "UpdateInstanceMetadataOptions": update_instance_metadata_options,
}

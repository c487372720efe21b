"""Calls about public ports and static IPs.

Where a driver can move a host (`CanMove`), a static IP keeps the address it was allocated with,
as in the real service. Where it cannot, attaching gives the static IP the host's own address,
which in the lab is fixed anyway.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from inventories.lab.lightsail import views
from inventories.lab.lightsail.account import Instance, StaticIp
from inventories.lab.lightsail.driver_api import CanMove
from inventories.lab.lightsail.errors import bad_state, invalid, quota_reached
from inventories.lab.lightsail.service import Call, Reply, Service, page

STATIC_IP_QUOTA = 5
MAX_PORT_RULES = 60
CIDR_ALIASES = {"lightsail-connect"}
_POOL = "127.84.0."


def _settled(service: Service, name: str, what: str) -> Instance:
    instance = service.instance(name)
    if instance.state not in ("running", "stopped"):
        raise bad_state(what, instance.name, instance.state)
    return instance


# -- ports -----------------------------------------------------------------------------------
def _networks(cidrs: list[str], version: int) -> list[str]:
    result = []
    for cidr in cidrs:
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError as e:
            raise invalid(f"The CIDR block is not valid: {cidr}") from e
        if network.version != version:
            raise invalid(f"{cidr} is not an IPv{version} CIDR block")
        result.append(str(network))
    return result


def read_port(info: dict[str, Any]) -> dict[str, Any]:
    """One rule in full: a family that is left out is open to the world, as in the service."""
    missing = {"fromPort", "toPort", "protocol"} - info.keys()
    if missing:
        raise invalid(f"portInfos: {', '.join(sorted(missing))} missing")
    protocol, first, last = info["protocol"], info["fromPort"], info["toPort"]
    if protocol in ("tcp", "udp", "all"):
        if not 0 <= first <= last:
            raise invalid(f"The port range is not valid: {first}-{last}")
    elif not -1 <= last <= 255 or not -1 <= first <= 255:
        raise invalid(f"fromPort and toPort of {protocol} are an ICMP type and code")
    unknown = set(info.get("cidrListAliases", [])) - CIDR_ALIASES
    if unknown:
        raise invalid(f"The CIDR list alias does not exist: {', '.join(sorted(unknown))}")
    aliases_only = "cidrListAliases" in info and not {"cidrs", "ipv6Cidrs"} & info.keys()
    world4, world6 = ([], []) if aliases_only else (["0.0.0.0/0"], ["::/0"])
    return {
        "fromPort": first,
        "toPort": last,
        "protocol": protocol,
        "cidrs": _networks(info.get("cidrs", world4), 4),
        "ipv6Cidrs": _networks(info.get("ipv6Cidrs", world6), 6),
        "cidrListAliases": list(info.get("cidrListAliases", [])),
    }


def put_instance_public_ports(service: Service, call: Call) -> Reply:
    """Replaces the whole set."""
    instance = _settled(service, call["instanceName"], "change the ports of")
    ports = [read_port(p) for p in call["portInfos"]]
    if len(ports) > MAX_PORT_RULES:
        raise invalid(f"At most {MAX_PORT_RULES} port rules")

    def effect() -> None:
        instance.ports = ports

    operation = service.done(call, instance, effect)
    return {"operation": views.operation(service.account, operation)}


def get_instance_port_states(service: Service, call: Call) -> Reply:
    instance = service.instance(call["instanceName"])
    return {"portStates": [{**p, "state": "open"} for p in instance.ports]}


# -- static IPs ------------------------------------------------------------------------------
def _free_address(service: Service) -> str:
    taken = {s.address for s in service.account.static_ips.values()}
    return next(a for n in range(2, 255) if (a := f"{_POOL}{n}") not in taken)


def allocate_static_ip(service: Service, call: Call) -> Reply:
    name = call["staticIpName"]
    service.refuse_taken([name])
    if len(service.account.static_ips) >= STATIC_IP_QUOTA:
        raise quota_reached("static IPs")
    item = StaticIp(name, _free_address(service))

    def effect() -> None:
        service.account.static_ips[name] = item

    operation = service.done(call, item, effect)
    return {"operations": [views.operation(service.account, operation)]}


def attach_static_ip(service: Service, call: Call) -> Reply:
    item = service.static_ip(call["staticIpName"])
    instance = _settled(service, call["instanceName"], "attach a static IP to")
    if item.attached_to is not None:
        raise invalid(f"{item.name} is already attached to {item.attached_to}")
    other = service.account.static_ip_of(instance.name)
    if other is not None:
        raise invalid(f"{instance.name} already has the static IP {other.name}")

    def effect() -> None:
        item.attached_to = instance.name
        if isinstance(service.driver, CanMove):
            service.driver.set_address(instance.name, item.address)
        elif instance.private_ip:
            item.address = instance.private_ip

    operation = service.done(call, item, effect, status="Completed", slow=True)
    return {"operations": [views.operation(service.account, operation)]}


def detach_static_ip(service: Service, call: Call) -> Reply:
    item = service.static_ip(call["staticIpName"])
    if item.attached_to is None:
        raise invalid(f"{item.name} is not attached to anything")
    instance = _settled(service, item.attached_to, "detach the static IP of")

    def effect() -> None:
        item.attached_to = None
        if isinstance(service.driver, CanMove):
            service.driver.set_address(instance.name, None)

    operation = service.done(call, item, effect, status="Completed", slow=True)
    return {"operations": [views.operation(service.account, operation)]}


def release_static_ip(service: Service, call: Call) -> Reply:
    item = service.static_ip(call["staticIpName"])
    if item.attached_to is not None:
        raise invalid(f"{item.name} is attached to {item.attached_to}: detach it first")

    def effect() -> None:
        del service.account.static_ips[item.name]

    operation = service.done(call, item, effect)
    return {"operations": [views.operation(service.account, operation)]}


def get_static_ip(service: Service, call: Call) -> Reply:
    return {"staticIp": views.static_ip(service.account, service.static_ip(call["staticIpName"]))}


def get_static_ips(service: Service, call: Call) -> Reply:
    found = sorted(service.account.static_ips.values(), key=lambda s: s.name)
    rows = [views.static_ip(service.account, s) for s in found]
    return page(rows, "staticIps", call.params, size=2)


HANDLERS = {
    "PutInstancePublicPorts": put_instance_public_ports,
    "GetInstancePortStates": get_instance_port_states,
    "AllocateStaticIp": allocate_static_ip,
    "AttachStaticIp": attach_static_ip,
    "DetachStaticIp": detach_static_ip,
    "ReleaseStaticIp": release_static_ip,
    "GetStaticIp": get_static_ip,
    "GetStaticIps": get_static_ips,
}

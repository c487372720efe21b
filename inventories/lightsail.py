"""The only module that talks to AWS: a narrow, typed Lightsail client.

Lists are read to their last page, failures are `ApiFailure` sentences, throttling and 5xx are
retried by the SDK's standard mode up to a cap. The temporary login key that
GetInstanceAccessDetails returns is dropped at once and never leaves `host_keys`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from inventories import wire
from inventories.api_errors import ApiFailure, translated
from inventories.limits import Limits
from inventories.remote import HostKeyLine, Instance, Operation, PortRule, Remote
from inventories.worlds import World

if TYPE_CHECKING:
    from mypy_boto3_lightsail.client import LightsailClient
    from mypy_boto3_lightsail.type_defs import PortInfoTypeDef

Tags = tuple[tuple[str, str], ...]


def connect(world: World, region: str, limits: Limits) -> Lightsail:
    """A client for a world. Nothing is called yet; credentials are looked for at the first call."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": int(limits.attempts)},
        connect_timeout=10,
        read_timeout=60,
        # A lab's API is on this machine whatever proxy the network needs.
        proxies={} if world.is_lab else None,
    )
    # A profile of the person's own must neither be needed nor used in a lab: read from nowhere.
    no_profile = {"profile": (None, None, None, None)} if world.aws_env else None
    session = botocore.session.Session(session_vars=no_profile)
    if world.aws_env:
        session.set_credentials(
            world.aws_env["AWS_ACCESS_KEY_ID"], world.aws_env["AWS_SECRET_ACCESS_KEY"]
        )
    with translated("sign-in"):
        client = boto3.Session(botocore_session=session).client(
            "lightsail", region_name=region, endpoint_url=world.endpoint_url, config=config
        )
    return Lightsail(client, region)


class Lightsail:
    """Typed calls; each returns values of `remote.py` or the operations it started."""

    def __init__(self, client: LightsailClient, region: str) -> None:
        self._client = client
        self.region = region

    # -- reading -----------------------------------------------------------------------------
    def remote(self, owned_by: Tags) -> Remote:
        """Everything a plan looks at; firewall rules of instances that carry `owned_by`."""
        instances = []
        for instance in self.instances():
            if set(owned_by) <= set(instance.tags):
                instance = self.with_ports(instance)
            instances.append(instance)
        return Remote(
            bundles=tuple(
                map(wire.bundle, self._all("get_bundles", "bundles", includeInactive=True))
            ),
            blueprints=tuple(map(wire.blueprint, self._all("get_blueprints", "blueprints"))),
            zones=self._zones(),
            instances=tuple(instances),
            static_ips=tuple(map(wire.static_ip, self._all("get_static_ips", "staticIps"))),
            key_pairs=tuple(map(wire.key_pair, self._all("get_key_pairs", "keyPairs"))),
        )

    def instances(self) -> list[Instance]:
        return [wire.instance(i) for i in self._all("get_instances", "instances")]

    def with_ports(self, instance: Instance) -> Instance:
        """The same instance with its firewall read; unchanged if it is gone meanwhile."""
        try:
            with translated("GetInstancePortStates"):
                reply = self._client.get_instance_port_states(instanceName=instance.name)
        except ApiFailure as failure:
            if failure.kind == "missing":
                return instance
            raise
        rules = [wire.rule(p) for p in reply["portStates"] if p.get("state", "open") == "open"]
        return Instance(**{**instance.__dict__, "ports": frozenset(rules)})

    def host_keys(self, name: str) -> list[HostKeyLine]:
        """The public SSH host keys of an instance; empty while the API does not know them."""
        try:
            with translated("GetInstanceAccessDetails"):
                details = self._client.get_instance_access_details(
                    instanceName=name, protocol="ssh"
                )["accessDetails"]
        except ApiFailure as failure:
            if failure.kind == "other" and "pending" in failure.what:
                return []
            raise
        keys = [
            (k.get("algorithm", ""), k.get("publicKey", "")) for k in details.get("hostKeys", [])
        ]
        del details  # holds a private key that logs in to the instance
        return sorted(
            {wire.host_key(name, a, k) for a, k in keys}, key=lambda k: (k.algorithm, k.key)
        )

    def operation(self, operation_id: str) -> Operation:
        with translated("GetOperation"):
            return wire.operation(self._client.get_operation(operationId=operation_id)["operation"])

    def _zones(self) -> tuple[str, ...]:
        with translated("GetRegions"):
            regions = self._client.get_regions(includeAvailabilityZones=True)["regions"]
        return tuple(
            str(zone["zoneName"])
            for region in regions
            if region.get("name") == self.region
            for zone in region.get("availabilityZones", [])
        )

    def _all(self, call: str, key: str, **arguments: Any) -> list[Any]:
        """Every item of a paginated list."""
        operation = "".join(part.capitalize() for part in call.split("_"))
        with translated(operation):
            pages = self._client.get_paginator(call).paginate(**arguments)  # type: ignore[call-overload]
            return [item for page in pages for item in page.get(key, [])]

    # -- changing ----------------------------------------------------------------------------
    def import_key(self, name: str, public_key: str) -> list[Operation]:
        """`public_key` is the OpenSSH line, which is what the service takes as base64."""
        with translated("ImportKeyPair"):
            reply = self._client.import_key_pair(keyPairName=name, publicKeyBase64=public_key)
        return [wire.operation(reply["operation"])]

    def delete_key(self, name: str) -> list[Operation]:
        with translated("DeleteKeyPair"):
            return [wire.operation(self._client.delete_key_pair(keyPairName=name)["operation"])]

    def tag(self, name: str, tags: Tags) -> list[Operation]:
        pairs: Any = [{"key": k, "value": v} for k, v in tags]
        with translated("TagResource"):
            reply = self._client.tag_resource(resourceName=name, tags=pairs)
        return [wire.operation(o) for o in reply["operations"]]

    def create(
        self, name: str, *, zone: str, blueprint_id: str, bundle_id: str, key_name: str, tags: Tags
    ) -> list[Operation]:
        """Create one instance, IPv4 only: a second, IPv6 firewall would be open by default."""
        with translated("CreateInstances"):
            reply = self._client.create_instances(
                instanceNames=[name],
                availabilityZone=zone,
                blueprintId=blueprint_id,
                bundleId=bundle_id,
                keyPairName=key_name,
                tags=[{"key": k, "value": v} for k, v in tags],
                ipAddressType="ipv4",
            )
        return [wire.operation(o) for o in reply["operations"]]

    def start(self, name: str) -> list[Operation]:
        with translated("StartInstance"):
            reply = self._client.start_instance(instanceName=name)
        return [wire.operation(o) for o in reply["operations"]]

    def stop(self, name: str) -> list[Operation]:
        with translated("StopInstance"):
            reply = self._client.stop_instance(instanceName=name)
        return [wire.operation(o) for o in reply["operations"]]

    def delete(self, name: str) -> list[Operation]:
        with translated("DeleteInstance"):
            reply = self._client.delete_instance(instanceName=name, forceDeleteAddOns=True)
        return [wire.operation(o) for o in reply["operations"]]

    def put_ports(self, name: str, rules: tuple[PortRule, ...]) -> list[Operation]:
        """Replace the whole firewall. A family that is left out would be open to the world."""
        infos: list[PortInfoTypeDef] = [
            {
                "fromPort": r.from_port,
                "toPort": r.to_port,
                "protocol": r.protocol,  # type: ignore[typeddict-item]
                "cidrs": list(r.cidrs),
                "ipv6Cidrs": list(r.ipv6_cidrs),
            }
            for r in rules
        ]
        with translated("PutInstancePublicPorts"):
            reply = self._client.put_instance_public_ports(instanceName=name, portInfos=infos)
        return [wire.operation(reply["operation"])]

    def allocate_ip(self, name: str) -> list[Operation]:
        with translated("AllocateStaticIp"):
            reply = self._client.allocate_static_ip(staticIpName=name)
        return [wire.operation(o) for o in reply["operations"]]

    def attach_ip(self, name: str, host: str) -> list[Operation]:
        with translated("AttachStaticIp"):
            reply = self._client.attach_static_ip(staticIpName=name, instanceName=host)
        return [wire.operation(o) for o in reply["operations"]]

    def detach_ip(self, name: str) -> list[Operation]:
        with translated("DetachStaticIp"):
            reply = self._client.detach_static_ip(staticIpName=name)
        return [wire.operation(o) for o in reply["operations"]]

    def release_ip(self, name: str) -> list[Operation]:
        with translated("ReleaseStaticIp"):
            reply = self._client.release_static_ip(staticIpName=name)
        return [wire.operation(o) for o in reply["operations"]]

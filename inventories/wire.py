"""The API's JSON as values of `remote.py`. Pure; unknown fields are ignored, odd ones refused."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from inventories.api_errors import ApiFailure
from inventories.remote import (
    Blueprint,
    Bundle,
    HostKeyLine,
    Instance,
    KeyPair,
    Operation,
    PortRule,
    StaticIp,
)

Tags = tuple[tuple[str, str], ...]


def tags(wire: Any) -> Tags:
    return tuple(sorted((t.get("key", ""), t.get("value", "")) for t in wire or []))


def time(value: Any) -> str:
    """ISO 8601 in UTC with microseconds: equal exactly when the API gave the same moment."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def instance(wire: Any) -> Instance:
    return Instance(
        name=wire["name"],
        arn=wire["arn"],
        created_at=time(wire["createdAt"]),
        state=wire["state"]["name"],
        zone=wire["location"]["availabilityZone"],
        blueprint_id=wire.get("blueprintId", ""),
        bundle_id=wire.get("bundleId", ""),
        tags=tags(wire.get("tags")),
        public_address=wire.get("publicIpAddress", ""),
        private_address=wire.get("privateIpAddress", ""),
        user=wire.get("username", ""),
        ip_type=wire.get("ipAddressType", ""),
    )


def bundle(wire: Any) -> Bundle:
    platforms = wire.get("supportedPlatforms") or ["LINUX_UNIX"]
    return Bundle(
        id=wire["bundleId"],
        size=str(wire.get("instanceType", "")).lower(),
        memory_mb=round(wire.get("ramSizeInGb", 0) * 1024),
        usd=float(wire.get("price", 0)),
        power=int(wire.get("power", 0)),
        active=bool(wire.get("isActive", False)),
        plain_linux="LINUX_UNIX" in platforms
        and wire.get("publicIpv4AddressCount", 1) > 0
        and not wire.get("supportedAppCategories"),
    )


def blueprint(wire: Any) -> Blueprint:
    return Blueprint(
        id=wire["blueprintId"],
        active=bool(wire.get("isActive", False)),
        min_power=int(wire.get("minPower", 0)),
        linux_os=wire.get("type") == "os" and wire.get("platform") == "LINUX_UNIX",
    )


def static_ip(wire: Any) -> StaticIp:
    return StaticIp(wire["name"], wire.get("ipAddress", ""), wire.get("attachedTo") or "")


def key_pair(wire: Any) -> KeyPair:
    return KeyPair(wire["name"], wire.get("fingerprint", ""), tags(wire.get("tags")))


def rule(wire: Any) -> PortRule:
    return PortRule(
        from_port=wire["fromPort"],
        to_port=wire["toPort"],
        protocol=wire["protocol"],
        cidrs=tuple(sorted(wire.get("cidrs") or [])),
        ipv6_cidrs=tuple(sorted(wire.get("ipv6Cidrs") or [])),
        aliases=tuple(sorted(wire.get("cidrListAliases") or [])),
    )


def operation(wire: Any) -> Operation:
    error = " ".join(str(wire.get(k) or "") for k in ("errorCode", "errorDetails")).strip()
    return Operation(wire["id"], wire.get("resourceName", ""), wire.get("status", ""), error)


def host_key(instance: str, algorithm: str, key: str) -> HostKeyLine:
    """A key whose blob says the same algorithm as its label; anything else fails closed."""
    encoded = key.split()[1] if key.startswith(algorithm + " ") else key.strip()
    try:
        blob = base64.b64decode(encoded, validate=True)
        inner = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    except (binascii.Error, ValueError):
        inner = ""
    if not algorithm or inner != algorithm:
        raise ApiFailure(
            "other",
            "GetInstanceAccessDetails",
            f"{instance}: the API gave a {algorithm or 'nameless'} host key that is malformed; "
            "the host cannot be trusted",
        )
    return HostKeyLine(algorithm, encoded)

"""What the Lightsail API said, as plain frozen values. No boto3, no decisions, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

ANYWHERE = "0.0.0.0/0"
#: An unattached static IP, USD a month (0.005 an hour); attached ones are free.
UNATTACHED_IP_USD = 3.65


@dataclass(frozen=True, order=True)
class PortRule:
    """One allow rule of the Lightsail firewall, in canonical form."""

    from_port: int
    to_port: int
    protocol: str = "tcp"
    cidrs: tuple[str, ...] = ()
    ipv6_cidrs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        ports = str(self.from_port) if self.from_port == self.to_port else ""
        ports = ports or f"{self.from_port}-{self.to_port}"
        sources = [*self.cidrs, *self.ipv6_cidrs, *self.aliases]
        shown = ["anywhere" if ip_network(s).prefixlen == 0 else s for s in sources if "/" in s]
        shown += [s for s in sources if "/" not in s]
        protocol = "" if self.protocol == "tcp" else f"{self.protocol} "
        return f"{protocol}{ports} from {', '.join(dict.fromkeys(shown)) or 'nowhere'}"


@dataclass(frozen=True)
class Bundle:
    """A size on sale. `usd` is the price of a month; `memory_mb` is MiB as sold."""

    id: str
    size: str  # nano, micro, ... ; empty when the API does not say
    memory_mb: int
    usd: float
    power: int
    active: bool
    plain_linux: bool  # Linux, a public IPv4 address, no app category


@dataclass(frozen=True)
class Blueprint:
    id: str
    active: bool
    min_power: int
    linux_os: bool  # an operating system for Linux, not an app or Windows


@dataclass(frozen=True)
class Instance:
    name: str
    arn: str
    created_at: str  # ISO 8601, UTC
    state: str
    zone: str
    blueprint_id: str
    bundle_id: str
    tags: tuple[tuple[str, str], ...]
    public_address: str  # empty while there is none
    private_address: str
    user: str
    ip_type: str  # ipv4, dualstack, ipv6
    ports: frozenset[PortRule] | None = None  # None: not asked for

    @property
    def open_ports(self) -> set[PortRule]:
        """The firewall in force: IPv6 rules mean nothing on an instance without IPv6."""
        rules = self.ports or frozenset()
        if self.ip_type != "ipv4":
            return set(rules)
        plain = (
            PortRule(r.from_port, r.to_port, r.protocol, r.cidrs, (), r.aliases) for r in rules
        )
        return {r for r in plain if r.cidrs or r.aliases}


@dataclass(frozen=True)
class StaticIp:
    name: str
    address: str
    attached_to: str  # empty: attached to nothing, and billed


@dataclass(frozen=True)
class KeyPair:
    name: str
    fingerprint: str
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HostKeyLine:
    """A public host key: `algorithm` and base64, as in a known_hosts line."""

    algorithm: str
    key: str


@dataclass(frozen=True)
class Operation:
    """A piece of work at Lightsail."""

    id: str
    resource: str
    status: str
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.status == "Failed"

    @property
    def done(self) -> bool:
        return self.status in ("Succeeded", "Completed", "Failed")


@dataclass(frozen=True)
class Remote:
    """Everything of one account in one region that a plan looks at."""

    bundles: tuple[Bundle, ...]
    blueprints: tuple[Blueprint, ...]
    zones: tuple[str, ...]
    instances: tuple[Instance, ...] = ()
    static_ips: tuple[StaticIp, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()

    def instance(self, name: str) -> Instance | None:
        return next((i for i in self.instances if i.name == name), None)

    def static_ip(self, name: str) -> StaticIp | None:
        return next((s for s in self.static_ips if s.name == name), None)

    def key_pair(self, name: str) -> KeyPair | None:
        return next((k for k in self.key_pairs if k.name == name), None)

    def bundle(self, bundle_id: str) -> Bundle | None:
        return next((b for b in self.bundles if b.id == bundle_id), None)

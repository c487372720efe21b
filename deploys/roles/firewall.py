"""The host's own firewall as one file, in the very form in which `nft list table` prints it.

Needed although Lightsail has a firewall: that one filters public addresses only. The table is
ours alone and is replaced in one transaction, so Docker's rules survive and no moment is open.
Sources are refused in a raw prerouting chain already, because published container ports bypass
the input chain. No counters and no sets: the loaded text can be compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True)
class Opening:
    """A TCP port and the IPv4 networks that may reach it from outside."""

    port: int
    sources: tuple[IPv4Network, ...]
    public: bool = False  # whoever asks


@dataclass(frozen=True)
class Loopback:
    """TCP ports on loopback that only these local users may connect to; with `network`, ports of
    the containers in it, whether by their own address or by one published on loopback."""

    ports: tuple[int, ...]
    users: tuple[str, ...]
    network: str = ""

    @property
    def way_out(self) -> str:
        # What was published on loopback is addressed to the container here, but still leaves by lo.
        return f"ip daddr {self.network}" if self.network else 'oif "lo"'


def opening(port: int, sources: Sequence[IPv4Network | str]) -> Opening:
    """An opening with its sources merged of doubles and in numeric order."""
    return Opening(port, tuple(sorted({IPv4Network(source) for source in sources})))


def public(port: int) -> Opening:
    """An opening for everyone."""
    return Opening(port, (), public=True)


def _source(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _chain(name: str, hook: str, priority: str, policy: str, rules: Sequence[str]) -> list[str]:
    head = f"type filter hook {hook} priority {priority}; policy {policy};"
    return [f"\tchain {name} {{", *(f"\t\t{line}" for line in (head, *rules)), "\t}"]


def table(
    openings: Sequence[Opening],
    loopback: Sequence[Loopback] = (),
    containers: Sequence[tuple[str, str]] = (),
) -> str:
    """The table as `nft --guid list table inet host` prints it once it is loaded. `containers`
    are bridges and their networks: they may ask outwards, and nobody elsewhere may ask them, by
    their own address or by a published port."""
    accepts = [
        f"ip saddr {_source(source)} tcp dport {item.port} accept"
        for item in openings
        for source in item.sources
    ] + [f"tcp dport {item.port} accept" for item in openings if item.public]
    prerouting = [
        'iif "lo" accept',
        "ip daddr 127.0.0.0/8 drop",  # a crafted route must not reach what listens on loopback
        *(f'iifname != "{bridge}" ip daddr {network} drop' for bridge, network in containers),
        *accepts,
        *(f"tcp dport {item.port} drop" for item in openings if not item.public),
    ]
    received = [
        "ct state established,related accept",
        "ct state invalid drop",
        'iif "lo" accept',
        "icmp type { destination-unreachable, echo-request, time-exceeded } accept",
        "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, "
        "parameter-problem, echo-request, nd-router-advert, nd-neighbor-solicit, "
        "nd-neighbor-advert } accept",
        "udp sport 67 udp dport 68 accept",  # DHCP offers are broadcast: conntrack misses them
        "ip6 saddr fe80::/10 udp dport 546 accept",
        *accepts,
    ]
    sent = [
        rule
        for item in loopback
        for port in item.ports
        for rule in (
            *(f'{item.way_out} tcp dport {port} meta skuid "{u}" accept' for u in item.users),
            f"{item.way_out} tcp dport {port} ct state new reject with tcp reset",
        )
    ]
    chains = [_chain("prerouting", "prerouting", "raw", "accept", prerouting)]
    chains.append(_chain("input", "input", "filter", "drop", received))
    if containers:
        # The engine accepts whatever a container publishes, also on every address of the host.
        passed = [f'iifname "{bridge}" accept' for bridge, _ in containers]
        passed.insert(0, "ct state established,related accept")
        chains.append(_chain("forward", "forward", "filter", "drop", passed))
    if sent:
        chains.append(_chain("output", "output", "filter", "accept", sent))
    body = "\n\n".join("\n".join(chain) for chain in chains)
    return f"table inet host {{\n{body}\n}}\n"


def rules_file(managed: str, body: str) -> bytes:
    """The file for `nft -f`: replaces the table in one transaction, whether it was there or not."""
    return f"{managed}\ntable inet host\ndelete table inet host\n{body}".encode()

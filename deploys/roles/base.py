"""What every host gets: ssh without passwords, time, security updates, a bounded journal and its
own firewall. Pure: settings, inventory and machine in, a Role out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from deploys import settings as ports
from deploys.model import Directory, File, Group, Machine, Package, Role, Unit, User
from deploys.render import MANAGED, template
from deploys.roles import firewall
from deploys.roles.hosts import HostLike, of_role, private_addresses
from deploys.settings import BaseSettings

ETC = "/etc/fountainai"
RULES = f"{ETC}/host.nft"
FIREWALL_UNIT = "host-firewall.service"
SSHD = "/etc/ssh/sshd_config.d/10-fountainai.conf"  # sorts before cloud-init's: first value wins
SEARCH_USER = "opensearch"
#: Who may connect to the node's own ports: nginx's workers, root's health check, the node itself.
NODE_USERS = ("root", "www-data", SEARCH_USER)
CONTAINER_BRIDGE = "docker0"
CONTAINER_NETWORK = "172.17.0.0/16"
#: Who may connect to containers: nginx's workers, root's readiness check.
CONTAINER_USERS = ("root", "www-data")


def base_role(
    settings: BaseSettings,
    host: HostLike,
    hosts: Iterable[HostLike],
    machine: Machine,
    door_networks: Sequence[IPv4Network] = (),
) -> Role:
    """The base role of `host`. `hosts` is the whole inventory, `door_networks` the networks from
    `[opensearch]` that may reach the search door besides app hosts, search hosts and operators."""
    search = host.role == "opensearch"
    body = firewall.table(*_rules(settings, host, list(hosts), door_networks), _containers(host))
    units = [
        # Debian's own service loads and flushes every table, Docker's included.
        Unit("nftables.service", enabled=False, running=False),
        Unit(FIREWALL_UNIT, reload_on=(RULES,), firewall=True),
        Unit("ssh.service", reload_on=(SSHD,)),
        Unit("systemd-journald.service", restart_on=(_JOURNALD,)),
    ]
    packages = [Package("nftables"), Package("unattended-upgrades")]
    if not machine.container:  # a container has the time of its machine
        packages.append(Package("systemd-timesyncd"))
        units.append(Unit("systemd-timesyncd.service", restart_on=(_TIMESYNCD,)))
    return Role(
        name="base",
        packages=tuple(packages),
        # The rules name the node's user, so it has to exist before they are loaded.
        groups=(Group(SEARCH_USER),) if search else (),
        users=(search_user(),) if search else (),
        directories=(
            Directory(ETC),
            Directory("/etc/systemd/journald.conf.d"),
            Directory("/etc/systemd/timesyncd.conf.d"),
            Directory("/etc/systemd/system/nftables.service.d"),
        ),
        files=(
            File(
                SSHD,
                template("base/10-fountainai.conf.j2", tunnel_to=_tunnel(host)),
                mode=0o600,
                validate=("/usr/sbin/sshd", "-t", "-f", "{}"),
            ),
            File(
                RULES,
                firewall.rules_file(MANAGED, body),
                mode=0o600,
                validate=("/usr/sbin/nft", "-c", "-f", "{}"),
            ),
            File(
                f"/etc/systemd/system/{FIREWALL_UNIT}",
                template("base/host-firewall.service.j2", rules=RULES),
            ),
            File(
                "/etc/systemd/system/nftables.service.d/10-fountainai.conf",
                template("base/nftables.service.d.conf.j2"),
            ),
            File(
                "/etc/apt/apt.conf.d/52fountainai-upgrades",
                template(
                    "base/52fountainai-upgrades.j2",
                    ubuntu=machine.os_id == "ubuntu",
                    auto_reboot=settings.auto_reboot,
                ),
            ),
            File(_JOURNALD, template("base/journald.conf.j2", journal_mb=settings.journal_mb)),
            File(_TIMESYNCD, template("base/timesyncd.conf.j2")),
        ),
        units=tuple(units),
        disk_mb=200,
    )


_JOURNALD = "/etc/systemd/journald.conf.d/10-fountainai.conf"
_TIMESYNCD = "/etc/systemd/timesyncd.conf.d/10-fountainai.conf"


def search_user() -> User:
    """The account of the search node; both roles of a search host declare the same one."""
    return User(SEARCH_USER, SEARCH_USER, home="/var/lib/opensearch")


def _tunnel(host: HostLike) -> str:
    """Where an operator may tunnel to: the door alone, which still asks for a certificate."""
    return f"{host.private_address}:{ports.DOOR_PORT}" if host.role == "opensearch" else ""


def _containers(host: HostLike) -> list[tuple[str, str]]:
    return [(CONTAINER_BRIDGE, CONTAINER_NETWORK)] if host.role == "app" else []


def _rules(
    settings: BaseSettings,
    host: HostLike,
    hosts: list[HostLike],
    door_networks: Sequence[IPv4Network],
) -> tuple[list[firewall.Opening], list[firewall.Loopback]]:
    operators = settings.operator_networks
    openings = [firewall.opening(22, operators)]
    if host.role == "app":
        gateways = private_addresses(of_role(hosts, "kong"))
        openings.append(firewall.opening(ports.APP_PORT, [*operators, *gateways]))
        bridge = firewall.Loopback((ports.CONTAINER_PORT,), CONTAINER_USERS, CONTAINER_NETWORK)
        return openings, [bridge]
    if host.role == "kong":
        openings.append(firewall.public(ports.GATEWAY_PORT))
        return openings, [firewall.Loopback((ports.KONG_STATUS_PORT,), ("root",))]
    if host.role != "opensearch":
        return openings, []
    peers = private_addresses(h for h in of_role(hosts, "opensearch") if h.name != host.name)
    apps = private_addresses(of_role(hosts, "app"))
    openings.append(firewall.opening(ports.DOOR_PORT, [*operators, *door_networks, *apps, *peers]))
    # Listed also without peers: then nobody may reach it.
    openings.append(firewall.opening(ports.TRANSPORT_PORT, peers))
    return openings, [firewall.Loopback((ports.NODE_PORT, ports.NODE_TRANSPORT_PORT), NODE_USERS)]

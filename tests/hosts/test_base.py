"""What every host is: reached by keys alone, closed by its own firewall, updated, on record."""

from __future__ import annotations

import base64
import difflib
import re

from testinfra.host import Host as Shell

from deploys.model import Machine
from deploys.placement import app_hosts, containers_of
from deploys.roles.app import SWITCHES
from deploys.roles.base import RULES, base_role
from deploys.roles.hosts import loopback_of
from deploys.settings import (
    APP_PORT,
    DOOR_PORT,
    GATEWAY_PORT,
    KONG_STATUS_PORT,
    NODE_PORT,
    NODE_TRANSPORT_PORT,
    TRANSPORT_PORT,
)
from inventories.loader import Host
from tests.hosts.support import Site

#: What the OS itself may listen with: its resolver and clock on loopback, its DHCP client.
OF_THE_OS = re.compile(
    r"udp (127\.0\.0\.5[34]|127\.0\.0\.1|\[::1\])(%lo)?:(53|323) (systemd-resolve|chronyd)"
    r"|tcp 127\.0\.0\.5[34](%lo)?:53 systemd-resolve"
    r"|udp \S+:(68|546) (systemd-network|dhclient)"
    r"|tcp 127\.0\.0\.1:\d+ containerd"  # its streaming server, on a port of its own choice
)


def listening(host: Shell) -> set[str]:
    """Every socket that waits for somebody, as `tcp address:port process`."""
    found = set()
    for line in host.check_output("ss -Hltnup").splitlines():
        protocol, _, _, _, local, *rest = line.split()
        name = re.search(r'\(\("([^"]+)"', " ".join(rest))
        local = local.replace("[::ffff:", "").replace("]:", ":", "::ffff:" in local)
        # `*` is one socket for both families.
        for each in (f"0.0.0.0{local[1:]}", f"[::]{local[1:]}") if local[0] == "*" else (local,):
            found.add(f"{protocol} {each} {name[1] if name else '?'}")
    return found


def wanted(site: Site, me: Host, host: Shell) -> set[str]:
    """The whole list of what may listen on a host, by its role."""
    out = {"tcp 0.0.0.0:22 sshd", "tcp [::]:22 sshd"}
    if me.role == "kong":
        process = "kong" if site.spec.kong.package == "standin" else "nginx"
        own = (f"0.0.0.0:{GATEWAY_PORT}", f"127.0.0.1:{KONG_STATUS_PORT}")
        return out | {f"tcp {address} {process}" for address in own}
    if me.role == "app":
        out.add(f"tcp {me.private_address}:{APP_PORT} nginx")
        placed = app_hosts(site.spec.hosts, [me])
        groups = [group for each in placed for group in containers_of(site.spec.app, each)]
        green = [host.file(f"{SWITCHES}/{group.name}.green").exists for group in groups]
        ports = [group.ports[colour] for group, colour in zip(groups, green, strict=True)]
        return out | {f"tcp 127.0.0.1:{port} dockerd" for port in ports}
    out |= {f"tcp {me.private_address}:{DOOR_PORT} nginx", f"tcp 127.0.0.1:{NODE_PORT} java"}
    peers = [h for h in site.inventory.by_role("opensearch") if h.name != me.name]
    if not peers:
        return out | {f"tcp 127.0.0.1:{NODE_TRANSPORT_PORT} java"}
    own = loopback_of(me.private_address)
    others = (loopback_of(h.private_address) for h in peers)
    return out | {
        f"tcp {me.private_address}:{TRANSPORT_PORT} nginx",
        f"tcp {own}:{NODE_TRANSPORT_PORT} java",
        *(f"tcp {other}:{NODE_TRANSPORT_PORT} nginx" for other in others),
    }


def test_listening_sockets_are_exactly_the_wanted_ones(site: Site, me: Host, host: Shell) -> None:
    """A forgotten listener is how hosts are lost; the whole list is compared, not a sample."""
    # Ubuntu's ssh is started by its socket, which systemd holds.
    found = {x.replace(":22 systemd", ":22 sshd") for x in listening(host)}
    assert {x for x in found if not OF_THE_OS.fullmatch(x)} == wanted(site, me, host)


def test_firewall_is_exactly_the_wanted_rule_set(
    site: Site, me: Host, host: Shell, machine: Machine
) -> None:
    """The wanted rules are loaded by the host's own nft in an empty network and printed back, so
    both sides are in the same words."""
    role = base_role(site.spec.base, me, site.known, machine, site.spec.opensearch.door_networks)
    rules = next(f.content for f in role.files if f.path == RULES)
    text = base64.b64encode(rules).decode()
    again = "unshare -n sh -c 'nft -f - && nft --guid list table inet host'"
    should = host.check_output(f"echo {text} | base64 -d | {again}").splitlines()
    loaded = host.run("nft --guid list table inet host")
    assert loaded.rc == 0, f"the firewall is not loaded: {loaded.stderr}"
    difference = "\n".join(
        difflib.unified_diff(should, loaded.stdout.strip().splitlines(), "wanted", "loaded")
    )
    assert not difference, f"the firewall of {me.name} differs:\n{difference}"


def test_firewall_has_no_table_of_somebody_else(me: Host, host: Shell) -> None:
    """A second table could drop what ours accepts. Docker brings its own to app hosts."""
    tables = set(host.check_output("nft list tables").splitlines())
    docker = {t for t in tables if re.fullmatch(r"table ip6? (nat|filter|raw)", t)}
    assert tables - (docker if me.role == "app" else set()) == {"table inet host"}


def test_firewall_comes_back_at_boot_and_is_never_flushed(host: Shell) -> None:
    """Debian's own service would flush every table when it stops."""
    assert host.service("host-firewall").is_enabled
    assert host.service("host-firewall").is_running
    assert not host.service("nftables").is_enabled


def test_sshd_takes_keys_only_and_never_root(me: Host, host: Shell) -> None:
    """The effective options count, whatever drop-in they come from: the first one read wins."""
    shown = host.check_output("sshd -T").splitlines()
    options = {line.split(" ", 1)[0]: line.split(" ", 1)[-1] for line in shown}
    expected = {
        "permitrootlogin": "no", "passwordauthentication": "no", "pubkeyauthentication": "yes",
        "kbdinteractiveauthentication": "no", "permitemptypasswords": "no",
        "hostbasedauthentication": "no", "x11forwarding": "no", "gatewayports": "no",
        "allowagentforwarding": "no", "allowstreamlocalforwarding": "no", "permittunnel": "no",
        "permituserenvironment": "no", "port": "22",
    }  # fmt: skip
    if me.role == "opensearch":
        expected |= {
            "allowtcpforwarding": "local",
            "permitopen": f"{me.private_address}:{DOOR_PORT}",
        }
    else:
        expected |= {"allowtcpforwarding": "no"}
    assert {key: options.get(key) for key in expected} == expected


def test_no_account_has_a_password(host: Shell) -> None:
    """sudo and login by password are impossible when there is none."""
    lines = host.check_output("cat /etc/shadow").splitlines()
    # `!`, `*` and `!*` are no passwords; a hash begins with `$`, and an empty field lets anybody in
    bad = [x.split(":")[0] for x in lines if not x.split(":")[1].startswith(("!", "*"))]
    assert bad == []


def test_security_updates_install_themselves(host: Shell) -> None:
    """Security updates and nothing else, by the timer of the OS."""
    config = host.check_output("apt-config dump")
    for line in (
        'APT::Periodic::Update-Package-Lists "1";', 'APT::Periodic::Unattended-Upgrade "1";',
    ):  # fmt: skip
        assert line in config
    origins = re.findall(r"^Unattended-Upgrade::(?:Origins-Pattern|Allowed-Origins):: (.*)", config,
                         re.MULTILINE)  # fmt: skip
    assert len(origins) == 1, origins
    assert "-security" in origins[0]
    assert host.package("unattended-upgrades").is_installed
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_enabled, timer
        assert host.service(timer).is_running, timer


def test_clock_is_kept_and_right(host: Shell, machine: Machine) -> None:
    """Certificates and request signatures fail on a host whose clock is off."""
    import time

    assert abs(int(host.check_output("date +%s")) - time.time()) < 30
    if not machine.container:  # a container has the clock of its machine
        assert host.service("systemd-timesyncd").is_running


def test_journal_is_kept_and_bounded(site: Site, host: Shell) -> None:
    assert host.file("/var/log/journal").is_directory
    shown = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    sizes = re.findall(r"^SystemMaxUse=(\w+)", shown, re.MULTILINE)
    assert sizes[-1:] == [f"{site.spec.base.journal_mb}M"]


def test_no_unit_has_failed(host: Shell) -> None:
    assert host.check_output("systemctl list-units --failed --no-legend --plain") == ""

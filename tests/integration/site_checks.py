"""What is looked at in a whole site: the memory of its smallest host, and where its secrets are."""

from __future__ import annotations

import re
import time
from pathlib import Path

from inventories.lab import overlay, registry, state
from inventories.worlds import world
from tests.integration.site_failures import SOCKET, host_of
from tests.integration.site_load import under_load
from tests.integration.site_support import WholeSite


def memory(site: WholeSite) -> dict[str, int]:
    """Resident KiB of what an app host runs, by program; the container's are named `services`."""
    shown = site.ssh(host_of(site, "app"), "ps -eo rss=,user=,comm=")
    sums: dict[str, int] = {}
    for line in shown.splitlines():
        rss, user, name = line.split(None, 2)
        name = "services" if user == "story" and name != "tini" else name
        sums[name] = sums.get(name, 0) + int(rss)
    return sums


def fits(site: WholeSite, seconds: float) -> None:
    """Everything of the app host within its real limit, under 10 requests/s for that long."""
    host = host_of(site, "app")
    group = Path("/sys/fs/cgroup/memory/fountainai-lab") / site.env / host
    most: dict[str, int] = {}
    with under_load(site, 10) as load:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for name, kib in memory(site).items():
                most[name] = max(kib, most.get(name, 0))
    limit, peak = (
        int((group / f"memory.{name}").read_text()) >> 20
        for name in ("limit_in_bytes", "max_usage_in_bytes")
    )
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    own = int(stat["total_rss"]) >> 20
    print(f"{host}: limit {limit} MB, peak with page cache {peak} MB, anonymous now {own} MB")
    for name, kib in sorted(most.items(), key=lambda item: -item[1]):
        if kib > 2048:
            print(f"  {name}: {kib / 1024:.0f} MB resident at most")
    assert load.failed == []  # after the figures, which say what it failed of
    assert limit == 512
    killed = "".join(path.read_text() for path in group.rglob("memory.oom_control"))
    assert set(re.findall(r"oom_kill (\d+)", killed)) == {"0"}
    wanted = {"services", "dockerd", "containerd", "containerd-shim", "nginx"}
    assert wanted <= set(most), most
    assert own < limit * 3 // 4


def planted(site: WholeSite) -> dict[str, str]:
    """Every secret that has no business anywhere but in its own file."""
    secrets, lab = world(site.env).secrets, state.load(site.env)
    found = {"API key": (secrets / "api_key").read_text().strip()}
    for user in (registry.PUSHES, registry.PULLS):
        found[f"registry token of {user}"] = registry.token(lab, user).read_text().strip()
    for path in sorted(secrets.rglob("*.key")):
        key = path.read_bytes()
        pem = key.startswith(b"-----BEGIN")
        found[path.name] = key.splitlines()[1].decode() if pem else key.hex()
    return found


def no_secret_shows(site: WholeSite) -> None:
    """In nothing that was ever printed, no log, no process, no container's description and no file
    that others than its owner may read."""
    secrets = planted(site)
    assert len(secrets) >= 6
    said = "".join(site.output)
    ask = (
        "find / -xdev -type f -perm -o=r -size -20M -not -path '/proc/*' -not -path '/sys/*' "
        "-exec grep -lF -f /root/.planted {} + ; "
        "journalctl -q --no-pager | grep -F -f /root/.planted; "
        "cat /var/log/kong/* /var/lib/fountainai/*.json* | grep -F -f /root/.planted; "
        "grep -laF -f /root/.planted /proc/[0-9]*/cmdline /proc/[0-9]*/environ; "
        f"for id in $({SOCKET} 'http://engine/containers/json?all=1' | grep -o '\"Id\":\"[0-9a-f]*'"
        f" | cut -d'\"' -f4); do {SOCKET} http://engine/containers/$id/json; "
        f"{SOCKET} --output - 'http://engine/containers/$id/logs?stdout=1&stderr=1'; done "
        "| grep -aF -f /root/.planted; rm /root/.planted"
    )
    for name, secret in secrets.items():
        assert secret not in said, f"{name} was printed"
    for host in site.hosts:
        lines = "\n".join(secrets.values())
        write = f"(umask 077; cat > /root/.planted <<'ENDS'\n{lines}\nENDS\n)\n"
        found = site.ssh(host.name, f"{write}exec 2>/dev/null; {ask}")
        for name, secret in secrets.items():
            found = found.replace(secret, f"<{name}>")
        assert found == "", f"{host.name}: {found}"
    assert overlay.read(state.load(site.env))["secrets"]["registry_token"].keys() == {"file"}

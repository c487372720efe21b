"""Hosts that come to a site and leave it while storytellers work: what its tests share."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import tomli_w

from inventories.lab import overlay, state
from tests.integration.site_load import Load, kept, under_load
from tests.integration.site_support import SITE, WholeSite
from tests.labs import until

RATE = 6  # requests a second: what is shown is that none fails, not how many fit
STALL_MS = 400  # on a machine with nothing to spare; a request is given two seconds
GONE = "provision destroy {} --env {} ends its cost"


def wanted(site: WholeSite, *more: tuple[str, str, str]) -> None:
    """Name these hosts (name, role, size) in the site file, besides the three of every site."""
    found = state.load(site.env)
    data = overlay.read(found)
    data["hosts"] = [dict(zip(("name", "role", "size"), host, strict=True)) for host in more]
    Path(str(found.overlay)).write_text(tomli_w.dumps(data))
    site.run("provision", "apply", "--yes", "--env", site.env)
    site.reloaded()


def text_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def received(site: WholeSite, host: str) -> int:
    """Bytes that a host's nginx has read from the connections the gateway keeps open to it."""
    shown = site.ssh(host, "ss -Htin state established '( sport = :8443 )'")
    return sum(
        int(word.partition(":")[2]) for word in shown.split() if word.startswith("bytes_received:")
    )


def unchanged(site: WholeSite) -> str:
    """Another run finds nothing to do on any host."""
    text = text_of(site.converge())
    assert text.count("] no changes (") == len(site.hosts), text
    return text


def gone(site: WholeSite, name: str) -> None:
    """Destroy a host that has left, and let the others forget it."""
    site.run("provision", "destroy", name, "--yes", "--env", site.env)
    assert name not in {host.name for host in site.reloaded().hosts}
    site.converge()
    unchanged(site)


def failed(site: WholeSite, load: Load) -> list[str]:
    """What failed, but for what a search host's Java made wait by collecting its whole heap: it
    does so when it has just started, for seconds on processors that all hosts of a lab share."""
    stalls = set()
    for host in (host.name for host in site.hosts if host.role == "opensearch"):
        for line in site.ssh(
            host, "grep 'Pause Full' /var/log/opensearch/gc.log; true"
        ).splitlines():
            if float(line.split()[-1].removesuffix("ms")) > STALL_MS:
                at = datetime.fromisoformat(line[1:29]).astimezone()
                stalls |= {f"{at + timedelta(seconds=s):%H:%M:%S}" for s in range(-3, 4)}
    excused = [x for x in load.failed if x[:8] in stalls and "no answer in time" in x]
    print(f"{len(excused)} requests met a search host that collected its heap")
    return [text for text in load.failed if text not in excused]


def refused(site: WholeSite, *argv: str) -> str:
    done = site.run(*argv, check=False)
    assert done.returncode == 1, text_of(done)
    assert "Traceback" not in text_of(done)
    return text_of(done)


def app_host_joins_and_leaves(site: WholeSite) -> None:
    """A second app host takes its share and leaves again; nobody's request fails."""
    wanted(site, ("app-2", "app", "nano"))  # before: making a host takes this machine's disk
    with under_load(site, RATE) as load:
        destroy = ("provision", "destroy", "app-2", "--yes", "--env", site.env)
        site.converge()
        until(lambda: min(received(site, name) for name in ("app-1", "app-2")) > 10_000, 60)
        assert "app-2 is in site.toml" in refused(site, *destroy)
        alone = text_of(site.pyinfra(SITE, "-y", "--limit", "app-2"))
        assert alone.count("] no changes (") == 1, alone

        wanted(site)
        assert "app-2" in {host.name for host in site.hosts}, "a run has to reach it"
        assert "no run has seen it idle" in refused(site, *destroy)
        alone = text_of(site.pyinfra(SITE, "-y", "--limit", "app-2"))
        assert "[app-2] leaves: run deploys/site.py for the whole site" in alone
        shown = text_of(site.pyinfra(SITE, "--dry"))
        assert "[app-2]   > leaves: the others stop using it" in shown
        assert received(site, "app-2") > 0

        told = text_of(site.converge())
        last = f"no requests any more; {GONE.format('app-2', site.env)}"
        assert f"[app-2] leaves: {last}" in told
        assert received(site, "app-2") == 0
        running = "systemctl is-active docker.service nginx.service"
        assert site.ssh("app-2", running).split() == ["active", "active"]
        assert f"[app-2] no changes (leaves: {last})" in unchanged(site)
        gone(site, "app-2")
    assert failed(site, load) == []
    kept(site, load)

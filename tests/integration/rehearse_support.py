"""What the tests of the rehearsal share: the state of the hosts' world, secrets, who was running.

World state is what the hosts say of themselves: digests, start times and process ids, never what
a tool reports of its own work.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from inventories.lab.driver import LabDriver
from inventories.lab.lightsail.access import PLANTED_SECRETS
from inventories.loader import load_hosts
from inventories.worlds import world
from tests.labs import ROOT, Site

UNITS = "nginx opensearch docker kong ssh host-firewall systemd-journald"
WORLD = """
python3 - <<'END'
import json
for key in json.load(open('/var/lib/fountainai/applied.json'))['entries']:
    kind, path = key.split(':', 1)
    if kind in ('file', 'directory', 'link'):
        print(path)
END
"""
STATE = f"""
set -e
paths=$({WORLD.strip()}
)
stat -c '%n %F %a %U %G %Z' $paths
for path in $paths; do if test -f $path; then sha256sum $path; fi; done
systemctl show -p Id,MainPID,ActiveEnterTimestampMonotonic {UNITS}
ps -eo pid,lstart,args | grep -E '[s]tory_services.main|[n]ginx: (master|worker)|[k]ong' || true
nft --guid --stateless list ruleset
find /var/lib/fountainai -type f -print0 | sort -z | xargs -0 sha256sum
"""


def site_of(env: str) -> Site:
    """A lab that stands, as the tests of the engine see one."""
    return Site(env, LabDriver(env), list(load_hosts(env).hosts.values()))


def world_state(site: Site) -> dict[str, str]:
    """Host -> digests, rights, change times, unit start times, process ids and firewall."""
    return {host.name: site.ssh(host.name, STATE) for host in site.hosts}


def secrets_of(site: Site) -> list[str]:
    """A text out of each secret of the environment that nobody else has: a line of every private
    key, on the operator's machine and on the hosts, and the marks of the API's temporary key."""
    folder = world(site.env).secrets
    pairs = [(path.read_text(), "") for path in sorted(folder.rglob("*.key"))
             if b"PRIVATE KEY" in path.read_bytes()]  # fmt: skip
    pairs.append(((folder / "ssh/id_rsa").read_text(), ""))
    for host in site.hosts:
        for kind in ("rsa", "ecdsa", "ed25519"):
            path = f"/etc/ssh/ssh_host_{kind}_key"
            pairs.append(
                (site.ssh(host.name, f"cat {path}"), site.ssh(host.name, f"cat {path}.pub"))
            )
    record = (folder / "record.key").read_bytes().hex()
    return [*(_own_line(pem, public) for pem, public in pairs), record, *PLANTED_SECRETS]


def _own_line(pem: str, public: str) -> str:
    """The last full line that is not of the public half; first lines are alike for a kind."""
    lines = [line for line in pem.splitlines() if not line.startswith("-----")]
    full = [line for line in lines if len(line) == len(lines[0]) and line not in public]
    return full[-1]


def readable_by_all(site: Site, host: str, texts: list[str]) -> str:
    """World-readable files and journal lines of a host that hold one of the texts."""
    pattern = "\n".join(texts)
    return site.ssh(
        host,
        f"""
umask 077; list=$(mktemp); trap 'rm -f $list' EXIT
cat > $list <<'END'
{pattern}
END
for folder in /etc /opt /usr/local /var /home /root /srv /run /tmp; do
  find $folder -xdev -type f -perm -004 -size -4M -print0 | xargs -0r grep -lF -f $list || true
done
journalctl -q --no-pager -o cat | grep -F -f $list || true
""",
    )


class ProcessList:
    """Every command line that any process of the machine had while this was open."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.15):
                for path in Path("/proc").glob("[0-9]*/cmdline"):
                    with contextlib.suppress(OSError):
                        self.seen.add(
                            path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                        )

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def make(target: str, env: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`make TARGET` as a person types it, for one lab."""
    given = {**os.environ, "FOUNTAINAI_COMMIT": "tested", "NO_COLOR": "1", **variables}
    given.pop("DEPLOY_ENV", None)
    return subprocess.run(
        ["make", "--no-print-directory", target, f"LAB={env}"], cwd=ROOT, env=given, text=True,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=1500,
    )  # fmt: skip

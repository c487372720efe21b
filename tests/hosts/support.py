"""What the suite on real hosts shares: the site under test, and requests at the search door.

Everything comes from the generated inventory; ssh is the generated ssh_config, strict host keys
included. The door is reached as an operator reaches it in production: through ssh.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import testinfra
from testinfra.host import Host as Shell

from deploys import leaving
from deploys.model import Machine
from deploys.trust import gateway_pair, registry_token
from inventories.loader import Host, Inventory, load_hosts
from inventories.spec import Role, SiteSpec, load_site
from inventories.worlds import World, world

LEAVES = "converge, then provision destroy {name} --env {env}, or name it in site.toml again"


@dataclass
class Site:
    """The environment under test. `notes` is what the person reads after the tests."""

    where: World
    inventory: Inventory
    spec: SiteSpec
    control: Path  # folder of ssh's control sockets
    notes: list[str] = field(default_factory=list)
    began: float = field(
        default_factory=lambda: time.time() - 60
    )  # clocks may differ by half of it

    @classmethod
    def load(cls, control: Path) -> Site:
        """The site of DEPLOY_ENV; ProvisionError when there is none."""
        where = world()
        site = cls(where, load_hosts(where.env), load_site(where), control)
        site.notes += [
            f"Not tested: {name} leaves; {LEAVES.format(name=name, env=where.env)}"
            for name in sorted(site.going)
        ]
        return site

    @property
    def known(self) -> list[Host]:
        """All hosts that provisioning left, those that leave included: firewalls know them."""
        return list(self.inventory.hosts.values())

    @property
    def hosts(self) -> list[Host]:
        """The hosts under test: a host that leaves is not what the site file says, by intent, and
        may be broken for good."""
        return leaving.staying(self.known, self.going)

    @property
    def going(self) -> frozenset[str]:
        """Names of the hosts that the site file does not name any more."""
        return leaving.leaving(self.spec.hosts, self.known)

    def by_role(self, role: Role) -> list[Host]:
        """The hosts of a role that are under test."""
        return [host for host in self.hosts if host.role == role]

    def outside(self, host: Host) -> str:
        """Where everybody meets a host. A lab has private addresses only: what SSH dials there may
        be the way through its slow line."""
        return host.private_address if self.where.is_lab else host.address

    def ssh(self, host: Host, *options: str) -> list[str]:
        """The command for a host, over the one connection to it that all share."""
        config = ["-F", str(self.inventory.paths.ssh_config), "-S", str(self.control / host.name)]
        return ["ssh", *config, "-o", "BatchMode=yes", *options, host.name]

    def shell(self, host: Host) -> Shell:
        """The host as testinfra sees it, as root through sudo."""
        return testinfra.get_host(
            f"ssh://{host.name}", ssh_config=str(self.inventory.paths.ssh_config), sudo=True,
            controlpath=str(self.control / host.name), controlpersist=300,
        )  # fmt: skip

    def on(self, host: Host, script: ModuleType, task: Any, *, limit_s: float = 120) -> Any:
        """What `run(task)` of a module with nothing but the standard library says on a host, as
        root. Script and task go in by stdin: what is secret in them is in no argument or file."""
        work = json.dumps({"code": inspect.getsource(script), "task": task})
        done = subprocess.run(
            [*self.ssh(host), "sudo", "-n", "python3", "-c", f"'{_LOADER}'"],
            input=work, text=True, capture_output=True, timeout=limit_s,
        )  # fmt: skip
        assert done.returncode == 0, f"{host.name}: {done.stderr.strip()[-600:]}"
        return json.loads(done.stdout)

    def unreachable(self) -> str:
        """Why a host cannot be tested; "" when all answer. Opens the connections on the way."""
        opened = {host.name: self.opening(host) for host in self.hosts}
        said = {name: last_words(process) for name, process in opened.items()}
        bad = [f"{name} cannot be tested: {text}" for name, text in said.items() if text]
        return "; ".join(bad)

    def opening(self, host: Host) -> subprocess.Popen[str]:
        """Open the connection that all share; ends when it is there, its error tells why not."""
        shared = (
            "-o",
            "ConnectTimeout=15",
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=300s",
        )
        return subprocess.Popen(
            [*self.ssh(host, *shared), "sudo", "-n", "true"], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def reboot(self, host: Host, limit_s: float = 300) -> None:
        """Restart a host in order, and come back when it takes connections again."""
        alone = ["-S", "none", "-o", "ConnectTimeout=5"]
        which = [*self.ssh(host, *alone), "cat", "/proc/sys/kernel/random/boot_id"]

        def boot() -> str:
            return subprocess.run(which, capture_output=True, text=True, check=False).stdout

        before = boot()
        subprocess.run(self.ssh(host, "-O", "exit"), capture_output=True, check=False)
        restart = [*self.ssh(host, *alone), "sudo", "-n", "systemctl", "reboot"]
        subprocess.run(restart, capture_output=True, check=False)  # its end ends the connection
        until(lambda: boot() not in ("", before), limit_s, pause_s=0.3)
        reason = last_words(self.opening(host))
        assert not reason, f"{host.name} after its reboot: {reason}"

    def close(self) -> None:
        """End the connections: nothing of ours stays behind."""
        for host in self.hosts:
            subprocess.run(self.ssh(host, "-O", "exit"), capture_output=True, check=False)

    @property
    def pki(self) -> Path:
        return self.where.secrets / "pki"

    def words(self) -> dict[str, bytes]:
        """What may be read nowhere but where it belongs, by its name: API keys and a line of every
        private key that the operator's machine has."""
        found, folder = {}, self.where.secrets
        for path in (folder / "api_key", *folder.glob("keys/*.json")):
            for n, word in enumerate(re.findall(rb"[A-Za-z0-9._~+/=:@-]{32,}", path.read_bytes())):
                found[f"API key {n} of {path.name}"] = word
        files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        if own := gateway_pair(self.spec):
            files["of the gateway's own pair"] = own.key.reveal()
        for name, content in files.items():
            if b"PRIVATE KEY" in content:
                lines = content.splitlines()
                # Where the private part is in each form; a public part may be read.
                found[f"the key {name}"] = lines[2 if len(lines) < 8 else len(lines) * 3 // 4]
        if token := registry_token(self.spec):
            found["the registry's token"] = token.reveal()
        return found

    def credentials(self, role: str) -> tuple[Path, Path]:
        """Certificate and key of a client role; they are read here, never made."""
        return self.pki / f"{role}.pem", self.pki / f"{role}.key"


_LOADER = (
    'import json, sys; work = json.load(sys.stdin); names = {}; exec(work["code"], names); '
    'json.dump(names["run"](work["task"]), sys.stdout)'
)


def last_words(process: subprocess.Popen[str]) -> str:
    _, error = process.communicate(timeout=60)
    lines = error.strip().splitlines()
    return (lines[-1] if lines else "no reason given") if process.returncode else ""


def machine_of(shell: Shell) -> Machine:
    """What the host is, read on the host and not through the code under test."""
    release = dict(
        line.replace('"', "").split("=", 1)
        for line in shell.file("/etc/os-release").content_string.splitlines()
        if "=" in line
    )
    total = int(shell.check_output("grep MemTotal: /proc/meminfo").split()[1])
    return Machine(
        memory_mb=total // 1024,
        cpus=int(shell.check_output("nproc")),
        arch=shell.check_output("dpkg --print-architecture"),
        os_id=release["ID"],
        os_version=release["VERSION_ID"],
        os_codename=release["VERSION_CODENAME"],
        container=shell.run("systemd-detect-virt --container").rc == 0,
    )


def until(what: Callable[[], bool], limit_s: float, pause_s: float = 0.1) -> None:
    """Poll until true; fail after the limit."""
    deadline = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(pause_s)

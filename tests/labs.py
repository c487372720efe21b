"""Rehearsal hosts for tests of the engine: made by the lab's driver, without the API between.

The inventory files are written as provisioning writes them, so `pyinfra inventory.py` runs
unchanged. Whatever happens, leaving the context removes hosts, network and files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from inventories.lab import lifecycle, machine, rootfs, state
from inventories.lab.driver import LabDriver
from inventories.loader import Host, HostKey, as_json, env_paths
from inventories.ssh import known_hosts, ssh_config
from inventories.worlds import world

ROOT = Path(__file__).resolve().parent.parent
OVERLAY = ROOT / "inventories/lab/site.toml"
PYINFRA = ROOT / ".venv/bin/pyinfra"


@dataclass
class Site:
    """A lab with running hosts, reached as a person would: pyinfra and ssh from the root."""

    env: str
    driver: LabDriver
    hosts: list[Host]
    output: list[str] = field(default_factory=list)  # all that was ever printed

    @property
    def environment(self) -> dict[str, str]:
        fixed = {"NO_COLOR": "1", "PYINFRA_PROGRESS": "off", "FOUNTAINAI_COMMIT": "tested"}
        return {**os.environ, **fixed, "DEPLOY_ENV": self.env}

    def command(self, deploy: str, *flags: str) -> list[str]:
        return [str(PYINFRA), "inventory.py", deploy, *flags]

    def pyinfra(
        self, deploy: str, *flags: str, timeout: int = 600, **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(deploy, *flags), cwd=ROOT, env={**self.environment, **env}, text=True,
            capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.output.append(done.stdout + done.stderr)
        return done

    def ssh(self, host: str, command: str, *, check: bool = True, stdin: str = "") -> str:
        """Run a command as root on a host; its standard output."""
        config = world(self.env).generated / "ssh_config"
        done = subprocess.run(
            ["ssh", "-F", str(config), host, "sudo", "-n", "sh", "-s"], input=command,
            text=True, capture_output=True, timeout=120,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{host}: {command}\n{done.stdout}{done.stderr}")
        return done.stdout


def write_inventory(env: str, hosts: Sequence[Host]) -> None:
    where = world(env)
    where.generated.mkdir(parents=True, exist_ok=True)
    paths = env_paths(where)
    text = as_json(list(hosts), env=env, site="fountainai", region="eu-central-1")
    (where.generated / "hosts.json").write_text(text)
    paths.known_hosts.write_text(known_hosts(list(hosts)))
    paths.ssh_config.write_text(ssh_config(list(hosts), paths))


def _ssh_key(env: str) -> str:
    path = env_paths(world(env)).private_key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = rsa.generate_private_key(65537, 3072)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


@contextmanager
def site(
    env: str, hosts: dict[str, tuple[str, int]], *, rtt_ms: int = 0, overlay: Path = OVERLAY
) -> Iterator[Site]:
    """A lab `env` with `hosts`: name -> (role, memory in MiB). Removes what a killed run left."""
    machine.check()
    machine.install(lambda _: None)
    rootfs.image()
    lifecycle.down(env)
    try:
        with state.locked(state.ROOT / env, what=f"lab {env}"):
            lab = lifecycle.make(env, rtt_ms=rtt_ms)
            lab.changed(api="http://127.0.0.1:9", overlay=str(overlay))
        public, driver = _ssh_key(env), LabDriver(env)

        def create(item: tuple[str, tuple[str, int]]) -> Host:
            name, (role, memory) = item
            made = driver.create(name, memory, 8, "admin", [public])
            keys = tuple(HostKey(algorithm=a, key=k) for a, k in made.host_keys)
            return Host(
                name=name, role=role, address=made.address, private_address=made.address,
                port=made.port, user="admin", size="micro", bundle_id="micro_3_0",
                memory_mb=memory, created_at="now", arn=f"arn:{name}", state="running",
                host_keys=keys,
            )  # fmt: skip

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(create, hosts.items()))
        write_inventory(env, made)
        yield Site(env, driver, made)
    finally:
        lifecycle.down(env)
        shutil.rmtree(ROOT / "inventories/generated" / env, ignore_errors=True)
        shutil.rmtree(ROOT / ".secrets" / env, ignore_errors=True)


def until(what: Callable[[], bool], limit_s: float = 30) -> None:
    """Poll until true; fail after the limit."""
    deadline = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < deadline, "not within the limit"
        time.sleep(0.1)
